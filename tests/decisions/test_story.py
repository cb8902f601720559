"""An order's story, told from facts alone."""

from dataclasses import replace
from datetime import timedelta

from bot.decisions.story import tell_order
from bot.domain.events import CancelRequested, OrderChanged, OrderIntended, TradeFilled
from bot.domain.ids import ClientOrderId
from bot.domain.orders import OrderEvent, OrderState, OrderType, Purpose, Side
from tests.builders import NOW, dec, make_fill, make_intent

SECOND = timedelta(seconds=1)
INTENT = make_intent(
    side=Side.SELL,
    contracts=dec("0.03"),
    price=dec(49_900),
    decision_price=dec(50_000),
    client_order_id=ClientOrderId("TTABC00000000700"),
    intended_at=NOW,
)


def _changed(event, reason="", after=1):
    return OrderChanged(at=NOW + after * SECOND, client_order_id=INTENT.client_order_id, event=event, reason=reason)


def _traded(contracts, price, trade_id, fee="0.5"):
    fill = make_fill(
        side=Side.SELL,
        contracts=dec(contracts),
        price=dec(price),
        trade_id=trade_id,
        fee_paid=dec(fee),
        client_order_id=INTENT.client_order_id,
        is_maker=trade_id == "1",
    )
    return TradeFilled(at=NOW + 2 * SECOND, fill=fill)


def _told(*facts, others=(), intent=INTENT):
    return tell_order(intent, facts, look=None, others=others)


def test_a_filled_order_tells_what_it_was_what_happened_and_what_it_cost():
    intended = OrderIntended(at=NOW, intent=INTENT)
    story = _told(intended, _changed(OrderEvent.ACCEPTED), _traded("0.01", "49990", "1"), _traded("0.02", "49960", "2"))
    assert story.state is OrderState.FILLED
    assert [line.what for line in story.lines] == ["sent", "accepted by the venue", "traded", "traded"]
    assert story.lines[0].details.startswith("sell 0.03 BTC/USDT:USDT, limit, at 49900")
    assert "as maker" in story.lines[2].details
    assert "as taker, fee 0.5 USDT" in story.lines[3].details
    assert story.filled_contracts == dec("0.03")
    assert story.average_price == dec(49_970)
    assert story.slippage_bps == 6, "sold thirty dollars below the price of the decision"
    assert dict(story.fees_paid) == {"USDT": dec(1)}


def test_an_order_without_an_outcome_says_so():
    story = _told()
    assert (story.state, story.average_price, story.slippage_bps) == (OrderState.INTENDED, None, None)
    lost = _told(_changed(OrderEvent.OUTCOME_LOST, "the reply never came"), _changed(OrderEvent.FOUND_ABSENT))
    assert lost.state is OrderState.ABSENT
    assert [line.details for line in lost.lines[1:]] == ["the reply never came", ""]


def test_a_cancel_is_part_of_the_story():
    asked = CancelRequested(at=NOW, client_order_id=INTENT.client_order_id, reason="the touch has moved on")
    story = _told(
        _changed(OrderEvent.ACCEPTED), _traded("0.01", "50000", "1"), asked, _changed(OrderEvent.CANCEL_CONFIRMED)
    )
    assert story.state is OrderState.CANCELLED
    assert [line.what for line in story.lines][-2:] == ["cancel asked", "cancelled"]


def test_attempts_and_the_stop_that_followed_are_named():
    again = replace(INTENT, client_order_id=ClientOrderId("TTABC00000000701"), intended_at=NOW + 5 * SECOND)
    stop = replace(
        INTENT,
        client_order_id=ClientOrderId("TTABC00000000900"),
        purpose=Purpose.STOP,
        type=OrderType.STOP_MARKET,
        price=None,
        trigger_price=dec(62_500),
        reduce_only=True,
        intended_at=NOW + 6 * SECOND,
    )
    earlier = replace(stop, client_order_id=ClientOrderId("TTABC00000000100"), intended_at=NOW - SECOND)
    story = _told(others=(earlier, INTENT, again, stop))
    assert [one.client_order_id for one in story.attempts] == ["TTABC00000000700", "TTABC00000000701"]
    assert story.stop == stop
    own = _told(intent=stop, others=(stop,))
    assert own.stop is None
    assert own.lines[0].details.endswith("when mark reaches 62500, reduce-only")
    assert _told(others=(earlier,)).stop is None
