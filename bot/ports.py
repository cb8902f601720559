"""What does the engine need from the outside, and what does the outside need from the engine?

Outbound: ``Clock``, ``Venue``, ``Journal``, ``AlertSink``, ``HoldingsSource``. Inbound: ``Control``.

Rules for every implementation of ``Venue``:

- A read that returns is complete. What could not be read completely raises ``VenueUnavailable``; an empty tuple means
  "there are none", said by the venue.
- A write ends in one of three ways: it returns (accepted), it raises ``VenueRefused`` (proved), or it raises
  ``VenueOutcomeUnknown`` (anything else). It is never retried below this line.
- Amounts are in venue contracts as ``Instrument`` defines them, prices in quote currency.
"""

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from bot.domain.books import Books
from bot.domain.events import Fact, FundingSettled
from bot.domain.findings import Finding
from bot.domain.hints import Hint
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import CoinPrice, CurrencyRate, FundingRate, PriceHistory, Quote, SpreadQuote
from bot.domain.orders import Fill, OrderDraft, OrderIntent, VenueOrder
from bot.domain.portfolio import AccountState, ExternalHolding
from bot.domain.transfers import TransferDraft, TransferIntent, VenueTransfer

#: True while what is read may wait for the next minute of a venue's rate limit: it keeps room for what protects.
IS_PATIENT: ContextVar[bool] = ContextVar("is_patient", default=False)


@contextmanager
def patiently() -> Iterator[None]:
    """Read for a look, and not to protect, for as long as the block runs."""
    before = IS_PATIENT.set(True)
    try:
        yield
    finally:
        IS_PATIENT.reset(before)


class Clock(Protocol):
    """Time, injected."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go backwards, for intervals and cool-downs."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Let ``duration`` of monotonic time pass."""
        ...


class Venue(Protocol):
    """One exchange account."""

    @property
    def id(self) -> VenueId:
        """Name the venue."""
        ...

    async def start(self) -> None:
        """Connect; load what every call needs."""
        ...

    async def stop(self) -> None:
        """Disconnect. Nothing at the venue is changed."""
        ...

    async def fetch_instruments(self) -> tuple[Instrument, ...]:
        """Return every futures contract that can be traded or held."""
        ...

    async def fetch_account(self) -> AccountState:
        """Return balances, positions, margin and open orders, read completely."""
        ...

    async def fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        """Return one quote per symbol."""
        ...

    async def fetch_funding_rates(self, symbols: Sequence[Symbol]) -> tuple[FundingRate, ...]:
        """Return the forecast for each perpetual among ``symbols``."""
        ...

    async def fetch_currency_rates(self, currencies: Sequence[Currency]) -> tuple[CurrencyRate, ...]:
        """Return what cash currencies are worth in USD, as measured."""
        ...

    async def fetch_coin_prices(self, assets: Sequence[Asset]) -> tuple[CoinPrice, ...]:
        """Return what coins cost on the spot market, which needs no contract; what has no price there is left out."""
        ...

    async def fetch_history(self, asset: Asset, days: int) -> PriceHistory:
        """Return up to ``days`` daily index closes of days that have ended."""
        ...

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        """Send one order with the intent's client order id."""
        ...

    async def fetch_spread(self, near: Symbol, far: Symbol) -> SpreadQuote | None:
        """Return the price of a calendar spread; None when the venue has no book for it."""
        ...

    async def submit_spread(
        self, near: OrderIntent, far: OrderIntent, *, limit_spread_price: Decimal
    ) -> tuple[VenueOrder, VenueOrder]:
        """Send both legs of a calendar spread as one order, immediate or cancelled; both trade the same amount.

        ``limit_spread_price`` is far − near: bought (far bought) for no more, sold for no less.
        """
        ...

    async def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder:
        """Cancel one order and return its last state, which may be FILLED.

        Raises:
            VenueRefused: with code ``order_not_found`` when the venue knows no such order.
        """
        ...

    async def fetch_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        """Return one order of any age that the venue still knows, None when it says that it knows none."""
        ...

    async def fetch_fills(self, since: datetime) -> tuple[Fill, ...]:
        """Return every trade of the account at or after ``since``, oldest first."""
        ...

    async def transfer(self, intent: TransferIntent) -> VenueTransfer:
        """Move collateral from wallet to wallet of this account, once."""
        ...

    async def fetch_transfers(self, since: datetime) -> tuple[VenueTransfer, ...]:
        """Return every transfer between wallets of the account at or after ``since``, oldest first."""
        ...

    async def fetch_funding(self, since: datetime) -> tuple[FundingSettled, ...]:
        """Return every funding payment of the account at or after ``since``, oldest first."""
        ...


