"""What keeps a wallet from liquidation?"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import Currency
from bot.domain.units import decimal_text


class MarginRung(StrEnum):
    """What a wallet's margin asks for; each rung includes those before it."""

    CALM = "calm"
    #: Say so.
    WARN = "warn"
    #: Move collateral from the spot wallet.
    TRANSFER = "transfer"
    #: Hold back, and cancel, what would increase.
    CANCEL = "cancel"
    #: Make legs smaller.
    REDUCE = "reduce"
    #: Close every leg of the wallet.
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginBound:
    """Where a rung begins: whichever of the two is reached first."""

    #: Maintenance ÷ margin balance at or above which it is reached.
    usage_frac: Decimal
    #: Move against every leg at once that liquidates, at or below which it is reached.
    distance_frac: Decimal

    def __str__(self) -> str:
        return "/".join(f"{decimal_text(share * 100)}%" for share in (self.usage_frac, self.distance_frac))


_WARN = MarginBound(usage_frac=Decimal("0.30"), distance_frac=Decimal("0.25"))
_TRANSFER = MarginBound(usage_frac=Decimal("0.40"), distance_frac=Decimal("0.20"))
_CANCEL = MarginBound(usage_frac=Decimal("0.50"), distance_frac=Decimal("0.15"))
_REDUCE = MarginBound(usage_frac=Decimal("0.60"), distance_frac=Decimal("0.12"))
_FLATTEN = MarginBound(usage_frac=Decimal("0.80"), distance_frac=Decimal("0.05"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginPolicy:
    """What keeps a wallet from liquidation."""

    warn: MarginBound = _WARN
    transfer: MarginBound = _TRANSFER
    cancel: MarginBound = _CANCEL
    reduce: MarginBound = _REDUCE
    flatten: MarginBound = _FLATTEN
    #: A rung is left only when both measures are better than its bound by this share.
    hysteresis_frac: Decimal = Decimal("0.20")
    #: Ceilings of the ladder are released once every wallet has been calm for this long.
    release_after: timedelta = timedelta(hours=1)
    #: What may be moved from the spot wallet; a targeted coin has to be named by the owner.
    transfer_assets: tuple[Currency, ...] = (Currency("USDT"), Currency("USDC"))
    #: At most this share of a targeted coin's holding is pledged as collateral.
    max_pledged_frac: Decimal = Decimal("0.25")
    #: Less than this many USD is not moved.
    min_transfer_quote: Decimal = Decimal(10)
    #: At most this many USD are moved within 24 hours; None is no bound.
    max_transfer_day_quote: Decimal | None = None
    #: What the bot has moved in goes back when every wallet has been calm for this long; None is never.
    sweep_after: timedelta | None = None
    #: Waits after the first, second … transfer in a row that did not arrive; the last one is repeated.
    retry_waits: tuple[timedelta, ...] = (
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
    )

    def bound(self, rung: MarginRung) -> MarginBound:
        """Return where a rung begins.

        Raises:
            KeyError: CALM begins nowhere.
        """
        return {
            MarginRung.WARN: self.warn,
            MarginRung.TRANSFER: self.transfer,
            MarginRung.CANCEL: self.cancel,
            MarginRung.REDUCE: self.reduce,
            MarginRung.FLATTEN: self.flatten,
        }[rung]
