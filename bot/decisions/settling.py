"""May so much have been moved between hedge profit and holdings? A slip in the zeros would turn every weight round."""

from decimal import Decimal

from bot.domain.units import ZERO


def why_not_settle(amount_quote: Decimal, *, value_quote: Decimal | None, settled_quote: Decimal) -> str:
    """Return why an amount is not booked; empty where it is.

    ``value_quote``: V, None where it is not known. ``settled_quote``: what was settled so far. What was taken out by
    mistake can always be put back.
    """
    if amount_quote == 0:
        return "nothing is nothing to settle"
    if -amount_quote > 0 and -amount_quote <= max(ZERO, settled_quote):
        return ""
    if value_quote is None:
        return "what the portfolio is worth is not known, so the amount cannot be judged; try again"
    if amount_quote >= value_quote:
        return f"{amount_quote:f} USD cannot have been taken out: the portfolio is worth {value_quote:.2f} USD"
    if -amount_quote > value_quote:
        return f"{-amount_quote:f} USD are not put back into a portfolio that is worth {value_quote:.2f} USD"
    return ""
