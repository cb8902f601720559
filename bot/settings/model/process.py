"""How does the process behave? How often it wakes, who is told, what it keeps, where it listens, what it logs."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import NoDecode

from bot.domain.thinning import LEAST_KEPT
from bot.settings import human
from bot.settings.model.fields import Block, Duration, choice, read, whole_number


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    """Which log lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Severity(StrEnum):
    """How much an alert matters."""

    WARNING = "warning"
    CRITICAL = "critical"


class WatchSettings(Block):
    """How often the supervised loops wake."""

    protection: Duration = Field(timedelta(seconds=30), description="stops; with TRIMTAB_MODE=live at most 10m")
    reconcile: Duration = Field(
        timedelta(seconds=60), description="journal against venue; with TRIMTAB_MODE=live at most 10m"
    )
    prices: Duration = Field(timedelta(seconds=60), description="large moves")
    margin: Duration = Field(
        timedelta(seconds=30), description="margin of the futures wallets; with TRIMTAB_MODE=live at most 10m"
    )
    roll: Duration = Field(timedelta(seconds=60), description="positions that expire")
    basis: Duration = Field(timedelta(minutes=5), description="distance of contracts from the spot price")
    funding: Duration = Field(timedelta(minutes=15), description="funding: payments, gaps, the cap")
    breaker: Duration = Field(timedelta(hours=1), description="what the overlay has lost")


class AlertSettings(Block):
    """Who is told, besides the log."""

    heartbeat: Annotated[timedelta | None, read(human.duration_or_off)] = Field(
        timedelta(days=1), description="how often a log line says that the bot is alive; off allowed"
    )
    urls: SecretStr | None = Field(
        None, description="Apprise addresses that alerts are sent to, comma separated; needs trimtab[alerts]"
    )
    min_severity: Annotated[Severity, choice(Severity)] = Field(
        Severity.WARNING, description="warning or critical: what is sent to these addresses"
    )


def _kept(text: str) -> timedelta | None:
    value = human.duration_or_off(text)
    if value is not None and value < LEAST_KEPT:
        raise ValueError(f"write {LEAST_KEPT.days}d or more, or off: as much is measured over")
    return value


class RetentionSettings(Block):
    """How long the journal keeps what no order, trade or payment needs."""

    details: Annotated[timedelta | None, read(_kept)] = Field(
        timedelta(days=400),
        description="hourly overlay, basis and funding forecasts, numbers of looks without an order; off: for ever",
    )


def _port(text: str) -> int:
    port = whole_number(text)
    if not 0 <= port <= 65_535:
        raise ValueError("write a port from 0 (any free one) to 65535")
    return port


class HttpSettings(Block):
    """The page and the API."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Annotated[int, read(_port)] = Field(8080, description="port to listen on; 0: any free one")
    token: Annotated[SecretStr | None, read(human.token)] = Field(
        None, description="bearer token, 16 characters or more; generated into the data folder when empty"
    )
    allowed_hosts: Annotated[
        tuple[str, ...], NoDecode, read(lambda text: tuple(filter(None, map(str.strip, text.split(",")))))
    ] = Field((), description="further names that the page may be opened under, comma separated")
