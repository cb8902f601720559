"""What can be configured? One frozen object; every field with its meaning, its unit and its default.

The descriptions here are the documentation: ``.env.example`` and ``docs/configuration.md`` are written from them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode

from bot.decisions.cadence import crontab_for
from bot.domain.errors import BadPayload
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import ContractKind, Tenor
from bot.domain.policy import (
    VALIDITY_SENT,
    Destination,
    ExecutionStyle,
    MarginBound,
    MarginPolicy,
    Scope,
    StopAnchor,
)
from bot.domain.portfolio import Alias
from bot.domain.thinning import LEAST_KEPT
from bot.settings import human
from bot.settings.rehearsal import PaperFaults, read_faults


def _read(parse: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _choice(kind: type[StrEnum]) -> BeforeValidator:
    def parse(text: str) -> StrEnum:
        try:
            return kind(text.strip().lower())
        except ValueError:
            raise ValueError(f"write one of {', '.join(kind)}") from None

    return _read(parse)


def _crontab(text: str) -> str | None:
    if text.strip().lower() == "off":
        return None
    try:
        return crontab_for(text)
    except BadPayload as err:
        raise ValueError(str(err).partition(" is neither ")[2].replace(" nor ", " or ").join(("write ", ""))) from None


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text.strip())
    except (OSError, ValueError, KeyError):
        raise ValueError("write the name of a time zone, for example UTC or Europe/Berlin") from None
    return text.strip()


def _whole(text: str) -> int:
    try:
        return int(text.strip())
    except ValueError:
        raise ValueError("write a whole number") from None


def _tranches(text: str) -> int | None:
    if text.strip().lower() == "off":
        return None
    count = _whole(text)
    if not 2 <= count <= 100:
        raise ValueError("write a number from 2 to 100, or off")
    return count


def _slices(text: str) -> int:
    count = _whole(text)
    if not 1 <= count <= 1000:
        raise ValueError("write a number from 1 to 1000")
    return count


def _margin_bound(text: str) -> MarginBound:
    """Read ``30%/25%``: usage and distance."""
    usage, slash, distance = text.partition("/")
    if not slash:
        raise ValueError("write usage and distance, for example 30%/25%")
    return MarginBound(usage_frac=human.fraction(usage), distance_frac=human.fraction(distance))


def _currencies(text: str) -> tuple[Currency, ...]:
    return tuple(Currency(human.name(part)) for part in text.split(",") if part.strip())


def _may_be_moved(text: str) -> tuple[Currency, ...]:
    return () if text.strip().lower() == "off" else _currencies(text)


def _port(text: str) -> int:
    port = _whole(text)
    if not 0 <= port <= 65_535:
        raise ValueError("write a port from 0 (any free one) to 65535")
    return port


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


def _leverage(text: str) -> Decimal:
    value = human.positive(text)
    if not 1 <= value <= 20:
        raise ValueError("write a leverage from 1 to 20")
    return value


def _kept(text: str) -> timedelta | None:
    value = human.duration_or_off(text)
    if value is not None and value < LEAST_KEPT:
        raise ValueError(f"write {LEAST_KEPT.days}d or more, or off: as much is measured over")
    return value


def _validity(text: str) -> timedelta:
    value = human.duration(text)
    if value < VALIDITY_SENT:
        least = int(VALIDITY_SENT.total_seconds())
        raise ValueError(f"write {least}s or more: until then the venue may still take the order")
    return value


def _aliases(text: str) -> tuple[Alias, ...]:
    """Read ``WBTC=BTC,STETH=ETH*1.04``."""

    def read(right: str) -> tuple[str, Decimal]:
        asset, star, ratio = right.partition("*")
        return human.name(asset), human.positive(ratio) if star else Decimal(1)

    found = human.pairs(text, read, "WBTC=BTC,STETH=ETH")
    for coin, (asset, _) in found.items():
        if asset in found or coin == asset:
            raise ValueError(f"{coin} stands for {asset}, which stands for something else: name the coin itself")
    return tuple(Alias(coin=Currency(coin), asset=Asset(asset), ratio=ratio) for coin, (asset, ratio) in found.items())


def _foreign(text: str) -> frozenset[Symbol]:
    """Read ``BTC/USDT:USDT:ignore,…``."""
    symbols = set()
    for part in filter(None, (one.strip() for one in text.split(","))):
        symbol, _, what = part.rpartition(":")
        if what != "ignore" or "/" not in symbol:
            raise ValueError("write it like BTC/USDT:USDT:ignore")
        symbols.add(Symbol(symbol))
    return frozenset(symbols)


def _tenors(text: str) -> tuple[Tenor, ...]:
    """Read ``perpetual,dated``."""
    parts = [one.strip().lower() for one in text.split(",") if one.strip()]
    if not parts or set(parts) - set(Tenor) or len(set(parts)) < len(parts):
        raise ValueError("write perpetual, dated, or perpetual,dated")
    return tuple(Tenor(one) for one in parts)


class Contracts(BaseModel):
    """Kinds of contract that may hold hedges."""

    model_config = ConfigDict(frozen=True)

    general: tuple[ContractKind, ...] = (ContractKind.LINEAR,)
    by_asset: Mapping[str, tuple[ContractKind, ...]] = {}

    def __str__(self) -> str:
        named = [f"{asset}:{kind}" for asset, kinds in self.by_asset.items() for kind in kinds]
        return ",".join([*self.general, *named])


def _contracts(text: str) -> Contracts:
    """Read ``linear`` or ``linear,BTC:inverse``."""
    general: list[ContractKind] = []
    by_asset: dict[str, tuple[ContractKind, ...]] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        asset, colon, kind_text = part.rpartition(":")
        try:
            kind = ContractKind(kind_text.lower())
        except ValueError:
            raise ValueError("write linear, inverse, or for one asset BTC:inverse") from None
        if colon:
            key = human.name(asset)
            by_asset[key] = (*by_asset.get(key, ()), kind)
        else:
            general.append(kind)
    return Contracts(general=tuple(general) or (ContractKind.LINEAR,), by_asset=by_asset)


def _holdings(text: str) -> "PaperHoldings":
    worth, at, word = text.strip().partition("@")
    if at:
        if word.strip().lower() != "target" or not worth.strip().upper().endswith("USD"):
            raise ValueError("write 10000USD@target, or amounts like BTC=0.12,ETH=1")
        return PaperHoldings(worth_usd=human.positive(worth.strip()[:-3]))
    return PaperHoldings(amounts=human.amounts(text))


class PaperHoldings(BaseModel):
    """Coins to begin with: amounts, or a worth at the targets."""

    model_config = ConfigDict(frozen=True)

    worth_usd: Decimal = Decimal(10_000)
    amounts: Mapping[str, Decimal] | None = None

    def __str__(self) -> str:
        if self.amounts is None:
            return f"{self.worth_usd}USD@target"
        return ",".join(f"{coin}={amount}" for coin, amount in self.amounts.items())


#: Markets to begin in; what is sums of moments stays within the calendar.
_FIRST_YEAR, _LAST_YEAR = 2010, 2100


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("write a date or time in UTC, for example 2021-01-01 or 2021-01-01T08:00:00Z") from None
    if not _FIRST_YEAR <= moment.year < _LAST_YEAR:
        raise ValueError(f"write a date from {_FIRST_YEAR} on and before {_LAST_YEAR}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Mode(StrEnum):
    """Where orders go."""

    #: The embedded exchange.
    PAPER = "paper"
    #: Real orders on real accounts.
    LIVE = "live"
    #: Real market and account data, no orders.
    DRY_RUN = "dry-run"


class MarketKind(StrEnum):
    """Where the embedded exchange's prices come from."""

    STATIC = "static"
    MODEL = "model"
    HISTORY = "history"


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


