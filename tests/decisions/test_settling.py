"""Which amounts may have been settled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.settling import why_not_settle
from tests.builders import dec


@pytest.mark.parametrize(
    ("amount", "value", "settled", "why"),
    [
        ("125.50", "10000", "0", ""),
        ("-125.50", "10000", "0", ""),
        ("0", "10000", "0", "nothing is nothing to settle"),
        ("10000", "10000", "0", "10000 USD cannot have been taken out: the portfolio is worth 10000.00 USD"),
        ("-10001", "10000", "0", "10001 USD are not put back into a portfolio that is worth 10000.00 USD"),
        # What was taken out by mistake can be put back, whatever is known.
        ("-50000", "10000", "50000", ""),
        ("-50000", None, "50000", ""),
        ("1", None, "0", "what the portfolio is worth is not known, so the amount cannot be judged; try again"),
        ("-1", None, "-5", "what the portfolio is worth is not known, so the amount cannot be judged; try again"),
    ],
)
def test_a_slip_in_the_zeros_is_refused(amount, value, settled, why):
    value = None if value is None else dec(value)
    assert why_not_settle(dec(amount), value_quote=value, settled_quote=dec(settled)) == why


@given(
    amount=st.decimals(min_value="-1e9", max_value="1e9", places=2),
    value=st.decimals(min_value="0.01", max_value="1e8", places=2),
)
def test_what_is_booked_leaves_a_portfolio_and_at_most_doubles_it(amount, value):
    if not why_not_settle(amount, value_quote=value, settled_quote=dec(0)):
        assert 0 < value - amount <= 2 * value
