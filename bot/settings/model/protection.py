"""What bounds a loss? Stops, the gate, the margin ladder, the breaker."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field
from pydantic_settings import NoDecode

from bot.domain.ids import Currency
from bot.domain.policy import MarginBound, MarginPolicy, StopAnchor
from bot.settings import human
from bot.settings.model.fields import Block, Duration, Number, Share, ShareOrOff, Whole, choice, read


class StopSettings(Block):
    """Resting stops."""

    anchor: Annotated[StopAnchor, choice(StopAnchor)] = Field(
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


_MARGIN = MarginPolicy()


class MarginSettings(Block):
    """What keeps a futures wallet from liquidation: share of its margin that maintenance needs, adverse move left."""

    warn: Annotated[MarginBound, NoDecode, read(_margin_bound)] = Field(
        _MARGIN.warn, description="usage/distance from which it is told: whichever is reached first"
    )
    transfer: Annotated[MarginBound, NoDecode, read(_margin_bound)] = Field(
        _MARGIN.transfer, description="from here collateral is moved from the spot wallet"
    )
    cancel: Annotated[MarginBound, NoDecode, read(_margin_bound)] = Field(
        _MARGIN.cancel, description="from here nothing that increases works or is sent"
    )
    reduce: Annotated[MarginBound, NoDecode, read(_margin_bound)] = Field(
        _MARGIN.reduce, description="from here legs are made smaller"
    )
    flatten: Annotated[MarginBound, NoDecode, read(_margin_bound)] = Field(
        _MARGIN.flatten, description="from here every leg of the wallet is closed"
    )
    hysteresis: Share = Field(Decimal("0.20"), description="better than a rung by this share, before it is left")
    release_after: Duration = Field(
        timedelta(hours=1), description="a leg that was cut may grow again once every wallet was calm for this long"
    )
    transfer_assets: Annotated[tuple[Currency, ...], NoDecode, read(_may_be_moved)] = Field(
        (Currency("USDT"), Currency("USDC")),
        description="what may be moved, or off; name a targeted coin to allow it, too",
    )
    max_pledged: Share = Field(Decimal("0.25"), description="most of a targeted coin that may lie in futures wallets")
    min_transfer: Number = Field(Decimal(10), description="USD; less is not moved")
    max_transfer_day: Annotated[Decimal | None, read(human.positive_or_off)] = Field(
        None, description="USD that may be moved within 24 hours; off: no bound"
    )
    sweep_back: Annotated[timedelta | None, read(human.duration_or_off)] = Field(
        None, description="what was moved goes back once all wallets were calm for this long, 7d say; off: it stays"
    )


class BreakerSettings(Block):
    """What the overlay may lose, beside the coins alone, before it only reduces."""

    max_day: Share = Field(Decimal("0.05"), description="loss within a day, share of the portfolio")
    max_drawdown: Share = Field(Decimal("0.15"), description="loss from where it stood best against the coins alone")
    max_cost: Share = Field(Decimal("0.03"), description="fees, slippage, whipsaw and net funding in 30 days")
