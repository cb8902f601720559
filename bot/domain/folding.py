"""How does a fact change the books?

Rules of this file: ``apply`` is the only writer of ``Books``; it looks at nothing but the books and the fact; what it
cannot apply raises and changes nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from bot.domain import events
from bot.domain.basis import HISTORY, BasisRecord, BasisSample
from bot.domain.books import FINAL_KEPT, Books, Ceiling, Correction, LegLedger, SuspectedFlow
from bot.domain.errors import InvariantViolated
from bot.domain.funding import LegFunding, fold_change, fold_due, fold_judgement, fold_payment
from bot.domain.ids import Symbol, VenueId
from bot.domain.orders import Fill, Order, OrderEvent, OrderIntent, Purpose
from bot.domain.overlay import fold_measurement, fold_resume, fold_trip
from bot.domain.policy import MarginRung, TradingState
from bot.domain.rolls import Roll
from bot.domain.thinning import DetailsThinned
from bot.domain.transfers import Transfer, TransferState
from bot.domain.units import ZERO

#: How long increasing fills are remembered for the turnover limit.
_TURNOVER_WINDOW = timedelta(hours=24)
_ABNORMAL_ENDS_KEPT = 10
#: A smoothed cost that is older than this is of another time.
_CARRY_KEPT = timedelta(days=30)


def apply(books: Books, fact: events.Fact) -> None:
    """Fold one fact into the books.

    Raises:
        InvariantViolated: the fact contradicts the books; they are unchanged.
    """
    handler = _HANDLERS.get(type(fact))
    if handler is not None:
        handler(books, fact)


def _opened(books: Books, fact: events.JournalOpened) -> None:
    books.epoch = fact.epoch
    books.epochs.add(fact.epoch)
    books.opened_at = books.opened_at or fact.at


def _intended(books: Books, fact: events.OrderIntended) -> None:
    key = fact.intent.client_order_id
    if key in books.orders:
        raise InvariantViolated(f"order {key} was intended twice")
    order = books.orders[key] = Order(intent=fact.intent)
    books.follow(order)


def _changed(books: Books, fact: events.OrderChanged) -> None:
    order = books.orders.get(fact.client_order_id)
    if order is None:
        raise InvariantViolated(f"order {fact.client_order_id} changed without an intent")
    order.move(fact.event, fact.at)
    books.follow(order)
    order.venue_order_id = fact.venue_order_id or order.venue_order_id
    order.reason = fact.reason or order.reason


def _filled(books: Books, fact: events.TradeFilled) -> None:
    fill = fact.fill
    order = books.order_of(fill)
    if order is not None:
        filled = order.filled_contracts + fill.contracts
        is_full = filled >= order.intent.contracts
        order.move(OrderEvent.FULLY_FILLED if is_full else OrderEvent.PART_FILLED, fact.at)
        books.follow(order)
        order.filled_contracts = filled
        order.filled_value += fill.contracts * fill.price
        order.venue_order_id = fill.venue_order_id or order.venue_order_id
    _book_trade(books, fill)
    if order is not None:
        _book_slippage(books.ledgers[fill.venue, fill.symbol], fill, order.intent)
        _follow_roll(books, order.intent, fill)
    if order is not None and not order.intent.reduce_only and order.intent.purpose is Purpose.HEDGE:
        _remember_increase(books, fill)
    before = books.fills_until.get(fill.venue)
    books.fills_until[fill.venue] = max(before, fill.filled_at) if before else fill.filled_at


def _cancel_requested(books: Books, fact: events.CancelRequested) -> None:
    order = books.orders.get(fact.client_order_id)
    if order is not None:
        order.is_doomed = True


def _terms_noted(books: Books, fact: events.ContractTermsNoted) -> None:
    books.terms[fact.venue, fact.symbol] = fact


def _book_trade(books: Books, fill: Fill) -> None:
    ledger = books.ledgers.setdefault((fill.venue, fill.symbol), LegLedger())
    ledger.fees_paid[fill.fee_currency] = ledger.fees_paid.get(fill.fee_currency, ZERO) + fill.fee_paid
    if ledger.has_adopted(fill):
        # It came with the position, at its mark.
        return
    signed = fill.contracts * fill.side.sign
    ledger.contracts += signed
    ledger.cash_contract_value -= signed * fill.price
    ledger.inverse_contract_value += signed / fill.price
    fold_change(_funding_of(books, fill.venue, fill.symbol), fill.filled_at, ledger.contracts)


def _funding_of(books: Books, venue: VenueId, symbol: Symbol) -> LegFunding:
    return books.funding.setdefault((venue, symbol), LegFunding())


def _book_slippage(ledger: LegLedger, fill: Fill, intent: OrderIntent) -> None:
    """Count what a trade was worse than expected: a stop expects its trigger, a take-profit its own price."""
    if intent.purpose is Purpose.TAKE_PROFIT:
        return
    expected = intent.decision_price if intent.trigger_price is None else intent.trigger_price
    worse = fill.contracts * fill.side.sign * (fill.price - expected)
    ledger.slippage_contract_value += worse
    ledger.inverse_slippage_contracts += worse / expected


def _follow_roll(books: Books, intent: OrderIntent, fill: Fill) -> None:
    if intent.purpose is Purpose.ROLL_CLOSE:
        leg = (fill.venue, fill.symbol)
        if leg in books.rolls:
            books.rolls[leg] = books.rolls[leg].with_closed(fill)
    elif intent.purpose is Purpose.ROLL_OPEN:
        for leg, roll in books.rolls.items():
            if (roll.venue, roll.far) == (fill.venue, fill.symbol):
                books.rolls[leg] = roll.with_opened(fill)


def _basis_noted(books: Books, fact: events.BasisNoted) -> None:
    record = books.basis.setdefault((fact.venue, fact.symbol), BasisRecord())
    sample = BasisSample(at=fact.at, basis=fact.basis)
    record.take(sample, is_wide=fact.is_wide, is_blocked=fact.is_blocked)


def _carry_noted(books: Books, fact: events.CarryNoted) -> None:
    books.carries[fact.venue, fact.symbol] = (fact.at, fact.annual)


def _roll_moved(books: Books, fact: events.RollMoved) -> None:
    leg = (fact.venue, fact.near)
    before = books.rolls.get(leg)
    if before is not None:
        books.rolls[leg] = replace(before, stage=fact.stage, stage_since=fact.at)
        return
    books.rolls[leg] = Roll(
        venue=fact.venue,
        asset=fact.asset,
        near=fact.near,
        far=fact.far,
        near_size=fact.near_size,
        far_size=fact.far_size,
        cause=fact.cause,
        stage=fact.stage,
        begun_at=fact.at,
        stage_since=fact.at,
        carried=fact.carried,
        uneven_since=fact.at if fact.carried else None,
    )


def _roll_folded(books: Books, fact: events.RollFolded) -> None:
    leg = (fact.venue, fact.near)
    if leg not in books.rolls:
        raise InvariantViolated(f"a need was folded into a roll of {fact.near} that is not under way")
    books.rolls[leg] = books.rolls[leg].with_folded(fact.folded, fact.at)


def _roll_ended(books: Books, fact: events.RollEnded) -> None:
    books.rolls.pop((fact.venue, fact.near), None)


def _remember_increase(books: Books, fill: Fill) -> None:
    horizon = fill.filled_at - _TURNOVER_WINDOW
    books.recent_increases = [entry for entry in books.recent_increases if entry[0] > horizon]
    books.recent_increases.append((fill.filled_at, fill.contracts * fill.price, (fill.venue, fill.symbol)))


def _funded(books: Books, fact: events.FundingSettled) -> None:
    ledger = books.ledgers.setdefault((fact.venue, fact.symbol), LegLedger())
    ledger.funding += fact.amount
    fold_payment(_funding_of(books, fact.venue, fact.symbol), fact)
    before = books.funding_until.get(fact.venue)
    books.funding_until[fact.venue] = max(before, fact.settled_at) if before else fact.settled_at


def _funding_due(books: Books, fact: events.FundingDue) -> None:
    fold_due(_funding_of(books, fact.venue, fact.symbol), fact)


def _funding_judged(books: Books, fact: events.FundingJudged) -> None:
    fold_judgement(_funding_of(books, fact.venue, fact.symbol), fact)


def _adopted(books: Books, fact: events.PositionAdopted) -> None:
    ledger = books.ledgers.setdefault((fact.venue, fact.symbol), LegLedger())
    missing = fact.contracts - ledger.contracts
    ledger.contracts = fact.contracts
    ledger.adopted_until = fact.includes_until
    ledger.cash_contract_value -= missing * fact.mark_price
    ledger.inverse_contract_value += missing / fact.mark_price
    fold_change(_funding_of(books, fact.venue, fact.symbol), fact.at, fact.contracts)


def _ceiling_set(books: Books, fact: events.CeilingSet) -> None:
    books.ceilings[fact.asset, fact.cause] = Ceiling.of(fact)


def _ceiling_released(books: Books, fact: events.CeilingReleased) -> None:
    books.ceilings.pop((fact.asset, fact.cause), None)


def _state_set(books: Books, fact: events.TradingStateSet) -> None:
    if fact.state is not books.trading_state:
        books.trading_state_since = fact.at
    if fact.state is TradingState.NORMAL:
        # The owner has seen them: they do not count twice.
        books.abnormal_ends = []
        fold_resume(books.overlay)
    books.trading_state = fact.state
    books.trading_state_why = fact.why
    books.is_hard_halt = fact.is_hard and fact.state is TradingState.HALTED


def _measured(books: Books, fact: events.OverlayMeasured) -> None:
    fold_measurement(books.overlay, fact)


def _tripped(books: Books, fact: events.BreakerTripped) -> None:
    fold_trip(books.overlay, fact)


def _started(books: Books, fact: events.BotStarted) -> None:
    if books.is_running:
        books.abnormal_ends = [*books.abnormal_ends, fact.at][-_ABNORMAL_ENDS_KEPT:]
    books.is_running = True
    books.mode = fact.mode


def _stopped(books: Books, fact: events.BotStopped) -> None:
    books.is_running = not fact.is_orderly


def _flatten_started(books: Books, _: events.FlattenStarted) -> None:
    books.is_flattening = True


def _flatten_ended(books: Books, _: events.FlattenEnded) -> None:
    books.is_flattening = False


def _profit_settled(books: Books, fact: events.HedgeProfitSettled) -> None:
    books.settled_profit_quote += fact.amount_quote


def _holdings_accepted(books: Books, fact: events.HoldingsAccepted) -> None:
    books.accepted_holdings.update(fact.holdings_base)
    for asset in fact.holdings_base:
        books.flows.pop(asset, None)


def _flow_suspected(books: Books, fact: events.FlowSuspected) -> None:
    books.flows[fact.asset] = SuspectedFlow(
        asset=fact.asset, from_base=fact.from_base, to_base=fact.to_base, since=fact.at
    )


def _anchored(books: Books, fact: events.WalletAnchored) -> None:
    books.wallet_baselines[fact.venue, fact.wallet, fact.currency] = fact.baseline


def _correction_started(books: Books, fact: events.CorrectionStarted) -> None:
    books.corrections[fact.asset] = Correction(first_gap=fact.gap, tranches_left=fact.tranches)


def _tranche_taken(books: Books, fact: events.TrancheTaken) -> None:
    correction = books.corrections.get(fact.asset)
    if correction is None:
        raise InvariantViolated(f"a tranche of {fact.asset} was taken without a correction")
    books.corrections[fact.asset] = replace(correction, tranches_left=fact.left, next_tranche_at=fact.next_at)


def _correction_ended(books: Books, fact: events.CorrectionEnded) -> None:
    books.corrections.pop(fact.asset, None)


def _unprotected(books: Books, fact: events.LegUnprotected) -> None:
    books.unprotected.setdefault((fact.venue, fact.symbol), (fact.at, fact.why))


def _protected(books: Books, fact: events.LegProtected) -> None:
    books.unprotected.pop((fact.venue, fact.symbol), None)


def _margin_changed(books: Books, fact: events.MarginRungChanged) -> None:
    key = (fact.venue, fact.currency)
    if fact.rung is MarginRung.CALM:
        books.margin_rungs.pop(key, None)
        if not books.margin_rungs:
            books.margin_calm_since = fact.at
    else:
        books.margin_rungs[key] = (fact.rung, fact.at)


def _transfer_intended(books: Books, fact: events.TransferIntended) -> None:
    key = fact.intent.transfer_id
    if key in books.transfers:
        raise InvariantViolated(f"transfer {key} was intended twice")
    books.transfers[key] = Transfer(intent=fact.intent, changed_at=fact.at)


def _transfer_changed(books: Books, fact: events.TransferChanged) -> None:
    before = books.transfers.get(fact.transfer_id)
    if before is None:
        raise InvariantViolated(f"transfer {fact.transfer_id} changed without an intent")
    if before.state.is_final:
        raise InvariantViolated(f"transfer {fact.transfer_id} is {before.state} and cannot become {fact.state}")
    books.transfers[fact.transfer_id] = before.moved_to(fact.state, fact.at, fact.reason, fact.venue_transfer_id)
    if fact.state is TransferState.DONE:
        intent = before.intent
        for wallet, amount in ((intent.source, -intent.amount), (intent.target, intent.amount)):
            line = (intent.venue, wallet, intent.currency)
            books.transferred[line] = books.transferred.get(line, ZERO) + amount


def _locked(books: Books, fact: events.SymbolLocked) -> None:
    books.locks.setdefault((fact.venue, fact.symbol), (fact.at, fact.why))


def _unlocked(books: Books, fact: events.SymbolUnlocked) -> None:
    books.locks.pop((fact.venue, fact.symbol), None)


def _looked(books: Books, fact: events.LookTaken) -> None:
    books.last_look_at = fact.at
    if fact.index_prices:
        books.last_look_index_prices = dict(fact.index_prices)
        books.last_prices_at = fact.at
    horizon = fact.at - FINAL_KEPT
    # By when they ended: a stop may have rested for weeks, and be listed a while longer than it rests.
    old = [key for key, order in books.orders.items() if order.ended_at is not None and order.ended_at < horizon]
    for key in old:
        del books.orders[key]
    # Contracts end, and nobody asks for them any more.
    books.basis = {leg: one for leg, one in books.basis.items() if one.samples[-1].at > fact.at - HISTORY}
    books.carries = {leg: one for leg, one in books.carries.items() if one[0] > fact.at - _CARRY_KEPT}
    done = [key for key, one in books.transfers.items() if one.state.is_final and one.changed_at < horizon]
    for transfer_id in done:
        del books.transfers[transfer_id]


def _thinned(books: Books, fact: DetailsThinned) -> None:
    """Take over what the facts that are gone had added up to; where all of them are there it is the same already."""
    books.overlay, books.basis, books.funding = fact.carried()
    books.carries = dict(fact.carries)


#: Facts that are not listed here are kept for the reader and change nothing.
_HANDLERS: dict[type[events.Fact], Callable[..., None]] = {
    events.JournalOpened: _opened,
    events.BotStarted: _started,
    events.BotStopped: _stopped,
    events.FlattenStarted: _flatten_started,
    events.FlattenEnded: _flatten_ended,
    events.OrderIntended: _intended,
    events.OrderChanged: _changed,
    events.CancelRequested: _cancel_requested,
    events.ContractTermsNoted: _terms_noted,
    events.TradeFilled: _filled,
    events.FundingSettled: _funded,
    events.FundingDue: _funding_due,
    events.FundingJudged: _funding_judged,
    events.PositionAdopted: _adopted,
    events.CeilingSet: _ceiling_set,
    events.CeilingReleased: _ceiling_released,
    events.OverlayMeasured: _measured,
    events.BreakerTripped: _tripped,
    events.TradingStateSet: _state_set,
    events.HedgeProfitSettled: _profit_settled,
    events.HoldingsAccepted: _holdings_accepted,
    events.FlowSuspected: _flow_suspected,
    events.WalletAnchored: _anchored,
    events.CorrectionStarted: _correction_started,
    events.TrancheTaken: _tranche_taken,
    events.CorrectionEnded: _correction_ended,
    events.LegUnprotected: _unprotected,
    events.LegProtected: _protected,
    events.MarginRungChanged: _margin_changed,
    events.TransferIntended: _transfer_intended,
    events.TransferChanged: _transfer_changed,
    events.BasisNoted: _basis_noted,
    events.CarryNoted: _carry_noted,
    events.RollMoved: _roll_moved,
    events.RollFolded: _roll_folded,
    events.RollEnded: _roll_ended,
    events.SymbolLocked: _locked,
    events.SymbolUnlocked: _unlocked,
    events.LookTaken: _looked,
    DetailsThinned: _thinned,
}
