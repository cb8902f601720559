"""Which accounts are traded?"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from bot.settings import human
from bot.settings.model.fields import Block, read


def _origin(text: str) -> str:
    """Read the address of a host; keys go there, so plain text only where nobody else listens."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("write an address without a path, for example http://127.0.0.1:8090")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("write host and port alone, for example http://127.0.0.1:8090")
    if parts.scheme in ("http", "ws") and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("write https or wss; without encryption only 127.0.0.1, localhost and ::1 are taken")
    return f"{parts.scheme}://{parts.netloc}"


class VenueSettings(Block):
    """One account at one venue."""

    api_key: Annotated[SecretStr | None, read(human.bare_key)] = Field(
        None, description="API key; permission for futures, none for withdrawals"
    )
    api_secret: Annotated[SecretStr | None, read(human.bare_key)] = Field(None, description="API secret")
    testnet: bool = Field(False, description="use the venue's test network")
    rest_url: Annotated[str | None, read(_origin)] = Field(
        None, description="another host for REST, for example http://127.0.0.1:8090 of 'trimtab exchange serve'"
    )
    ws_url: Annotated[str | None, read(_origin)] = Field(None, description="another host for WebSocket")


class LaterVenueSettings(VenueSettings):
    """One account at a venue that this version does not trade at: keys for it are refused."""

    api_key: Annotated[SecretStr | None, read(human.bare_key)] = Field(
        None, description="API key; refused, this version does not trade there yet"
    )


class BitgetSettings(LaterVenueSettings):
    """Bitget asks for a passphrase besides."""

    passphrase: SecretStr | None = Field(None, description="API passphrase")


class VenuesSettings(Block):
    """Accounts, for live and dry-run."""

    binanceusdm: VenueSettings = VenueSettings()
    binancecoinm: LaterVenueSettings = LaterVenueSettings()
    bybit: LaterVenueSettings = LaterVenueSettings()
    deribit: LaterVenueSettings = LaterVenueSettings()
    bitget: BitgetSettings = BitgetSettings()