Number = Annotated[Decimal, _read(human.positive)]
Share = Annotated[Decimal, _read(human.fraction)]
ShareOrOff = Annotated[Decimal | None, _read(human.fraction_or_off)]
NumberOrOff = Annotated[Decimal | None, _read(human.positive_or_off)]
Duration = Annotated[timedelta, _read(human.duration)]
Whole = Annotated[int, _read(_whole)]
Amounts = Annotated[Mapping[str, Decimal], NoDecode, _read(human.amounts)]


class Block(BaseModel):
    """A group of variables."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CadenceSettings(Block):
    """Looks between those of the calendar."""

    move_sigmas: NumberOrOff = Field(
        Decimal(4), description="look early when an asset has moved this many σ; off allowed"
    )
    misfire_grace: Duration = Field(timedelta(minutes=30), description="a look that is later than this is dropped")


class VolatilitySettings(Block):
    """More frequent looks and smaller actions when the market is wild. On when a reference is set."""

    reference: ShareOrOff = Field(
        None, description="annualised σ of the portfolio at which interval and actions are whole, for example 60%; off"
    )
    interval: Duration = Field(timedelta(days=1), description="between two looks at the reference σ")
    min_interval: Duration = Field(timedelta(hours=1), description="never shorter than this")
    max_interval: Duration = Field(timedelta(days=3), description="never longer than this")
    min_action: Share = Field(Decimal("0.25"), description="an action is at least this share of the way")


class DcaSettings(Block):
    """Corrections in tranches. On when tranches are set."""

    tranches: Annotated[int | None, _read(_tranches)] = Field(
        None, description="number of tranches of a correction, 2 to 100; off"
    )
    interval: Duration = Field(timedelta(hours=6), description="between two tranches")


class CostGateSettings(Block):
    """A correction must be worth what it costs. On when the horizon is set."""

    horizon: Annotated[timedelta | None, _read(human.duration_or_off)] = Field(
        None, description="how long a corrected gap is expected to matter, for example 30d; off"
    )
    risk_aversion: Number = Field(Decimal(4), description="γ: what a unit of variance is worth")


class StopSettings(Block):
    """Resting stops."""

    anchor: Annotated[StopAnchor, _choice(StopAnchor)] = Field(
        StopAnchor.LOOK,
        description="look: measured from the price at each look; entry: from the average entry",
    )
    min_distance: Share = Field(Decimal("0.25"), description="least distance from the anchor, share of the price")
    daily_sigmas: Number = Field(Decimal(5), description="and at least this many daily standard deviations")
    floor_sigmas: Number = Field(Decimal(3), description="a leg is made smaller rather than stopped closer than this")
    liquidation_buffer: Share = Field(Decimal("0.20"), description="stop short of liquidation by this share of the way")
    reanchor: Share = Field(Decimal("0.02"), description="a resting stop is moved when it is off by more than this")
    deadline: Duration = Field(timedelta(seconds=30), description="unprotected for longer than this: alert, then act")
    ceiling_duration: Duration = Field(
        timedelta(hours=24), description="how long a stop-out or a taken profit keeps the hedge from coming back"
    )
    take_profit: ShareOrOff = Field(
        None, description="take a hedge's profit this far from its average entry, share of the price; off"
    )


class RiskSettings(Block):
    """The gate for what increases exposure."""

    stress: Share = Field(Decimal("0.30"), description="adverse move that the collateral must survive")
    stress_maintenance_multiple: Number = Field(
        Decimal("1.5"), description="times maintenance margin that must be left after it"
    )
    max_order: Share = Field(Decimal("0.50"), description="largest single order, share of the portfolio")
    max_turnover: Number = Field(Decimal(2), description="increasing trades per 24 hours, multiple of the portfolio")
    max_increasing_orders_per_minute: Whole = Field(20, description="increasing orders a minute")
    max_reducing_orders_per_minute: Whole = Field(60, description="reducing orders a minute")
    max_mark_index: Share = Field(Decimal("0.03"), description="mark and index further apart than this: no increase")
    max_basis_annual: Share = Field(
        Decimal("0.30"), description="and for a contract that expires, so much more for each year that is left"
    )
    max_last_mark: Share = Field(Decimal("0.03"), description="last and mark further apart than this: no increase")
    max_index_spread: Share = Field(Decimal("0.02"), description="a venue's index off the median by more: no increase")
    max_leap: Share = Field(
        Decimal("0.10"), description="an index that has just leapt by more is not looked at until it has stood"
    )
    leap_settle: Duration = Field(timedelta(minutes=5), description="how long it has to stand")
    max_quote_age: Duration = Field(timedelta(seconds=60), description="an older price refuses increases")
    max_account_age: Duration = Field(timedelta(seconds=60), description="an older account is not decided on")
    max_depeg: Share = Field(Decimal("0.03"), description="cash this far off a dollar is not added to")
    external_max_age: Duration = Field(
        timedelta(days=30), description="declared holdings older than this alert; twice this: only reductions"
    )


_MARGIN = MarginPolicy()


class MarginSettings(Block):
    """What keeps a futures wallet from liquidation: share of its margin that maintenance needs, adverse move left."""

    warn: Annotated[MarginBound, NoDecode, _read(_margin_bound)] = Field(
        _MARGIN.warn, description="usage/distance from which it is told: whichever is reached first"
    )
    transfer: Annotated[MarginBound, NoDecode, _read(_margin_bound)] = Field(
        _MARGIN.transfer, description="from here collateral is moved from the spot wallet"
    )
    cancel: Annotated[MarginBound, NoDecode, _read(_margin_bound)] = Field(
        _MARGIN.cancel, description="from here nothing that increases works or is sent"
    )
    reduce: Annotated[MarginBound, NoDecode, _read(_margin_bound)] = Field(
        _MARGIN.reduce, description="from here legs are made smaller"
    )
    flatten: Annotated[MarginBound, NoDecode, _read(_margin_bound)] = Field(
        _MARGIN.flatten, description="from here every leg of the wallet is closed"
    )
    hysteresis: Share = Field(Decimal("0.20"), description="better than a rung by this share, before it is left")
    release_after: Duration = Field(
        timedelta(hours=1), description="a leg that was cut may grow again once every wallet was calm for this long"
    )
    transfer_assets: Annotated[tuple[Currency, ...], NoDecode, _read(_may_be_moved)] = Field(
        (Currency("USDT"), Currency("USDC")),
        description="what may be moved, or off; name a targeted coin to allow it, too",
    )
    max_pledged: Share = Field(Decimal("0.25"), description="most of a targeted coin that may lie in futures wallets")
    min_transfer: Number = Field(Decimal(10), description="USD; less is not moved")
    max_transfer_day: Annotated[Decimal | None, _read(human.positive_or_off)] = Field(
        None, description="USD that may be moved within 24 hours; off: no bound"
    )
    sweep_back: Annotated[timedelta | None, _read(human.duration_or_off)] = Field(
        None, description="what was moved goes back once all wallets were calm for this long, 7d say; off: it stays"
    )


class FundingSettings(Block):
    """Funding."""

    max_annual: Share = Field(
        Decimal("0.60"),
        description="annualised funding paid beyond this: no increase, and an alert",
    )
    reduce_annual: Share = Field(Decimal(2), description="beyond this for three settlements: half of the leg goes")
    gap_alert: Duration = Field(
        timedelta(hours=4), description="a settlement whose payment is not found for longer than this alerts"
    )


class ChoiceSettings(Block):
    """Which of several contracts holds a hedge: the one that is cheapest to hold."""

    horizon: Duration = Field(timedelta(days=30), description="how long a hedge is expected to be held")
    switch_multiple: Number = Field(Decimal(2), description="a switch must save this many times its cost within that")
    indifference: Share = Field(Decimal("0.005"), description="costs a year less apart than this are alike")
    half_life: Duration = Field(timedelta(days=3), description="of the funding and basis that costs are reckoned with")
    min_depth: Share = Field(Decimal("0.05"), description="a book with less of the deepest one's depth is too thin")


class BreakerSettings(Block):
    """What the overlay may lose, beside the coins alone, before it only reduces."""

    max_day: Share = Field(Decimal("0.05"), description="loss within a day, share of the portfolio")
    max_drawdown: Share = Field(Decimal("0.15"), description="loss from where it stood best against the coins alone")
    max_cost: Share = Field(Decimal("0.03"), description="fees, slippage, whipsaw and net funding in 30 days")


class ExecutionSettings(Block):
    """How orders are worked."""

    max_slippage: Share = Field(Decimal("0.003"), description="limit of an increasing order, beyond the touch")
    max_reduce_slippage: Share = Field(Decimal("0.01"), description="limit of a reducing order, beyond the touch")
    max_rounds: Whole = Field(3, description="orders per leg and look")
    validity: Annotated[timedelta, _read(_validity)] = Field(
        VALIDITY_SENT, description="an order may arrive this late: the venue discards it after 5s; not less than that"
    )
    settle_delay: Duration = Field(timedelta(seconds=5), description="after that, how long a trace is waited for")
    increase_settle_delay: Duration = Field(
        timedelta(minutes=1), description="the same for an increasing order, which would be hedged twice"
    )
    lost_after: Duration = Field(
        timedelta(hours=1), description="an increasing order that was taken and is not found is given up after this"
    )
    call_timeout: Duration = Field(timedelta(seconds=10), description="deadline of one network call")
    style: Annotated[ExecutionStyle, _choice(ExecutionStyle)] = Field(
        ExecutionStyle.AUTO,
        description="ioc: at once; chase: post-only at the touch, then ioc; twap: slices; auto: chase, or twap where a"
        " leg is large against the depth",
    )
    twap_depths: Number = Field(Decimal(5), description="auto: a leg of more than this many touch depths is sliced")
    work_interval: Duration = Field(timedelta(seconds=5), description="how often a worked leg is looked after")
    chase_deadline: Duration = Field(timedelta(minutes=2), description="chase: after this take what is there")
    chase_adverse: Share = Field(Decimal("0.0015"), description="chase: so too when the price has run away this far")
    twap_duration: Duration = Field(timedelta(minutes=30), description="twap: over how long a leg is sliced")
    twap_slices: Annotated[int, _read(_slices)] = Field(10, description="twap: into how many slices at most")
    twap_drift: Share = Field(Decimal("0.01"), description="twap: no slice trades further from the first price")


class RollSettings(Block):
    """Leaving a contract before it expires."""

    passive_before: Duration = Field(
        timedelta(hours=24), description="before expiry: from here on what opens goes into the next contract"
    )
    spread_before: Duration = Field(
        timedelta(hours=8), description="from here on the position is passed on, at bounded prices"
    )
    outright_before: Duration = Field(
        timedelta(hours=2), description="from here on at what the books give; at half of it the perpetual will do"
    )
    max_cost: Share = Field(Decimal("0.001"), description="bounded: at most this much worse than the marks say")
    max_leg_gap: Share = Field(Decimal("0.25"), description="most of a position that is open twice, or not at all")
    leg_gap_deadline: Duration = Field(timedelta(seconds=60), description="the same for longer than this alerts")


class BasisSettings(Block):
    """How far contracts are from the spot price."""

    alert: Share = Field(Decimal("0.01"), description="mark further from the index than this is told")
    alert_annual: Share = Field(
        Decimal("0.20"), description="and for a contract that expires, so much more for each year that is left"
    )


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

    heartbeat: Annotated[timedelta | None, _read(human.duration_or_off)] = Field(
        timedelta(days=1), description="how often a log line says that the bot is alive; off allowed"
    )
    urls: SecretStr | None = Field(
        None, description="Apprise addresses that alerts are sent to, comma separated; needs trimtab[alerts]"
    )
    min_severity: Annotated[Severity, _choice(Severity)] = Field(
        Severity.WARNING, description="warning or critical: what is sent to these addresses"
    )


class RetentionSettings(Block):
    """How long the journal keeps what no order, trade or payment needs."""

    details: Annotated[timedelta | None, _read(_kept)] = Field(
        timedelta(days=400),
        description="hourly overlay, basis and funding forecasts, numbers of looks without an order; off: for ever",
    )


class HttpSettings(Block):
    """The page and the API."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Annotated[int, _read(_port)] = Field(8080, description="port to listen on; 0: any free one")
    token: Annotated[SecretStr | None, _read(human.token)] = Field(
        None, description="bearer token, 16 characters or more; generated into the data folder when empty"
    )
    allowed_hosts: Annotated[
        tuple[str, ...], NoDecode, _read(lambda text: tuple(filter(None, map(str.strip, text.split(",")))))
    ] = Field((), description="further names that the page may be opened under, comma separated")


