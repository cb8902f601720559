"""What does the journal add up to?

``Books`` is the projection of all facts: orders, ledger, ceilings, locks, flows, trading state. It can always be
rebuilt by folding the facts from the first; the journal keeps a copy in memory and a checkpoint on disk.

Here is what the books hold and answer; how a fact changes them, ``folding.py`` says, and nothing else writes them.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.basis import BasisRecord
from bot.domain.events import CeilingSet, ContractTermsNoted
from bot.domain.funding import LegFunding
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol, TransferId, VenueId
from bot.domain.orders import Fill, Order, Purpose
from bot.domain.overlay import OverlayRecord
from bot.domain.policy import MarginRung, TradingState
from bot.domain.portfolio import WalletKind
from bot.domain.rolls import Roll
from bot.domain.transfers import Transfer
from bot.domain.units import ZERO

Leg = tuple[VenueId, Symbol]

#: Orders that have ended stay in the books this long, for late fills, for lists that are late, and for the eye.
FINAL_KEPT = timedelta(days=2)
#: They close what is there, so an asset's hedge is at most smaller than it seems.
_PROTECTIVE = (Purpose.STOP, Purpose.TAKE_PROFIT)


@dataclass(slots=True, kw_only=True)
class LegLedger:
    """What one contract has brought and cost, from our fills alone.

    Linear profit at a mark is ``cash_quote + contracts × contract size × mark + funding − fees``: no average entry
    is needed, so nothing is lost to rounding.
    """

    #: Signed position that our fills add up to.
    contracts: Decimal = ZERO
    #: Σ −signed contracts × price; multiplied by the contract size it is cash.
    cash_contract_value: Decimal = ZERO
    #: Σ signed contracts ÷ price, which an inverse contract's profit is made of.
    inverse_contract_value: Decimal = ZERO
    #: Funding received, in the settlement currency.
    funding: Decimal = ZERO
    #: Fees paid, per currency.
    fees_paid: dict[Currency, Decimal] = field(default_factory=dict)
    #: Σ signed contracts × (price − the price that was expected); + is cost. Multiplied by the contract size it is
    #: quote currency of a linear contract.
    slippage_contract_value: Decimal = ZERO
    #: The same, each ÷ the price that was expected: multiplied by the contract size it is quote currency of an inverse
    #: one.
    inverse_slippage_contracts: Decimal = ZERO
    #: Trades up to then are in a position that was adopted since; None where none was.
    adopted_until: datetime | None = None

    def has_adopted(self, fill: Fill) -> bool:
        """Return True for a trade that was in the position already when that was adopted, and is told only now."""
        return fill.has_come_with(self.adopted_until)

    def contracts_after(self, fill: Fill) -> Decimal:
        """Return the signed position that a trade leaves."""
        return self.contracts if self.has_adopted(fill) else self.contracts + fill.contracts * fill.side.sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A bound on |delta| of an asset that protection has left behind."""

    asset: Asset
    cause: str
    max_delta_base: Decimal
    set_at: datetime
    release_at: datetime | None
    why: str

    @classmethod
    def of(cls, fact: CeilingSet) -> "Ceiling":
        """Return what protection has set."""
        return cls(
            asset=fact.asset,
            cause=fact.cause,
            max_delta_base=fact.max_delta_base,
            set_at=fact.at,
            release_at=fact.release_at,
            why=fact.why,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectedFlow:
    """A change of holdings that waits for the owner's word or for time."""

    asset: Asset
    from_base: Decimal
    to_base: Decimal
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The way back of an asset that has left its band."""

    #: Signed gap at its start.
    first_gap: Decimal
    #: Tranches that are left; 0 where it is walked as the looks come.
    tranches_left: int = 0
    #: Before this no tranche is taken; None before the first.
    next_tranche_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Books:
    """The state that all facts add up to. Read it anywhere; only ``folding.apply`` writes it."""

    #: Number of the last fact that is in.
    sequence: int = 0
    epoch: str = ""
    epochs: set[str] = field(default_factory=set)
    #: When the journal was created; no trade before it is ours.
    opened_at: datetime | None = None
    #: Orders that are not final, and those that have ended of late (see ``FINAL_KEPT``).
    orders: dict[ClientOrderId, Order] = field(default_factory=dict)
    ledgers: dict[Leg, LegLedger] = field(default_factory=dict)
    #: What is known of each contract's funding.
    funding: dict[Leg, LegFunding] = field(default_factory=dict)
    #: What the overlay has been worth beside the coins alone.
    overlay: OverlayRecord = field(default_factory=OverlayRecord)
    #: Terms of every contract that was traded, as they were then: venues forget contracts that have expired.
    terms: dict[Leg, ContractTermsNoted] = field(default_factory=dict)
    settled_profit_quote: Decimal = ZERO
    ceilings: dict[tuple[Asset, str], Ceiling] = field(default_factory=dict)
    #: In which mode the last process ran; empty before the first.
    mode: str = ""
    #: What the owner or the bot has set; combined with other causes where it is used.
    trading_state: TradingState = TradingState.NORMAL
    trading_state_why: str = ""
    #: Since when it is so; None while nobody has ever set it.
    trading_state_since: datetime | None = None
    #: With ``halted``: protection rests too.
    is_hard_halt: bool = False
    #: True from the owner's ``flatten`` until every position is closed.
    is_flattening: bool = False
    #: True while a process has taken the journal and has not said that it ended in good order.
    is_running: bool = False
    #: When starts found that the process before had not ended in good order, the newest ones.
    abnormal_ends: list[datetime] = field(default_factory=list)
    #: Holdings that are taken as meant; empty until the first look.
    accepted_holdings: dict[Asset, Decimal] = field(default_factory=dict)
    flows: dict[Asset, SuspectedFlow] = field(default_factory=dict)
    wallet_baselines: dict[tuple[VenueId, WalletKind, Currency], Decimal] = field(default_factory=dict)
    corrections: dict[Asset, Correction] = field(default_factory=dict)
    unprotected: dict[Leg, tuple[datetime, str]] = field(default_factory=dict)
    locks: dict[Leg, tuple[datetime, str]] = field(default_factory=dict)
    last_look_at: datetime | None = None
    last_look_index_prices: dict[Asset, Decimal] = field(default_factory=dict)
    #: When a look last knew prices; one that was skipped does not.
    last_prices_at: datetime | None = None
    #: Basis of every contract that may hold a hedge, or holds one.
    basis: dict[Leg, BasisRecord] = field(default_factory=dict)
    #: What a long pays a year for holding each contract that was compared, smoothed, and as of when.
    carries: dict[Leg, tuple[datetime, Decimal]] = field(default_factory=dict)
    #: Positions that are passed on into another contract, by the one they leave.
    rolls: dict[Leg, Roll] = field(default_factory=dict)
    #: Wallets whose margin is not calm: the rung, and since when.
    margin_rungs: dict[tuple[VenueId, Currency], tuple[MarginRung, datetime]] = field(default_factory=dict)
    #: Since when every wallet is calm again; None before the first that was not.
    margin_calm_since: datetime | None = None
    #: Transfers that are open, and those of the last days.
    transfers: dict[TransferId, Transfer] = field(default_factory=dict)
    #: What our transfers have brought to a wallet, net, as far as they are known to have left and arrived.
    transferred: dict[tuple[VenueId, WalletKind, Currency], Decimal] = field(default_factory=dict)
    #: Newest trade and funding time that is booked, per venue: where the next read starts.
    fills_until: dict[VenueId, datetime] = field(default_factory=dict)
    funding_until: dict[VenueId, datetime] = field(default_factory=dict)
    #: Fills that increased exposure within the last day: (when, contracts × price, leg).
    recent_increases: list[tuple[datetime, Decimal, Leg]] = field(default_factory=list)
    #: Those of ``orders`` that are not final, which are few, in the same order.
    _working: dict[ClientOrderId, Order] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find what works."""
        self._find_working()

    def _find_working(self) -> None:
        self._working = {key: order for key, order in self.orders.items() if not order.state.is_final}

    def follow(self, order: Order) -> None:
        """Take note that an order is in another state. For ``folding`` alone."""
        key = order.intent.client_order_id
        if order.state.is_final:
            self._working.pop(key, None)
        elif key not in self._working:
            if key == next(reversed(self.orders)):
                self._working[key] = order
            else:
                self._find_working()

    def working_orders(self) -> list[Order]:
        """Return the orders that are not final, oldest first."""
        return list(self._working.values())

    def lock_on(self, leg: Leg, asset: Asset) -> tuple[Symbol, str] | None:
        """Return the contract that does not add up, and why, where that concerns a leg.

        Its own, or another one of its asset: then it is not known how far the asset is hedged.
        """
        for locked, (_, why) in self.locks.items():
            terms = self.terms.get(locked)
            if locked == leg or (terms is not None and terms.asset == asset):
                return locked[1], why
        return None

    def has_ceiling_since(self, asset: Asset, moment: datetime) -> bool:
        """Return True where protection has made an asset's hedge smaller at a moment or since."""
        return any(one == asset and ceiling.set_at >= moment for (one, _), ceiling in self.ceilings.items())

    def has_open_question(self, leg: Leg, asset: Asset) -> bool:
        """Return True while the outcome of an order is not known that may have changed a leg, or its asset's hedge."""
        return any(
            order.state.is_unproved
            and (
                (order.intent.venue, order.intent.symbol) == leg
                or (order.intent.asset == asset and order.intent.purpose not in _PROTECTIVE)
            )
            for order in self._working.values()
        )

    def open_transfers(self) -> list[Transfer]:
        """Return the transfers of which more is to come, oldest first."""
        return [one for one in self.transfers.values() if not one.state.is_final]

    def order_of(self, fill: Fill) -> Order | None:
        """Return the order of ours that a trade is of; None where another one has used its id."""
        order = self.orders.get(fill.client_order_id) if fill.client_order_id else None
        if order is None or (order.intent.symbol, order.intent.side) != (fill.symbol, fill.side):
            return None
        return order

    def ledger(self, venue: VenueId, symbol: Symbol) -> LegLedger:
        """Return a contract's ledger, empty where nothing was ever traded."""
        return self.ledgers.get((venue, symbol), LegLedger())
