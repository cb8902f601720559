"""Which facts does the journal keep?

Every fact is in the past tense, complete in itself, and carries when it happened. ``books.apply`` folds them into
the state that decisions need; nothing else may change that state. Fields may be added with a default, never renamed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.ids import (
    Asset,
    ClientOrderId,
    Currency,
    CycleId,
    Symbol,
    TransferId,
    VenueId,
    VenueOrderId,
)
from bot.domain.orders import Fill, OrderEvent, OrderIntent
from bot.domain.policy import LossMeasure, MarginRung, TradingState
from bot.domain.portfolio import WalletKind
from bot.domain.rolls import RollCause, RollStage
from bot.domain.transfers import TransferIntent, TransferState
from bot.domain.units import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened."""

    at: datetime

    @property
    def dedup_key(self) -> str | None:
        """A key that the journal keeps unique: the same fact offered twice is kept once."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOpened(Fact):
    """A journal was created or restored and got a new epoch."""

    epoch: str
    #: ``created`` or ``restored``.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStarted(Fact):
    """A process took the journal."""

    version: str
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStopped(Fact):
    """The process ended and could still say so."""

    reason: str
    #: False when something broke: such an end counts like a crash.
    is_orderly: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LookTaken(Fact):
    """One decide-and-act pass ended."""

    cycle_id: CycleId
    #: What made it due: ``start``, ``calendar``, ``volatility``, ``tranche``, ``move``, ``expiry`` or ``command``.
    trigger: str
    #: ``in_band``, ``traded``, ``refused`` or ``skipped``.
    outcome: str
    #: The numbers it was decided on, as JSON text; empty when nothing was decided.
    document: str = ""
    #: Index price per asset, from which the large-move trigger measures.
    index_prices: Mapping[Asset, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended(Fact):
    """An order is about to be sent."""

    intent: OrderIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged(Fact):
    """Something was learned about an order."""

    client_order_id: ClientOrderId
    event: OrderEvent
    venue_order_id: VenueOrderId | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Fact):
    """A cancel is about to be sent."""

    client_order_id: ClientOrderId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFilled(Fact):
    """A trade of the account was booked. ``at`` is when it was booked, ``fill.filled_at`` when it happened."""

    fill: Fill

    @property
    def dedup_key(self) -> str | None:
        """Venue, symbol and trade id."""
        return f"fill/{self.fill.venue}/{self.fill.symbol}/{self.fill.trade_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTermsNoted(Fact):
    """The terms of a contract as they were when it was traded: accounting must not need the venue."""

    venue: VenueId
    symbol: Symbol
    asset: Asset
    is_linear: bool
    #: Base units (linear) or quote units (inverse) of one contract.
    contract_size: Decimal
    quote: Currency
    settle: Currency

    @property
    def dedup_key(self) -> str | None:
        """The terms themselves: the same ones are noted once."""
        return f"terms/{self.venue}/{self.symbol}/{self.is_linear}/{self.contract_size}/{self.quote}/{self.settle}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingSettled(Fact):
    """A funding payment was settled by the venue."""

    venue: VenueId
    symbol: Symbol
    #: The venue's own number of the transaction.
    transaction_id: str
    currency: Currency
    #: + when received.
    amount: Decimal
    rate: Decimal
    #: Signed, long +, at the mark of the settlement.
    notional_quote: Decimal
    settled_at: datetime

    @property
    def dedup_key(self) -> str | None:
        """Venue, symbol and transaction."""
        return f"funding/{self.venue}/{self.symbol}/{self.transaction_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingDue(Fact):
    """The venue has said when it settles funding next, and how often."""

    venue: VenueId
    symbol: Symbol
    due_at: datetime
    interval: timedelta
    #: Its forecast for this settlement when it was first read: a fraction of notional, + when longs pay.
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingJudged(Fact):
    """A settlement has counted for or against the funding cap."""

    venue: VenueId
    symbol: Symbol
    due_at: datetime
    #: Side of the position: +1 long, −1 short; of the last one held where the contract is flat.
    side: int
    #: What it cost a year, as a fraction of notional; + when paid.
    paid_annual: Decimal
    #: ``above`` the cap, ``between``, or ``below`` half of it.
    level: str
    #: ``settled``: from the payment; ``estimated``: from the forecast, because nothing was held.
    basis: str

    @property
    def dedup_key(self) -> str | None:
        """Venue, symbol and settlement."""
        return f"funding_judged/{self.venue}/{self.symbol}/{self.due_at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdopted(Fact):
    """A position that existed before became ours, at its mark."""

    venue: VenueId
    symbol: Symbol
    contracts: Decimal
    mark_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingSet(Fact):
    """A protective reduction bounded |delta| of an asset; the lowest of several wins."""

    asset: Asset
    #: ``stop_out``, ``take_profit``, ``forced``, ``stop_floor``, ``unprotected``, ``margin``, ``funding`` or
    #: ``breaker``.
    cause: str
    max_delta_base: Decimal
    #: Released at this time; None when another condition releases it.
    release_at: datetime | None
    why: str
    #: What set it, when it must not be set twice for the same thing: a trade's key, for example.
    source: str = ""

    @property
    def dedup_key(self) -> str | None:
        """Asset, cause and source; none without a source."""
        return f"ceiling/{self.asset}/{self.cause}/{self.source}" if self.source else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingReleased(Fact):
    """A ceiling ended."""

    asset: Asset
    cause: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayMeasured(Fact):
    """What coins with futures are worth beside the same coins without, free of what the owner moved in or out."""

    #: Coins of the owner, without what futures have brought or cost.
    holdings_base: Mapping[Asset, Decimal]
    #: Signed coins by which futures change the exposure to each.
    added_base: Mapping[Asset, Decimal]
    index_prices: Mapping[Asset, Decimal]
    #: Cash that counts as portfolio and was not brought by futures; zero with scope ``assets``.
    idle_quote: Decimal
    #: What our futures on each asset have brought, less fees, with funding; what was settled is still in.
    profits_quote: Mapping[Asset, Decimal]
    settled_quote: Decimal
    #: V.
    value_quote: Decimal
    #: Fees + slippage − funding received since the journal began, + is cost; of currencies that have a price.
    spent: Mapping[Currency, Decimal]
    #: The same in USD since the first measurement, each part at the prices of its time.
    cost_quote: Decimal
    #: Currencies of costs that have no price: not counted until they have one.
    unpriced: tuple[Currency, ...]
    #: Growth since the first measurement, 1 there: with futures, and without.
    overlay_index: Decimal
    never_index: Decimal

    @property
    def profit_quote(self) -> Decimal:
        """All that our futures have brought."""
        return sum(self.profits_quote.values(), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerTripped(Fact):
    """The overlay has lost more than the owner allows."""

    measure: LossMeasure
    #: Fractions of the portfolio's value; + is loss.
    loss_frac: Decimal
    limit_frac: Decimal
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingStateSet(Fact):
    """Somebody or something changed what the bot may do."""

    state: TradingState
    #: Who asked: ``owner``, ``bot`` or a caller's address.
    caller: str
    why: str
    #: With ``halted``: protection rests too; the stops that are at the venue stay there.
    is_hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenStarted(Fact):
    """The owner wants all futures closed; goes on after a restart until it is done."""

    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenEnded(Fact):
    """Every futures position of ours is closed and its stops are gone, or the owner called it off."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeProfitSettled(Fact):
    """The owner moved money between hedge profit and holdings; + takes it out of V."""

    amount_quote: Decimal
    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsAccepted(Fact):
    """The holdings of these assets are what the owner means to have."""

    holdings_base: Mapping[Asset, Decimal]
    #: ``start``, ``drifted`` (small or explained), ``confirmed``, ``declared`` or ``settled``.
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSuspected(Fact):
    """Holdings of an asset changed by more than our own doing explains; increases wait."""

    asset: Asset
    from_base: Decimal
    to_base: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletAnchored(Fact):
    """The ledger and a futures wallet were made to agree; later differences are measured from here."""

    venue: VenueId
    wallet: WalletKind
    currency: Currency
    #: Margin balance − our ledger's profit in this currency, at this moment.
    baseline: Decimal
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionStarted(Fact):
    """An asset left its band: the way back is walked at each look until it is there."""

    asset: Asset
    #: The gap at the start, signed.
    gap: Decimal
    #: In how many tranches it is walked; 0 is as the looks come.
    tranches: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrancheTaken(Fact):
    """A tranche of a correction was decided; it is journalled before its order is."""

    asset: Asset
    #: Tranches that are left; the last one is repeated until the correction has arrived.
    left: int
    next_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionEnded(Fact):
    """The asset is where its correction was going, or the correction was dropped."""

    asset: Asset
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegUnprotected(Fact):
    """A position was found without a stop of its size."""

    venue: VenueId
    symbol: Symbol
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegProtected(Fact):
    """The position has its stop again, read back from the venue."""

    venue: VenueId
    symbol: Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class StopFired(Fact):
    """A resting stop traded: the exposure that the leg hedged is open again."""

    venue: VenueId
    symbol: Symbol
    asset: Asset
    client_order_id: ClientOrderId
    contracts: Decimal
    #: Key of the trade that it was learned from.
    source: str

    @property
    def dedup_key(self) -> str | None:
        """One per trade."""
        return f"stop_fired/{self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRungChanged(Fact):
    """A wallet's margin asks for something else than before."""

    venue: VenueId
    #: Settlement currency of the wallet.
    currency: Currency
    rung: MarginRung
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferIntended(Fact):
    """A transfer is about to be sent."""

    intent: TransferIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferChanged(Fact):
    """Something was learned about a transfer."""

    transfer_id: TransferId
    state: TransferState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisNoted(Fact):
    """How far a contract stood from the index: a sample, or the moment at which it passed one of its bounds."""

    venue: VenueId
    symbol: Symbol
    #: Mark ÷ index − 1.
    basis: Decimal
    is_wide: bool
    #: Too far for anything to be added.
    is_blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryNoted(Fact):
    """What a long pays a year for holding a contract, smoothed: funding or basis, a fraction of notional."""

    venue: VenueId
    symbol: Symbol
    annual: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RollMoved(Fact):
    """A roll began, or reached another stage."""

    venue: VenueId
    asset: Asset
    near: Symbol
    far: Symbol | None
    #: Base coins (linear) or quote currency (inverse) of one contract.
    near_size: Decimal
    far_size: Decimal
    cause: RollCause
    stage: RollStage
    why: str
    #: With the beginning: what an earlier roll of the position has left open.
    carried: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollFolded(Fact):
    """A look needs the asset of a roll to be hedged otherwise: its far leg is made to fit."""

    venue: VenueId
    near: Symbol
    #: What the far leg is to have more than was taken out of the near one, all looks together; signed amount.
    folded: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RollEnded(Fact):
    """A roll is over: the near contract holds nothing any more."""

    venue: VenueId
    asset: Asset
    near: Symbol
    far: Symbol | None
    cause: RollCause
    why: str
    #: True when the contract expired with something in it.
    is_missed: bool
    #: Amounts that were passed on, unsigned.
    closed: Decimal
    opened: Decimal
    #: Paid − received for passing on what both legs have in common, without fees, and the fees; + is a cost. In quote
    #: currency; those of coin-settled contracts at the far contract's price.
    difference_quote: Decimal
    fees_quote: Decimal
    #: Both as a share of what was passed on.
    cost_bps: Decimal | None
    #: What the far contract's premium over the near one brings the hedge in a year; − is a cost. None without a
    #: second expiry to count to.
    yield_annual: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolLocked(Fact):
    """Journal and venue do not add up on this symbol: reduce only until they do."""

    venue: VenueId
    symbol: Symbol
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolUnlocked(Fact):
    """They add up again."""

    venue: VenueId
    symbol: Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven(Fact):
    """An owner's command was taken."""

    command: str
    caller: str
    arguments: str
