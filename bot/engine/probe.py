"""Does an order of ours arrive, is it what was meant, and does it go away again?

One order per venue, the smallest there is, offered far enough below the market that nobody takes it, read back and
cancelled. It is journalled like any other: what a crash leaves working is cancelled at the next start.
"""

from decimal import Decimal

from bot.decisions.sizing import smallest_contracts
from bot.domain.errors import DataError, VenueError
from bot.domain.findings import Finding
from bot.domain.ids import CycleId, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import OrderDraft, OrderState, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.units import floor_to_step
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.reference import Reference

_SUBJECT = "probe"
#: So far below the bid: further than a minute's move, nearer than venues' bounds for limit prices.
_BELOW = Decimal("0.97")


async def probe_orders(desk: Desk, execution: Execution, reference: Reference) -> list[Finding]:
    """Send a probe to each venue and return what has become of it."""
    findings: list[Finding] = []
    async with desk.lock:
        for venue_id in desk.venues:
            try:
                findings.append(await _probe(desk, execution, reference, venue_id))
            except (DataError, VenueError) as failure:
                findings.append(_failed(f"{venue_id}: {failure}"))
    return findings


async def _probe(desk: Desk, execution: Execution, reference: Reference, venue_id: VenueId) -> Finding:
    await reference.refresh_terms(venue_id)
    offered = {
        one.symbol: one
        for one in reference.instruments_of(venue_id)
        if one.is_perpetual and one.asset in desk.policy.assets and reference.is_candidate(one)
    }
    quotes = await desk.read_quotes(venue_id, list(offered))
    drafts = [_draft(desk, offered[quote.symbol], quote) for quote in quotes if quote.symbol in offered]
    if not drafts:
        return _failed(f"{venue_id} quotes no perpetual of any target")
    worth, draft = min(drafts, key=lambda pair: pair[0])
    what = f"{venue_id}: {draft.contracts.normalize():f} {draft.symbol} at {draft.price}, worth {worth:.2f} USD,"
    (order,) = await execution.place([draft])
    seen, begun_as = None, order.state
    if not order.state.is_final:
        seen = await desk.read(desk.venues[venue_id].fetch_order(draft.symbol, order.intent.client_order_id))
    ended = order if order.state.is_final else await execution.cancel(order, "a probe")
    if begun_as is not OrderState.OPEN:
        return _failed(f"{what} is {ended.state} {ended.reason}".strip())
    if seen is None or _essence(seen) != _essence(draft):
        return _failed(f"{what} was taken and {'not found' if seen is None else 'came back as another order'}")
    if ended.state is not OrderState.CANCELLED:
        return _failed(f"{what} was to be cancelled and is {ended.state}")
    return Finding(level="ok", subject=_SUBJECT, sentence=f"{what} was taken, read back and cancelled")


def _draft(desk: Desk, one: Instrument, quote: Quote) -> tuple[Decimal, OrderDraft]:
    """Return what the probe is worth in quote currency, and the probe."""
    price = floor_to_step(quote.bid_price * _BELOW, one.tick_size)
    contracts = smallest_contracts(one, price)
    books = desk.journal.books
    draft = OrderDraft(
        venue=one.venue,
        symbol=one.symbol,
        asset=one.asset,
        side=Side.BUY,
        type=OrderType.LIMIT,
        contracts=contracts,
        price=price,
        time_in_force=TimeInForce.POST_ONLY,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        decision_price=quote.index_price,
        cycle_id=CycleId(f"{books.epoch}-probe{books.sequence}"),
    )
    return one.notional_quote(contracts, price), draft


def _essence(order: OrderDraft | VenueOrder) -> tuple[object, ...]:
    return order.symbol, order.side, order.contracts, order.price, order.reduce_only


def _failed(sentence: str) -> Finding:
    return Finding(
        level="fail", subject=_SUBJECT, sentence=sentence, mend="look at the venue's own page for what is left of it"
    )