@runtime_checkable
class Examined(Protocol):
    """A venue that can say whether an account is fit to be traded."""

    async def examine(self, assets: Sequence[Asset]) -> tuple[Finding, ...]:
        """Return what is to be said of key, clock, account, and the units of these assets' contracts."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A venue that tells of changes before it is asked. What it tells is a reason to ask, never an answer."""

    def streams(
        self, wanted: Callable[[], Sequence[Symbol]], heed: Callable[[Hint], None]
    ) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """Return what listens: run each of them for as long as the bot runs.

        ``wanted`` names the contracts whose prices are to be heeded, whenever a connection is made. A connection that
        is lost is made again; it is no failure.
        """
        ...


class Journal(Protocol):
    """The durable memory. A method that returns has committed; one that raises ``JournalError`` has not."""

    @property
    def books(self) -> Books:
        """What all committed facts add up to. Not to be written."""
        ...

    async def record(self, *facts: Fact) -> tuple[Fact, ...]:
        """Commit facts in one transaction, fold them into ``books``, and return the ones that were new.

        A fact whose ``dedup_key`` is already there is left out.
        """
        ...

    async def record_intents(self, drafts: Sequence[OrderDraft], at: datetime) -> tuple[OrderIntent, ...]:
        """Give each draft its client order id and commit all of them in one transaction, before any is sent."""
        ...

    def intent_of(self, client_order_id: ClientOrderId) -> OrderIntent | None:
        """Return what was ever intended under an id, also when the books have long forgotten it; None for nothing."""
        ...

    async def record_transfer(self, draft: TransferDraft, at: datetime) -> TransferIntent:
        """Give a transfer its id and commit it, before it is sent."""
        ...

    async def close(self) -> None:
        """Release the file."""
        ...


class HoldingsSource(Protocol):
    """Coins that the owner declares as held elsewhere."""

    def read(self, now: datetime) -> tuple[ExternalHolding, ...]:
        """Return the declared holdings.

        Raises:
            DataError: a watched file cannot be read or understood.
        """
        ...


class AlertSink(Protocol):
    """Where the owner is told."""

    def raise_alert(
        self, code: str, sentence: str, *, severity: str, cause: str, fields: Mapping[str, Any] | None = None
    ) -> None:
        """Open or repeat the alert ``(code, cause)``; repeats are rate limited. Severity: warning or critical."""
        ...

    def close_alert(self, code: str, *, cause: str) -> None:
        """Say that it is over, once; nothing when it was not open."""
        ...

    def remind(self) -> None:
        """Repeat what is open and due, also when nobody raises it again."""
        ...

    @property
    def open_alerts(self) -> tuple[Mapping[str, Any], ...]:
        """What is open: code, cause, severity, sentence, since."""
        ...


class Control(Protocol):
    """What an owner can ask of a running bot. Documents are plain JSON values with their ``schema`` name.

    Every command that changes something is journalled with its caller.
    """

    def health(self) -> tuple[bool, str]:
        """Return whether the process is alive and its tasks run, and one word."""
        ...

    def readiness(self) -> tuple[bool, str]:
        """Return whether the last look is recent, the books are reconciled and every leg is protected."""
        ...

    def status(self) -> dict[str, Any]:
        """Return ``trimtab.status/1``."""
        ...

    async def plan(self) -> dict[str, Any]:
        """Take a look, send nothing, and return ``trimtab.plan/1``."""
        ...

    async def halt(self, caller: str, *, why: str, is_hard: bool = False) -> dict[str, Any]:
        """Stop rebalancing: cancel working hedge orders, keep stops.

        ``is_hard`` stops protection's changes too; what rests at the venue stays.
        """
        ...

    async def reduce_only(self, caller: str, *, why: str) -> dict[str, Any]:
        """Allow only what shrinks a position: cancel working orders that increase, keep stops."""
        ...

    async def flatten(self, caller: str) -> dict[str, Any]:
        """Close all futures of ours, cancel their stops last, and end halted."""
        ...

    async def resume_plan(self) -> dict[str, Any]:
        """Return ``trimtab.resume/1``: what a resume would clear, and the plan that would follow. Changes nothing."""
        ...

    async def resume(self, caller: str) -> dict[str, Any]:
        """Return to ``normal``, and look at once."""
        ...

    async def settle(self, caller: str, amount_quote: Decimal) -> dict[str, Any]:
        """Book money moved between hedge profit and holdings."""
        ...

    async def adopt(
        self, caller: str, venue: VenueId | None, symbol: Symbol, *, is_gone: bool = False
    ) -> dict[str, Any]:
        """Make an existing position ours, at its mark; ``is_gone``: also that it exists no more."""
        ...

    async def confirm_flow(self, caller: str, asset: Asset | None, *, is_gone: bool = False) -> dict[str, Any]:
        """Accept the present holdings of one asset or of all; ``is_gone``: also that there are none any more."""
        ...
