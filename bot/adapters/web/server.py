"""How does the bot listen? Starts and stops the HTTP server; what is served stands beside."""

from collections.abc import Callable, Iterable

from aiohttp import web

from bot.adapters.web.api import Api
from bot.adapters.web.bodies import MAX_BODY_BYTES
from bot.adapters.web.guard import Guard
from bot.adapters.web.page import PAGE_PATHS, Page
from bot.domain.errors import ConfigError
from bot.ports import Control

#: Open requests get this long when the server stops.
_SHUTDOWN_S = 2.0

#: Returns the body of ``/metrics`` and its content type.
RenderMetrics = Callable[[], tuple[bytes, str]]


def _unchanged(text: str) -> str:
    return text


class WebServer:
    """The HTTP server of one bot."""

    def __init__(
        self,
        control: Control,
        host: str,
        port: int,
        token: str,
        allowed_hosts: Iterable[str] = (),
        *,
        metrics: RenderMetrics | None = None,
        redact: Callable[[str], str] = _unchanged,
    ) -> None:
        self._host = host
        self._port = port
        self._metrics = metrics
        self._api = Api(control)
        self._guard = Guard(
            token=token,
            host=host,
            allowed_hosts=frozenset(allowed_hosts),
            public_paths=PAGE_PATHS,
            redact=redact,
        )
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; with port 0, known once started."""
        return self._port

    def build_app(self) -> web.Application:
        """Return the application, for the server and for tests."""
        app = web.Application(middlewares=[self._guard.middleware], client_max_size=MAX_BODY_BYTES)
        app.router.add_routes([*self._api.routes(), *Page().routes(), web.get("/metrics", self._serve_metrics)])
        return app

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        runner = web.AppRunner(self.build_app(), handle_signals=False, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as err:
            await runner.cleanup()
            raise ConfigError(
                f"cannot listen on {self._host}:{self._port} ({err.strerror or err}): free the port, "
                "or set TRIMTAB_HTTP__HOST and TRIMTAB_HTTP__PORT"
            ) from err
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Close; nothing when not started."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _serve_metrics(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it over
        if self._metrics is None:
            raise web.HTTPNotFound
        body, content_type = self._metrics()
        return web.Response(body=body, headers={"Content-Type": content_type})
