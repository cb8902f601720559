"""Is a wallet on its way to liquidation? Measures every wallet, and does what its rung of the ladder asks for."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import structlog

from bot.decisions.collateral import ask_in_time, is_room_coming, on_the_way, plan_transfer
from bot.decisions.margin_ladder import (
    MarginCut,
    MarginHealth,
    close_all,
    liquidation_doubts,
    measure_wallet,
    missing_cash,
    plan_cuts,
    rank,
)
from bot.decisions.stops import needed_room_frac
from bot.decisions.sweep import plan_sweep
from bot.decisions.wallets import Wallet, emptied_wallets, wallets_of
from bot.domain.books import Leg
from bot.domain.errors import DataError, VenueError
from bot.domain.events import CeilingReleased, CeilingSet, Fact, MarginRungChanged
from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Purpose, side_of
from bot.domain.policy import MarginPolicy, MarginRung
from bot.domain.portfolio import AccountState, WalletKind
from bot.domain.transfers import TransferState
from bot.domain.units import ONE, ZERO, decimal_text, sign
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.protection import Protection
from bot.engine.reductions import Reductions
from bot.engine.reference import Reference
from bot.engine.snapshot import SnapshotGatherer
from bot.engine.transfers import Transfers

log = structlog.get_logger()

#: Exposure − target per asset in USD, as the newest look knew it.
Gaps = Callable[[], Mapping[Asset, Decimal]]
_CAUSE = "margin"


class MarginWatcher:
    """Climbs the ladder, and comes down again."""

    def __init__(
        self,
        desk: Desk,
        gatherer: SnapshotGatherer,
        reference: Reference,
        execution: Execution,
        transfers: Transfers,
        reductions: Reductions,
        protection: Protection,
        gaps: Gaps,
    ) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._reference = reference
        self._execution = execution
        self._transfers = transfers
        self._reductions = reductions
        self._protection = protection
        self._gaps = gaps
        self._wallets: dict[VenueId, Sequence[Wallet]] = {}
        #: What is held and has no price that is known, as of the newest check.
        self._unpriced: dict[VenueId, Sequence[Symbol]] = {}
        #: Positions whose liquidation price is doubted.
        self._doubted: dict[VenueId, set[Symbol]] = {}
        #: As of the newest check, for ``status``.
        self.newest: dict[VenueId, tuple[MarginHealth, ...]] = {}

    async def check(self, _now: datetime) -> None:
        """Look after the wallets of every venue; one that cannot be read is told and does not stop the others."""
        for venue_id in self._desk.venues:
            async with self._desk.lock:
                try:
                    await self._look_after(venue_id)
                except (DataError, VenueError) as failure:
                    self._tell_unknown(venue_id, str(failure))
                else:
                    self._tell_unpriced(venue_id)

    def _tell_unpriced(self, venue_id: VenueId) -> None:
        """Say where the margin was measured without a position of which no price is known, and end it where not."""
        if unpriced := self._unpriced[venue_id]:
            self._tell_unknown(venue_id, f"nothing is known of the price of {', '.join(unpriced)}")
        else:
            self._desk.alerts.close_alert("margin_unknown", cause=venue_id)

    def _tell_unknown(self, venue_id: VenueId, why: str) -> None:
        self._desk.alerts.raise_alert(
            "margin_unknown",
            f"The margin of {venue_id} cannot be measured: {why}",
            severity="warning",
            cause=venue_id,
        )

    async def relieve(self, venue_id: VenueId) -> bool:
        """Send for collateral now; True while so much is on its way that no leg need be cut. The caller holds the desk.

        What cannot be measured does not hold up the cut.
        """
        try:
            await self._transfers.follow(venue_id)
            account, _, healths = await self._measure(venue_id)
            await self._send_collateral(healths, account)
        except (DataError, VenueError) as failure:
            self._tell_unknown(venue_id, str(failure))
            return False
        books, now = self._desk.journal.books, self._desk.clock.now()
        return any(is_room_coming(one.wallet, books, self._needed_room(one.wallet), now) for one in healths)

    def _needed_room(self, wallet: Wallet) -> Decimal:
        return needed_room_frac(wallet, self._reference.daily_sigmas, self._desk.policy)

    def _policy_of(self, wallet: Wallet) -> MarginPolicy:
        return ask_in_time(self._desk.policy.margin, self._needed_room(wallet))

    async def _look_after(self, venue_id: VenueId) -> None:
        await self._transfers.follow(venue_id)
        account, instruments, healths = await self._measure(venue_id)
        if self._desk.journal.books.is_hard_halt:
            # The owner has said that nothing at all is to be changed.
            return
        if await self._send_collateral(healths, account):
            account, instruments, healths = await self._measure(venue_id)
        if not self._unpriced[venue_id]:
            await self._sweep_back(venue_id, account)
        cuts: list[MarginCut] = []
        for health in healths:
            if rank(health.rung) >= rank(MarginRung.CANCEL):
                await self._hold_back(health.wallet, instruments)
            cuts += await self._cut(health, cuts, account, instruments)
        if cuts:
            await self._protection.protect_safely(venue_id)
        await self._release_ceilings()

    async def _measure(self, venue_id: VenueId) -> tuple[AccountState, dict[Leg, Instrument], tuple[MarginHealth, ...]]:
        account = await self._gatherer.read_account(venue_id)
        held = tuple(position.symbol for position in account.positions)
        await self._reference.refresh_terms(venue_id, held)
        instruments = self._reference.known(venue_id, held)
        quotes: dict[Leg, Quote] = await self._gatherer.read_quotes_or_newest(venue_id, instruments)
        self._unpriced[venue_id] = sorted(symbol for _, symbol in instruments.keys() - quotes.keys())
        rungs = self._desk.journal.books.margin_rungs
        self._wallets[venue_id] = (
            *wallets_of(account, instruments, quotes),
            *emptied_wallets(rungs, account, instruments),
        )
        healths = tuple(
            measure_wallet(
                wallet,
                rungs.get(wallet.key, (MarginRung.CALM, None))[0],
                self._policy_of(wallet),
                has_borrowed=_has_borrowed(wallet, account),
            )
            for wallet in self._wallets[venue_id]
            if wallet.holdings or wallet.key in rungs or _has_borrowed(wallet, account)
        )
        self.newest[venue_id] = healths
        for health in healths:
            await self._note(health)
        self._tell_doubts(healths, account)
        return account, instruments, healths

    # --- telling

    async def _note(self, health: MarginHealth) -> None:
        """Journal a change of rung, and keep its alert in step."""
        desk, wallet = self._desk, health.wallet
        cause = f"{wallet.venue}/{wallet.currency}"
        before, _ = desk.journal.books.margin_rungs.get(wallet.key, (MarginRung.CALM, None))
        told = _tell(health)
        if health.rung is not before:
            changed = MarginRungChanged(
                at=desk.clock.now(), venue=wallet.venue, currency=wallet.currency, rung=health.rung, why=told
            )
            await desk.journal.record(changed)
            log.info(told, code="margin_rung", venue=wallet.venue, currency=wallet.currency, rung=health.rung)
        if health.rung is MarginRung.CALM:
            desk.alerts.close_alert("margin", cause=cause)
            return
        is_critical = rank(health.rung) >= rank(MarginRung.REDUCE)
        desk.alerts.raise_alert("margin", told, severity="critical" if is_critical else "warning", cause=cause)

    def _tell_doubts(self, healths: Sequence[MarginHealth], account: AccountState) -> None:
        alerts, venue_id = self._desk.alerts, account.venue
        doubts: dict[Symbol, str] = {}
        for health in healths:
            doubts |= liquidation_doubts(health.wallet, account.positions)
        for symbol, doubt in doubts.items():
            told = f"Liquidation of {symbol}: {doubt}"
            alerts.raise_alert("liquidation_doubt", told, severity="warning", cause=f"{venue_id}/{symbol}")
        # What has no price for the moment is doubted as before.
        doubted = doubts.keys() | (self._doubted.get(venue_id, set()) & set(self._unpriced[venue_id]))
        for symbol in self._doubted.get(venue_id, set()) - doubted:
            alerts.close_alert("liquidation_doubt", cause=f"{venue_id}/{symbol}")
        self._doubted[venue_id] = doubted

    # --- acting

    async def _send_collateral(self, healths: tuple[MarginHealth, ...], account: AccountState) -> bool:
        """Send what is needed and allowed; return True when something has arrived at once."""
        desk, has_arrived = self._desk, False
        for health in healths:
            currency = health.wallet.currency
            draft = plan_transfer(
                health,
                account,
                desk.journal.books,
                self._policy_of(health.wallet),
                usd_price=self._usd_price(health.wallet),
                is_coin=desk.policy.is_target(Asset(currency)),
                now=desk.clock.now(),
            )
            if draft is None:
                continue
            sent = await self._transfers.send(draft, account)
            has_arrived |= sent.state is TransferState.DONE
            cause = f"{draft.venue}/{currency}"
            if sent.state in (TransferState.REFUSED, TransferState.ABSENT):
                desk.alerts.raise_alert(
                    "transfer_failed",
                    f"{decimal_text(draft.amount)} {currency} could not be moved to the futures wallet: {sent.reason}",
                    severity="critical",
                    cause=cause,
                )
            else:
                desk.alerts.close_alert("transfer_failed", cause=cause)
        return has_arrived

    async def _sweep_back(self, venue_id: VenueId, account: AccountState) -> None:
        """Send back what is needed no more, where the owner wants that."""
        desk = self._desk
        for wallet in self._wallets[venue_id]:
            draft = plan_sweep(
                wallet,
                desk.journal.books,
                self._policy_of(wallet),
                stress_frac=desk.policy.limits.stress_frac,
                usd_price=self._usd_price(wallet),
                is_coin=desk.policy.is_target(Asset(wallet.currency)),
                now=desk.clock.now(),
            )
            if draft is not None:
                await self._transfers.send(draft, account)

    def _usd_price(self, wallet: Wallet) -> Decimal:
        """Return what one unit of a wallet's currency is worth; cash counts as a dollar here."""
        inverse = next((one for one in wallet.holdings if not one.instrument.is_linear), None)
        if inverse is None:
            return self._desk.journal.books.last_look_index_prices.get(Asset(wallet.currency), ONE)
        return inverse.mark_price

    async def _hold_back(self, wallet: Wallet, instruments: Mapping[Leg, Instrument]) -> None:
        """Cancel what works and would increase in a wallet; what opens is refused by the gate meanwhile."""
        for order in self._desk.journal.books.working_orders():
            intent = order.intent
            one = instruments.get((intent.venue, intent.symbol)) or self._known(intent.venue, intent.symbol)
            is_here = one is not None and (one.venue, one.settle) == wallet.key
            if is_here and intent.purpose is Purpose.HEDGE and not intent.reduce_only:
                await self._execution.cancel(order, "the margin of its wallet is short")

    def _known(self, venue_id: VenueId, symbol: str) -> Instrument | None:
        return next((one for one in self._reference.instruments_of(venue_id) if one.symbol == symbol), None)

    async def _cut(
        self,
        health: MarginHealth,
        earlier: Sequence[MarginCut],
        account: AccountState,
        instruments: Mapping[Leg, Instrument],
    ) -> tuple[MarginCut, ...]:
        """Make legs smaller, or close them; return which. ``earlier``: those of other wallets in this check."""
        foreign = self._desk.policy.foreign_symbols
        cuts: tuple[MarginCut, ...] = ()
        if health.rung is MarginRung.FLATTEN:
            cuts = close_all(health.wallet, untouchable=foreign)
        elif health.rung is MarginRung.REDUCE and not self._will_suffice(health.wallet):
            cuts = plan_cuts(health.wallet, self._gaps(), self._desk.policy.margin, untouchable=foreign)
        for number, cut in enumerate(cuts, start=1):
            left = abs(self._delta_without([*earlier, *cuts[:number]], account, instruments))
            await self._send_cut(cut, health, left)
        return cuts

    def _will_suffice(self, wallet: Wallet) -> bool:
        """Return True while collateral is on its way that makes a cut needless."""
        coming = on_the_way(wallet, self._desk.journal.books, self._desk.clock.now())
        return coming > 0 and missing_cash(wallet, MarginRung.REDUCE, self._desk.policy.margin) <= coming

    async def _send_cut(self, cut: MarginCut, health: MarginHealth, left_base: Decimal) -> None:
        one, desk = cut.holding.instrument, self._desk
        if self._reductions.is_pending(one.venue, one):
            return
        await desk.journal.record(
            CeilingSet(
                at=desk.clock.now(),
                asset=one.asset,
                cause=_CAUSE,
                max_delta_base=left_base,
                release_at=None,
                why=f"the margin of the {one.venue} {one.settle} wallet was short",
            )
        )
        desk.alerts.raise_alert(
            "leg_reduced",
            f"{one.symbol} is made smaller by {decimal_text(cut.contracts)} contracts: {_tell(health)}",
            severity="warning",
            cause=f"{one.venue}/{one.symbol}",
        )
        side = side_of(-cut.holding.contracts)
        await self._reductions.send(one.venue, one, side, cut.contracts, cut.holding.mark_price)

    def _delta_without(
        self, cuts: Sequence[MarginCut], account: AccountState, instruments: Mapping[Leg, Instrument]
    ) -> Decimal:
        """Return the coins that our futures at this venue hold of the last cut's asset once all are done, signed."""
        holdings = (one for wallet in self._wallets[account.venue] for one in wallet.holdings)
        marks = {one.instrument.symbol: one.mark_price for one in holdings}
        last, delta = cuts[-1].holding, ZERO
        gone = {cut.holding.instrument.symbol: cut.contracts for cut in cuts}
        for position in account.positions:
            one = instruments.get((position.venue, position.symbol))
            is_ours = position.symbol not in self._desk.policy.foreign_symbols
            if is_ours and one is not None and one.asset == last.instrument.asset:
                left = abs(position.contracts) - gone.get(position.symbol, ZERO)
                mark = marks.get(position.symbol, last.mark_price)
                delta += one.base_from_contracts(left * sign(position.contracts), mark)
        return delta

    async def _release_ceilings(self) -> None:
        """Let legs grow again once every wallet is calm."""
        desk, since = self._desk, self._desk.journal.books.margin_calm_since
        now = desk.clock.now()
        if desk.journal.books.margin_rungs or since is None or now - since < desk.policy.margin.release_after:
            return
        facts: list[Fact] = [
            CeilingReleased(at=now, asset=asset, cause=cause, why=f"every wallet is calm since {since:%H:%M} UTC")
            for asset, cause in desk.journal.books.ceilings
            if cause == _CAUSE
        ]
        if facts:
            await desk.journal.record(*facts)


def _has_borrowed(wallet: Wallet, account: AccountState) -> bool:
    """Return True when a wallet owes what the venue has lent by itself."""
    return any(
        line.balance < 0
        for line in account.balances
        if line.wallet in (wallet.kind, WalletKind.UNIFIED) and line.currency == wallet.currency
    )


def _tell(health: MarginHealth) -> str:
    wallet = health.wallet
    used = "all of it" if health.usage_frac is None else f"{health.usage_frac:.1%}"
    away = "no move" if health.distance_frac is None else f"a move of {health.distance_frac:.1%} against every leg"
    name = f"The {wallet.venue} {wallet.currency} wallet"
    if health.rung is MarginRung.CALM:
        return f"{name} is calm again: maintenance needs {used} of its margin, {away} liquidates it"
    return f"{name}: maintenance needs {used} of its margin, {away} liquidates it; doing: {health.rung}"
