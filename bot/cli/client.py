"""How does a command talk to the running daemon? Over loopback HTTP, with the token of the data folder."""

import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.adapters.logs import register_secrets
from bot.adapters.web.folder import CHALLENGE_HEADER, PROOF_HEADER, Address, proof_of, read_address, read_token
from bot.cli.exits import DaemonRefused, DaemonUnreachable

if TYPE_CHECKING:
    from bot.settings import Settings

#: A look may wait for venues; connecting may not.
_TIMEOUT = aiohttp.ClientTimeout(total=90, sock_connect=3)


class DaemonClient:
    """The daemon of one data folder."""

    def __init__(self, address: Address, token: str) -> None:
        self._address = address
        self._token = token

    @classmethod
    def of(cls, settings: "Settings") -> "DaemonClient":
        """Find the daemon that these settings belong to.

        Raises:
            DaemonUnreachable: none has said where it listens, or there is no token.
        """
        folder = Path(settings.data_dir)
        address = read_address(folder)
        configured = settings.http.token
        token = configured.get_secret_value() if configured else read_token(folder)
        if address is None or not token:
            raise DaemonUnreachable(f"no daemon runs on the data folder {folder}: start one with 'trimtab run'")
        register_secrets([token])
        return cls(address, token)

    async def ask(self, path: str) -> dict[str, Any]:
        """Read one document."""
        return await self._call("GET", path, None)

    async def tell(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Give one command and return its answer."""
        return await self._call("POST", path, body)

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """Send one request.

        Raises:
            DaemonUnreachable: nothing answers there.
            DaemonRefused: it answered, and not with what was asked for.
        """
        headers = {"Authorization": f"Bearer {self._token}", "X-Trimtab-Client": "cli"}
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
                await self._recognise(session)
                async with session.request(
                    method,
                    f"{self._address.url}/api/v1/{path}",
                    json=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response:
                    return _document(response.status, await response.read())
        except (aiohttp.ClientConnectionError, TimeoutError) as err:
            raise DaemonUnreachable(
                f"the daemon does not answer at {self._address.url}: it may have stopped; start it with 'trimtab run'"
            ) from err
        except aiohttp.ClientError as err:
            raise DaemonUnreachable(f"what answers at {self._address.url} is not the daemon") from err

    async def _recognise(self, session: aiohttp.ClientSession) -> None:
        """See to it that the daemon of this data folder answers: a killed one leaves its address to whoever comes.

        Raises:
            DaemonUnreachable: it is somebody else.
        """
        challenge = secrets.token_hex(16)
        async with session.get(
            f"{self._address.url}/healthz", headers={CHALLENGE_HEADER: challenge}, allow_redirects=False
        ) as response:
            proof = response.headers.get(PROOF_HEADER, "")
        if not hmac.compare_digest(proof.encode(), proof_of(self._token, challenge).encode()):
            raise DaemonUnreachable(
                f"what answers at {self._address.url} is not the daemon of this data folder, so the token was not sent:"
                " start the daemon with 'trimtab run', or give the token that it runs with"
            )


def _document(status: int, raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise DaemonUnreachable("what answered is not the daemon: its reply is no JSON document")
    if status != 200:
        code = str(document.get("code", "unknown"))
        sentence = f"the daemon refused: {document.get('message', 'it gave no reason')}"
        raise DaemonRefused(sentence, code=code, status=status)
    return document
