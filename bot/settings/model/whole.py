"""What can be configured? One frozen object; every field with its meaning, its unit and its default."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from pydantic_settings import NoDecode

from bot.decisions.cadence import crontab_for
from bot.domain.errors import BadPayload
from bot.domain.ids import Symbol
from bot.domain.instruments import Tenor
from bot.domain.policy import Destination, Scope
from bot.domain.portfolio import Alias
from bot.settings import human
from bot.settings.model.carry import BasisSettings, ChoiceSettings, FundingSettings, RollSettings
from bot.settings.model.execution import ExecutionSettings
from bot.settings.model.fields import Amounts, Block, Duration, Share, ShareOrOff, choice, read
from bot.settings.model.looks import CadenceSettings, CostGateSettings, DcaSettings, VolatilitySettings
from bot.settings.model.paper import PaperSettings
from bot.settings.model.portfolio import Contracts, read_aliases, read_contracts, read_foreign, read_tenors
from bot.settings.model.process import (
    AlertSettings,
    HttpSettings,
    LogFormat,
    LogLevel,
    RetentionSettings,
    WatchSettings,
)
from bot.settings.model.protection import BreakerSettings, MarginSettings, RiskSettings, StopSettings
from bot.settings.model.venues import VenuesSettings


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


def _leverage(text: str) -> Decimal:
    value = human.positive(text)
    if not 1 <= value <= 20:
        raise ValueError("write a leverage from 1 to 20")
    return value


class Mode(StrEnum):
    """Where orders go."""

    #: The embedded exchange.
    PAPER = "paper"
    #: Real orders on real accounts.
    LIVE = "live"
    #: Real market and account data, no orders.
    DRY_RUN = "dry-run"


class Settings(Block):
    """The whole configuration."""

    mode: Annotated[Mode, choice(Mode)] = Field(
        Mode.PAPER,
        description="paper: the embedded exchange; live: real orders; dry-run: real data, no orders",
    )
    targets: Annotated[Mapping[str, Decimal], NoDecode, read(human.weights)] = Field(
        {"BTC": Decimal("0.5"), "ETH": Decimal("0.3"), "SOL": Decimal("0.2")},
        description="target weights; CASH allowed with scope equity; must be said outside paper",
    )
    scope: Annotated[Scope, choice(Scope)] = Field(
        Scope.ASSETS, description="assets: weights of the targeted coins; equity: of coins and cash"
    )
    band: Share = Field(Decimal("0.05"), description="no-trade band, points of weight either side")
    band_relative: Share = Field(
        Decimal("0.25"), description="no-trade band as a share of the target; the lesser counts"
    )
    band_total: ShareOrOff = Field(Decimal("0.02"), description="how far total exposure may be off; off allowed")
    rebalance_to: Annotated[Destination, choice(Destination)] = Field(
        Destination.HALF, description="where a correction stops: target, half or edge"
    )
    edge_inset: Share = Field(Decimal("0.10"), description="with edge: how far inside, share of the half-width")
    cadence: Annotated[str | None, read(_crontab)] = Field(
        "0 0 * * *",
        description="hourly, daily, weekly, monthly, quarterly, yearly or a crontab expression; daily; off where"
        " volatility alone says when",
    )
    timezone: Annotated[str, read(_timezone)] = Field("UTC", description="time zone of the calendar")
    leverage: Annotated[Decimal, read(_leverage)] = Field(
        Decimal(3), description="cap on gross notional ÷ margin balance"
    )
    contracts: Annotated[Contracts, NoDecode, read(read_contracts)] = Field(
        Contracts(), description="contracts that may hold hedges: linear, inverse, for one asset BTC:inverse"
    )
    tenors: Annotated[tuple[Tenor, ...], NoDecode, read(read_tenors)] = Field(
        (Tenor.PERPETUAL,), description="perpetual, dated, or both: then whichever costs less to hold"
    )
    external_holdings: Amounts = Field({}, description="coins kept elsewhere, for example BTC=1.25,ETH=10")
    external_holdings_file: Path | None = Field(None, description="CSV file asset,amount,as_of, read at each look")
    aliases: Annotated[tuple[Alias, ...], NoDecode, read(read_aliases)] = Field(
        (), description="coins that count as others: WBTC=BTC,STETH=ETH, with a ratio STETH=ETH*1.04"
    )
    foreign: Annotated[frozenset[Symbol], NoDecode, read(read_foreign)] = Field(
        frozenset(), description="contracts that are yours to trade and to protect: BTC/USDT:USDT:ignore"
    )
    flow_settle: Duration = Field(
        timedelta(hours=24),
        description="an unexplained change of holdings is accepted when it has lasted this long",
    )
    data_dir: Path = Field(Path("data"), description="journal, lock, token, paper state")
    log_format: Annotated[LogFormat, choice(LogFormat)] = Field(
        LogFormat.AUTO, description="auto: text on a terminal, else json"
    )
    log_level: Annotated[LogLevel, choice(LogLevel)] = Field(LogLevel.INFO, description="debug, info, warning or error")
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
