"""How are alerts sent elsewhere as well? Through Apprise, which knows the services; the log stays the first place.

A sink that fails, is slow or hangs never delays the bot: alerts go into a short queue, one task sends them from there
in a thread with a deadline, and what does not fit is dropped, oldest first, and counted. The threads are the sink's
own: shared ones would keep names from being looked up while they hang, and the process from ending. Addresses hold
secrets and are never logged.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from bot.domain.errors import ConfigError
from bot.ports import AlertSink

log = structlog.get_logger()

#: (title, body) → whether it was delivered. Called in a thread.
Send = Callable[[str, str], bool]

_QUEUED = 100
_SEND_SECONDS = 20.0
#: How long an end waits for what was raised last.
_LAST_SECONDS = 3.0
#: Threads that a service may keep waiting; while there are so many nothing more is sent.
_MOST_HANGING = 4
_RANKS = {"warning": 0, "critical": 1}


def apprise_sender(urls: Sequence[str]) -> Send:
    """Return what sends to all addresses.

    Raises:
        ConfigError: Apprise is not installed, or an address is not one of its kinds.
    """
    try:
        import apprise
    except ImportError:
        raise ConfigError(
            "TRIMTAB_ALERTS__URLS needs Apprise: pip install 'trimtab[alerts]', or build the image with"
            " --build-arg LOCK=requirements-alerts.lock"
        ) from None
    services = apprise.Apprise()
    for place, url in enumerate(urls, 1):
        if not services.add(url):
            raise ConfigError(f"TRIMTAB_ALERTS__URLS: address {place} is not one that Apprise knows")

    def send(title: str, body: str) -> bool:
        return bool(services.notify(title=title, body=body))

    return send


class SentAlerts:
    """An ``AlertSink`` that passes everything to another one, and sends what opens, gets worse and closes."""

    def __init__(self, inner: AlertSink, send: Send, min_severity: str = "warning") -> None:
        self._inner = inner
        self._send = send
        self._least = _RANKS[min_severity]
        self._queue: deque[tuple[str, str]] = deque(maxlen=_QUEUED)
        self._wake = asyncio.Event()
        #: Severity of what was sent as open, so that its end is sent too.
        self._sent: dict[tuple[str, str], str] = {}
        self._threads: list[threading.Thread] = []
        self.dropped = 0

    def raise_alert(
        self, code: str, sentence: str, *, severity: str, cause: str, fields: Mapping[str, Any] | None = None
    ) -> None:
        """Open or repeat the alert, and send it when it is new or worse."""
        self._inner.raise_alert(code, sentence, severity=severity, cause=cause, fields=fields)
        before = self._sent.get((code, cause))
        if _RANKS[severity] >= self._least and (before is None or _RANKS[severity] > _RANKS[before]):
            self._sent[code, cause] = severity
            self._put(f"Trimtab {severity}: {code}", sentence)

    def close_alert(self, code: str, *, cause: str) -> None:
        """Close the alert, and send that it is over."""
        self._inner.close_alert(code, cause=cause)
        if self._sent.pop((code, cause), None) is not None:
            self._put(f"Trimtab: over: {code}", cause)

    def remind(self) -> None:
        """Repeat in the log what is open and due."""
        self._inner.remind()

    @property
    def open_alerts(self) -> tuple[Mapping[str, Any], ...]:
        """What is open."""
        return self._inner.open_alerts

    def _put(self, title: str, body: str) -> None:
        if len(self._queue) == _QUEUED:
            self.dropped += 1
            log.warning(
                "An alert could not be sent in time and was dropped", code="alert_dropped", dropped=self.dropped
            )
        self._queue.append((title, body))
        self._wake.set()

    async def run(self) -> None:
        """Send what comes, one after the other, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                title, body = self._queue.popleft()
                await self._deliver(title, body)

    async def finish(self) -> None:
        """Send what ``run`` has left behind, as far as that does not hold up the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                while self._queue:
                    await self._deliver(*self._queue.popleft())

    async def _deliver(self, title: str, body: str) -> None:
        self._threads = [one for one in self._threads if one.is_alive()]
        if len(self._threads) >= _MOST_HANGING:
            log.warning("A notification service hangs; this is not sent", code="alert_not_sent", title=title)
            return
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                is_delivered = await self._in_thread(title, body)
        except TimeoutError:
            log.warning("A notification service does not answer", code="alert_not_sent", title=title)
        except Exception as failure:  # noqa: BLE001 - a third party's code; the bot goes on whatever it does
            log.warning("A notification failed", code="alert_not_sent", title=title, failure=type(failure).__name__)
        else:
            if not is_delivered:
                log.warning("A notification was not delivered", code="alert_not_sent", title=title)

    async def _in_thread(self, title: str, body: str) -> bool:
        """Send in a thread that nobody waits for at the end."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()

        def tell(is_delivered: bool, failure: Exception | None) -> None:
            if answer.done():
                return  # too late
            if failure is None:
                answer.set_result(is_delivered)
            else:
                answer.set_exception(failure)

        def work() -> None:
            is_delivered, failure = False, None
            try:
                is_delivered = self._send(title, body)
            except Exception as err:  # noqa: BLE001 - handed over
                failure = err
            # The loop may be gone by now; then nobody wants to know.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(tell, is_delivered, failure)

        thread = threading.Thread(target=work, name="alerts", daemon=True)
        self._threads.append(thread)
        thread.start()
        return await answer
