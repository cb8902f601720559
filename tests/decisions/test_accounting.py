"""What was realised, paid and received: closed positions bring what their trades brought."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.accounting import funding_rows, is_within, trade_rows
from bot.domain.events import (
    BotStarted,
    ContractTermsNoted,
    Fact,
    FundingSettled,
    OrderIntended,
    PositionAdopted,
    TradeFilled,
)
from bot.domain.ids import TradeId
from bot.domain.orders import Side
from tests.builders import NOW, dec, make_fill, make_instrument, make_intent

LINEAR = make_instrument()
INVERSE = make_instrument(inverse=True)
#: Divisions round at the 28th digit.
NOISE = dec("1e-15")


def _terms(one):
    return ContractTermsNoted(
        at=NOW,
        venue=one.venue,
        symbol=one.symbol,
        asset=one.asset,
        is_linear=one.is_linear,
        contract_size=one.contract_size,
        quote=one.quote,
        settle=one.settle,
    )


def _trade(instrument, signed, price, number=1, **changes):
    side = Side.BUY if Decimal(signed) > 0 else Side.SELL
    fill = make_fill(
        instrument,
        side=side,
        contracts=abs(Decimal(signed)),
        price=Decimal(price),
        trade_id=TradeId(str(number)),
        **changes,
    )
    return TradeFilled(at=NOW, fill=fill)


def _realised(instrument, *trades, first=()):
    facts = [*first, _terms(instrument), *(_trade(instrument, *one, number) for number, one in enumerate(trades))]
    return [row.realised for row in trade_rows(facts)]


def test_a_short_that_is_bought_back_lower_has_gained():
    assert _realised(LINEAR, ("-2", 50_000), ("-2", 52_000), ("1", 41_000), ("3", 61_000)) == [0, 0, 10_000, -30_000]


def test_an_inverse_short_gains_coins_when_the_price_falls():
    # 100 contracts of 100 USD: 10,000 USD are 0.2 BTC at 50,000 and 0.25 BTC at 40,000.
    assert _realised(INVERSE, ("-100", 50_000), ("100", 40_000)) == [0, dec("0.05")]
    assert _realised(INVERSE, ("100", 50_000), ("-100", 40_000)) == [0, dec("-0.05")]


def test_a_trade_through_zero_closes_and_then_opens():
    assert _realised(LINEAR, ("-1", 50_000), ("3", 49_000), ("-2", 48_000)) == [0, 1_000, -2_000]


@pytest.mark.parametrize(("instrument", "expected"), [(LINEAR, dec(5_000)), (INVERSE, dec("0.0005"))])
def test_an_adopted_position_enters_at_the_mark_of_its_adoption(instrument, expected):
    adopted = PositionAdopted(
        at=NOW - timedelta(minutes=1),
        venue=instrument.venue,
        symbol=instrument.symbol,
        contracts=dec(-1),
        mark_price=dec(50_000),
    )
    close = dec(45_000) if instrument.is_linear else dec(40_000)
    assert _realised(instrument, ("1", close), first=[adopted]) == [expected]


def test_a_trade_that_came_with_an_adopted_position_realises_nothing_when_it_is_told():
    adopted = PositionAdopted(
        at=NOW, venue=LINEAR.venue, symbol=LINEAR.symbol, contracts=dec(-1), mark_price=dec(50_000)
    )
    told, close = _trade(LINEAR, "-1", 52_000, 1), _trade(LINEAR, "1", 45_000, 2)
    told = replace(told, fill=replace(told.fill, filled_at=NOW))
    close = replace(close, fill=replace(close.fill, filled_at=NOW + timedelta(minutes=1)))
    assert [row.realised for row in trade_rows([_terms(LINEAR), adopted, told, close])] == [0, 5_000]


def test_without_terms_nothing_is_claimed():
    [row] = trade_rows([_trade(LINEAR, "-1", 50_000)])
    assert (row.terms, row.realised, row.amount_base, row.notional_quote) == (None, None, None, None)


def test_terms_that_were_noted_later_hold_before():
    rows = list(trade_rows([_trade(LINEAR, "-1", 50_000, 1), _terms(LINEAR), _trade(LINEAR, "1", 49_000, 2)]))
    assert [row.realised for row in rows] == [0, 1_000]


def test_a_row_says_how_many_coins_and_how_much_money_changed_hands():
    [linear] = trade_rows([_terms(LINEAR), _trade(LINEAR, "-2", 50_000)])
    assert (linear.amount_base, linear.notional_quote) == (2, 100_000)
    [inverse] = trade_rows([_terms(INVERSE), _trade(INVERSE, "-100", 50_000)])
    assert (inverse.amount_base, inverse.notional_quote) == (dec("0.2"), 10_000)


def test_a_row_names_the_intent_of_its_order_and_none_for_the_trades_of_others():
    intent = make_intent()
    facts: list[Fact] = [
        OrderIntended(at=NOW, intent=intent),
        _trade(LINEAR, "-1", 50_000, 1),
        _trade(LINEAR, "1", 50_000, 2, client_order_id=None),
    ]
    assert [row.intent for row in trade_rows(facts)] == [intent, None]


_PRICES = st.integers(20_000, 100_000).map(Decimal)
_SIGNED = st.integers(-50, 50).filter(bool).map(Decimal)


@given(
    instrument=st.sampled_from((LINEAR, INVERSE)),
    trades=st.lists(st.tuples(_SIGNED, _PRICES), min_size=1, max_size=12),
    last=_PRICES,
)
def test_a_closed_position_has_realised_what_its_trades_have_brought(instrument, trades, last):
    if left := sum(signed for signed, _ in trades):
        trades = [*trades, (-left, last)]
    size = instrument.contract_size
    if instrument.is_linear:
        brought = sum(-signed * price * size for signed, price in trades)
    else:
        brought = sum(signed / price * size for signed, price in trades)
    realised = _realised(instrument, *trades)
    assert abs(sum(realised) - brought) < NOISE


@given(trades=st.lists(st.tuples(_SIGNED, _PRICES), min_size=1, max_size=12), price=_PRICES)
def test_a_trade_that_only_adds_realises_nothing(trades, price):
    """And one at the average entry neither: both sides of the mirror."""
    position = Decimal(0)
    for (signed, _), realised in zip(trades, _realised(LINEAR, *trades), strict=True):
        assert realised == 0 or position * signed < 0
        position += signed
    mirrored = _realised(LINEAR, *((-signed, price) for signed, price in trades))
    assert [-one for one in mirrored] == _realised(LINEAR, *trades)


def test_periods_lie_side_by_side():
    """What lies in the first and in the second half lies in the whole, once."""
    moments = [NOW + timedelta(hours=hours) for hours in range(5)]
    middle = moments[2]
    halves = [[one for one in moments if is_within(one, *bounds)] for bounds in ((None, middle), (middle, None))]
    assert halves[0] + halves[1] == moments
    assert halves[0][-1] < middle == halves[1][0]
    assert [one for one in moments if is_within(one, moments[1], moments[3])] == moments[1:3]


def test_funding_is_what_was_settled():
    paid = FundingSettled(
        at=NOW,
        venue=LINEAR.venue,
        symbol=LINEAR.symbol,
        currency=LINEAR.settle,
        amount=dec(-3),
        rate=dec("0.0001"),
        notional_quote=dec(30_000),
        settled_at=NOW,
        transaction_id="f1",
    )
    started = BotStarted(at=NOW, version="0", mode="paper")
    assert list(funding_rows([started, paid])) == [paid]
