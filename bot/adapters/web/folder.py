"""Where does a command find the running daemon, and with which token?

Two files in the data folder, both readable by their owner alone: ``token`` and ``http.json``. Nothing here imports
aiohttp, so that commands may use it.
"""

import hmac
import json
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import ConfigError

TOKEN_FILE = "token"  # noqa: S105 - a file name
ADDRESS_FILE = "http.json"
#: A command asks with the one, and the daemon answers with the other, before the token is sent.
CHALLENGE_HEADER, PROOF_HEADER = "X-Trimtab-Challenge", "X-Trimtab-Proof"
#: A challenge is no longer than this.
MAX_CHALLENGE = 64

_TOKEN_BYTES = 32
#: What a listener on every interface is reached at from the same machine.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a daemon listens."""

    host: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        """The address as a client on the same machine writes it."""
        host = _LOOPBACK.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def proof_of(token: str, challenge: str) -> str:
    """Return what only a holder of the token can answer to a challenge; it says nothing of the token itself."""
    return hmac.new(token.encode(), f"trimtab daemon {challenge}".encode(), "sha256").hexdigest()


def create_token(folder: Path) -> str:
    """Return the token of the data folder; make one the first time. The caller owns the folder.

    Raises:
        ConfigError: the file is empty, or others may read it.
    """
    token = read_token(folder)
    if token is None:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        _write_for_owner(folder / TOKEN_FILE, token + "\n")
    return token


def read_token(folder: Path) -> str | None:
    """Return the token of the data folder, None where there is none yet.

    Raises:
        ConfigError: the file is empty, or others may read it.
    """
    path = folder / TOKEN_FILE
    return _existing_token(path) if path.exists() else None


def _existing_token(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        is_open_to_others = bool(os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO))
        token = file.read().strip()
    if is_open_to_others:
        raise ConfigError(f"{path} can be read by others: delete it and start again, which makes a new token")
    if not token:
        raise ConfigError(f"{path} is empty: delete it and start again, which makes a new token")
    return token


def write_address(folder: Path, host: str, port: int) -> None:
    """Say where this process listens."""
    _write_for_owner(folder / ADDRESS_FILE, json.dumps({"host": host, "port": port, "pid": os.getpid()}))


def _write_for_owner(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_address(folder: Path) -> Address | None:
    """Return where the last daemon of this folder said it listens; None where none did."""
    try:
        content = json.loads((folder / ADDRESS_FILE).read_text(encoding="utf-8"))
        return Address(host=str(content["host"]), port=int(content["port"]), pid=int(content["pid"]))
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def remove_address(folder: Path) -> None:
    """Take back what ``write_address`` said."""
    (folder / ADDRESS_FILE).unlink(missing_ok=True)