class VenueSettings(Block):
    """One account at one venue."""

    api_key: Annotated[SecretStr | None, _read(human.bare_key)] = Field(
        None, description="API key; permission for futures, none for withdrawals"
    )
    api_secret: Annotated[SecretStr | None, _read(human.bare_key)] = Field(None, description="API secret")
    testnet: bool = Field(False, description="use the venue's test network")
    rest_url: Annotated[str | None, _read(_origin)] = Field(
        None, description="another host for REST, for example http://127.0.0.1:8090 of 'trimtab exchange serve'"
    )
    ws_url: Annotated[str | None, _read(_origin)] = Field(None, description="another host for WebSocket")


class LaterVenueSettings(VenueSettings):
    """One account at a venue that this version does not trade at: keys for it are refused."""

    api_key: Annotated[SecretStr | None, _read(human.bare_key)] = Field(
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


class PaperSettings(Block):
    """The embedded exchange."""

    market: Annotated[MarketKind, _choice(MarketKind)] = Field(
        MarketKind.MODEL,
        description="static: prices stand still; model: seeded random; history: recorded data",
    )
    prices: Annotated[Mapping[str, Decimal], NoDecode, _read(human.prices)] = Field(
        {"BTC": Decimal(50_000), "ETH": Decimal(2_500), "SOL": Decimal(100)},
        description="USD; where static stays and model begins",
    )
    seed: Whole = Field(113, description="model: everything random follows from it")
    data: Path | None = Field(None, description="history: folder of market data files")
    start: Annotated[datetime | None, _read(_moment)] = Field(
        None, description="history: where to begin; first common bar"
    )
    holdings: Annotated[PaperHoldings, NoDecode, _read(_holdings)] = Field(
        PaperHoldings(), description="coins to begin with: BTC=0.12,ETH=1 or 10000USD@target"
    )
    collateral: Amounts = Field({"USDT": Decimal(6000)}, description="futures wallets to begin with")
    unified: Annotated[Mapping[str, Decimal], NoDecode, _read(human.shares)] = Field(
        {},
        description="one account of spot, cash and margin that lends cash by itself: what share of each coin's worth"
        " counts as margin, for example BTC=95%,ETH=90%; empty: separate wallets",
    )
    spare: Amounts = Field({"USDT": Decimal(4000)}, description="cash in the spot wallet to begin with")
    dated_basis: ShareOrOff = Field(
        None,
        description="lists quarterly contracts besides the perpetuals: what they cost above spot, a year, decaying to"
        " zero at expiry, for example 8%; off",
    )
    speed: Annotated[Decimal, _read(human.not_negative)] = Field(
        Decimal(3600), description="seconds of market per second of wall; 0: as fast as it goes"
    )
    faults: Annotated[PaperFaults, NoDecode, _read(read_faults)] = Field(
        PaperFaults(),
        description="what the daemon's venue does wrong, to be rehearsed. Chance per call: lose_reply=2%,"
        " lose_request, refuse, refuse_stop, delay, partial_fill, double_order, forget_order, feign_cancel, fail_read,"
        " empty_balances, no_liquidation_price, duplicate_fill. Chance per market hour, with how long it lasts:"
        " outage=1%:20m, hidden_position, late_positions, hidden_orders, late_trades, stale_quotes, spread,"
        " clock_skew, missing_funding; without one: deleverage. Comma separated; docs/rehearse.md",
    )
    fault_seed: Annotated[int | None, _read(_whole)] = Field(
        None, description="which calls and hours the faults meet follows from it; TRIMTAB_PAPER__SEED when empty"
    )


class Settings(Block):
    """The whole configuration."""

    mode: Annotated[Mode, _choice(Mode)] = Field(
        Mode.PAPER,
        description="paper: the embedded exchange; live: real orders; dry-run: real data, no orders",
    )
    targets: Annotated[Mapping[str, Decimal], NoDecode, _read(human.weights)] = Field(
        {"BTC": Decimal("0.5"), "ETH": Decimal("0.3"), "SOL": Decimal("0.2")},
        description="target weights; CASH allowed with scope equity; must be said outside paper",
    )
    scope: Annotated[Scope, _choice(Scope)] = Field(
        Scope.ASSETS, description="assets: weights of the targeted coins; equity: of coins and cash"
    )
    band: Share = Field(Decimal("0.05"), description="no-trade band, points of weight either side")
    band_relative: Share = Field(
        Decimal("0.25"), description="no-trade band as a share of the target; the lesser counts"
    )
    band_total: ShareOrOff = Field(Decimal("0.02"), description="how far total exposure may be off; off allowed")
    rebalance_to: Annotated[Destination, _choice(Destination)] = Field(
        Destination.HALF, description="where a correction stops: target, half or edge"
    )
    edge_inset: Share = Field(Decimal("0.10"), description="with edge: how far inside, share of the half-width")
    cadence: Annotated[str | None, _read(_crontab)] = Field(
        "0 0 * * *",
        description="hourly, daily, weekly, monthly, quarterly, yearly or a crontab expression; daily; off where"
        " volatility alone says when",
    )
    timezone: Annotated[str, _read(_timezone)] = Field("UTC", description="time zone of the calendar")
    leverage: Annotated[Decimal, _read(_leverage)] = Field(
        Decimal(3), description="cap on gross notional ÷ margin balance"
    )
    contracts: Annotated[Contracts, NoDecode, _read(_contracts)] = Field(
        Contracts(), description="contracts that may hold hedges: linear, inverse, for one asset BTC:inverse"
    )
    tenors: Annotated[tuple[Tenor, ...], NoDecode, _read(_tenors)] = Field(
        (Tenor.PERPETUAL,), description="perpetual, dated, or both: then whichever costs less to hold"
    )
    external_holdings: Amounts = Field({}, description="coins kept elsewhere, for example BTC=1.25,ETH=10")
    external_holdings_file: Path | None = Field(None, description="CSV file asset,amount,as_of, read at each look")
    aliases: Annotated[tuple[Alias, ...], NoDecode, _read(_aliases)] = Field(
        (), description="coins that count as others: WBTC=BTC,STETH=ETH, with a ratio STETH=ETH*1.04"
    )
    foreign: Annotated[frozenset[Symbol], NoDecode, _read(_foreign)] = Field(
        frozenset(), description="contracts that are yours to trade: BTC/USDT:USDT:ignore"
    )
    flow_settle: Duration = Field(
        timedelta(hours=24),
        description="an unexplained change of holdings is accepted when it has lasted this long",
    )
    data_dir: Path = Field(Path("data"), description="journal, lock, token, paper state")
    log_format: Annotated[LogFormat, _choice(LogFormat)] = Field(
        LogFormat.AUTO, description="auto: text on a terminal, else json"
    )
    log_level: Annotated[LogLevel, _choice(LogLevel)] = Field(
        LogLevel.INFO, description="debug, info, warning or error"
    )
    look: CadenceSettings = CadenceSettings()
    volatility: VolatilitySettings = VolatilitySettings()
    dca: DcaSettings = DcaSettings()
    cost_gate: CostGateSettings = CostGateSettings()
    stop: StopSettings = StopSettings()
    risk: RiskSettings = RiskSettings()
    margin: MarginSettings = MarginSettings()
    funding: FundingSettings = FundingSettings()
    choice: ChoiceSettings = ChoiceSettings()
    breaker: BreakerSettings = BreakerSettings()
    roll: RollSettings = RollSettings()
    basis: BasisSettings = BasisSettings()
    execution: ExecutionSettings = ExecutionSettings()
    watch: WatchSettings = WatchSettings()
    alerts: AlertSettings = AlertSettings()
    retention: RetentionSettings = RetentionSettings()
    http: HttpSettings = HttpSettings()
    venues: VenuesSettings = VenuesSettings()
    paper: PaperSettings = PaperSettings()
