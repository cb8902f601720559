"""An order's life is one table; this is the table again, written by hand as a reader would."""

import itertools

import pytest

from bot.domain.errors import InvariantViolated
from bot.domain.orders import OrderEvent, OrderState, OrderType, Side, VenueOrder, next_state, side_of
from tests.builders import dec, make_intent, make_order

E, S = OrderEvent, OrderState

#: state: what each event makes of it; events that are not named are impossible.
LIFE = {
    S.INTENDED: {
        E.ACCEPTED: S.OPEN,
        E.REFUSED: S.REJECTED,
        E.OUTCOME_LOST: S.UNKNOWN,
        E.PART_FILLED: S.PARTIALLY_FILLED,
        E.FULLY_FILLED: S.FILLED,
        E.CANCEL_CONFIRMED: S.CANCELLED,
        E.EXPIRED: S.EXPIRED,
        E.FOUND_ABSENT: S.ABSENT,
    },
    S.UNKNOWN: {
        E.ACCEPTED: S.OPEN,
        E.REFUSED: S.REJECTED,
        E.OUTCOME_LOST: S.UNKNOWN,
        E.PART_FILLED: S.PARTIALLY_FILLED,
        E.FULLY_FILLED: S.FILLED,
        E.CANCEL_CONFIRMED: S.CANCELLED,
        E.EXPIRED: S.EXPIRED,
        E.FOUND_ABSENT: S.ABSENT,
    },
    S.OPEN: {
        E.ACCEPTED: S.OPEN,
        E.REFUSED: S.EXPIRED,
        E.OUTCOME_LOST: S.UNKNOWN,
        E.PART_FILLED: S.PARTIALLY_FILLED,
        E.FULLY_FILLED: S.FILLED,
        E.CANCEL_CONFIRMED: S.CANCELLED,
        E.EXPIRED: S.EXPIRED,
    },
    S.PARTIALLY_FILLED: {
        E.ACCEPTED: S.PARTIALLY_FILLED,
        E.REFUSED: S.EXPIRED,
        E.OUTCOME_LOST: S.UNKNOWN,
        E.PART_FILLED: S.PARTIALLY_FILLED,
        E.FULLY_FILLED: S.FILLED,
        E.CANCEL_CONFIRMED: S.CANCELLED,
        E.EXPIRED: S.EXPIRED,
    },
    S.FILLED: {E.ACCEPTED: S.FILLED, E.FULLY_FILLED: S.FILLED},
    S.CANCELLED: {
        E.ACCEPTED: S.CANCELLED,
        E.PART_FILLED: S.CANCELLED,
        E.FULLY_FILLED: S.FILLED,
        E.CANCEL_CONFIRMED: S.CANCELLED,
    },
    S.EXPIRED: {
        E.ACCEPTED: S.EXPIRED,
        E.PART_FILLED: S.EXPIRED,
        E.FULLY_FILLED: S.FILLED,
        E.EXPIRED: S.EXPIRED,
    },
    S.REJECTED: {
        E.ACCEPTED: S.OPEN,
        E.REFUSED: S.REJECTED,
        E.PART_FILLED: S.PARTIALLY_FILLED,
        E.FULLY_FILLED: S.FILLED,
        E.CANCEL_CONFIRMED: S.CANCELLED,
        E.EXPIRED: S.EXPIRED,
    },
    S.ABSENT: {
        E.ACCEPTED: S.OPEN,
        E.PART_FILLED: S.PARTIALLY_FILLED,
        E.FULLY_FILLED: S.FILLED,
        E.CANCEL_CONFIRMED: S.CANCELLED,
        E.EXPIRED: S.EXPIRED,
        E.FOUND_ABSENT: S.ABSENT,
    },
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(OrderState, OrderEvent)))
def test_every_pair_of_state_and_event_is_as_written_or_impossible(state, event):
    expected = LIFE[state].get(event)
    if expected is None:
        with pytest.raises(InvariantViolated):
            next_state(state, event)
    else:
        assert next_state(state, event) is expected


@pytest.mark.parametrize("state", OrderState)
def test_a_full_fill_is_legal_in_every_state(state):
    assert next_state(state, OrderEvent.FULLY_FILLED) is OrderState.FILLED


def test_only_ended_orders_are_final():
    final = {state for state in OrderState if state.is_final}

    assert final == {S.FILLED, S.CANCELLED, S.EXPIRED, S.REJECTED, S.ABSENT}


def test_sides():
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)
    assert (side_of(dec("0.1")), side_of(dec("-0.1"))) == (Side.BUY, Side.SELL)


def test_what_is_not_filled_remains():
    order = make_order(contracts="3")
    order.filled_contracts = dec(1)

    assert order.remaining_contracts == 2


STOP, LIMIT, MARKET = OrderType.STOP_MARKET, OrderType.LIMIT, OrderType.MARKET


@pytest.mark.parametrize(
    ("meant", "told"),
    [(STOP, STOP), (STOP, MARKET), (LIMIT, LIMIT), (LIMIT, MARKET), (MARKET, MARKET), (MARKET, LIMIT)],
)
def test_an_order_may_be_told_as_what_it_has_become(meant, told):
    assert seen_as(told).may_be_of(make_intent(type=meant))


@pytest.mark.parametrize(("meant", "told"), [(STOP, LIMIT), (LIMIT, STOP), (MARKET, STOP)])
def test_what_it_cannot_have_become_is_another_order_of_its_id(meant, told):
    assert not seen_as(told).may_be_of(make_intent(type=meant))


def test_what_trades_another_contract_or_another_way_is_another_order_of_its_id():
    assert not seen_as(LIMIT, symbol="ETH/USDT:USDT").may_be_of(make_intent())
    assert not seen_as(LIMIT, side=Side.BUY).may_be_of(make_intent())


def seen_as(told, **changes):
    """Return what a venue says of the order of ``make_intent``."""
    intent = make_intent()
    known = {
        "venue": intent.venue,
        "symbol": intent.symbol,
        "client_order_id": intent.client_order_id,
        "venue_order_id": "1",
        "side": intent.side,
        "type": told,
        "contracts": intent.contracts,
        "filled_contracts": dec(0),
        "price": None,
        "trigger_price": None,
        "reduce_only": False,
        "state": OrderState.OPEN,
        "created_at": intent.intended_at,
    }
    return VenueOrder(**(known | changes))
