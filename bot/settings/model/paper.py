"""What is the embedded exchange like?"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import NoDecode

from bot.settings import human
from bot.settings.model.fields import Amounts, Block, ShareOrOff, Whole, choice, read, whole_number
from bot.settings.rehearsal import PaperFaults, read_faults


class MarketKind(StrEnum):
    """Where the embedded exchange's prices come from."""

    STATIC = "static"
    MODEL = "model"
    HISTORY = "history"


class PaperHoldings(BaseModel):
    """Coins to begin with: amounts, or a worth at the targets."""

    model_config = ConfigDict(frozen=True)

    worth_usd: Decimal = Decimal(10_000)
    amounts: Mapping[str, Decimal] | None = None

    def __str__(self) -> str:
        if self.amounts is None:
            return f"{self.worth_usd}USD@target"
        return ",".join(f"{coin}={amount}" for coin, amount in self.amounts.items())


def _holdings(text: str) -> "PaperHoldings":
    worth, at, word = text.strip().partition("@")
    if at:
        if word.strip().lower() != "target" or not worth.strip().upper().endswith("USD"):
            raise ValueError("write 10000USD@target, or amounts like BTC=0.12,ETH=1")
        return PaperHoldings(worth_usd=human.positive(worth.strip()[:-3]))
    return PaperHoldings(amounts=human.amounts(text))


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


class PaperSettings(Block):
    """The embedded exchange."""

    market: Annotated[MarketKind, choice(MarketKind)] = Field(
        MarketKind.MODEL,
        description="static: prices stand still; model: seeded random; history: recorded data",
    )
    prices: Annotated[Mapping[str, Decimal], NoDecode, read(human.prices)] = Field(
        {"BTC": Decimal(50_000), "ETH": Decimal(2_500), "SOL": Decimal(100)},
        description="USD; where static stays and model begins",
    )
    seed: Whole = Field(113, description="model: everything random follows from it")
    data: Path | None = Field(None, description="history: folder of market data files")
    start: Annotated[datetime | None, read(_moment)] = Field(
        None, description="history: where to begin; first common bar"
    )
    holdings: Annotated[PaperHoldings, NoDecode, read(_holdings)] = Field(
        PaperHoldings(), description="coins to begin with: BTC=0.12,ETH=1 or 10000USD@target"
    )
    collateral: Amounts = Field({"USDT": Decimal(6000)}, description="futures wallets to begin with")
    unified: Annotated[Mapping[str, Decimal], NoDecode, read(human.shares)] = Field(
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
    speed: Annotated[Decimal, read(human.not_negative)] = Field(
        Decimal(3600), description="seconds of market per second of wall; 0: as fast as it goes"
    )
    faults: Annotated[PaperFaults, NoDecode, read(read_faults)] = Field(
        PaperFaults(),
        description="what the daemon's venue does wrong, to be rehearsed. Chance per call: lose_reply=2%,"
        " lose_request, refuse, refuse_stop, delay, partial_fill, double_order, forget_order, feign_cancel, fail_read,"
        " empty_balances, no_liquidation_price, duplicate_fill. Chance per market hour, with how long it lasts:"
        " outage=1%:20m, hidden_position, late_positions, hidden_orders, late_trades, stale_quotes, spread,"
        " clock_skew, missing_funding; without one: deleverage. Comma separated; docs/rehearse.md",
    )
    fault_seed: Annotated[int | None, read(whole_number)] = Field(
        None, description="which calls and hours the faults meet follows from it; TRIMTAB_PAPER__SEED when empty"
    )
