"""How do numbers enter, get rounded, and leave?

All money, prices, quantities, weights and rates are ``Decimal``. Text becomes a number here and nowhere
else; rounding to a venue's step happens here and nowhere else, once and last.
"""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal, InvalidOperation

from bot.domain.errors import BadPayload

ZERO = Decimal(0)
ONE = Decimal(1)
BPS_PER_ONE = Decimal(10_000)
DAYS_PER_YEAR = Decimal(365)

#: Money and ratios leave the program with this many places, half-even.
_EDGE = Decimal("1e-12")


def to_decimal(text: str | int | Decimal) -> Decimal:
    """Return the finite number that ``text`` spells.

    Floats are refused by type: they have lost the digits already.

    Raises:
        BadPayload: not a number, NaN or infinite.
    """
    if isinstance(text, bool | float):
        raise BadPayload(f"expected decimal text, got {type(text).__name__} {text!r}")
    try:
        number = Decimal(text)
    except (InvalidOperation, TypeError, ValueError) as err:
        raise BadPayload(f"not a number: {text!r}") from err
    if not number.is_finite():
        raise BadPayload(f"not a finite number: {text!r}")
    return number


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Round ``value`` toward zero to a multiple of ``step`` (> 0). The sign is kept."""
    return (value / step).to_integral_value(rounding=ROUND_DOWN) * step


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Round ``value`` away from zero to a multiple of ``step`` (> 0). The sign is kept."""
    return (value / step).to_integral_value(rounding=ROUND_UP) * step


#: What lies beyond is a slip of the keyboard, and would make sums that no decimal and no calendar holds.
_LEAST, _MOST = Decimal("1e-12"), Decimal("1e15")


def is_plausible(value: Decimal) -> bool:
    """Return True for zero, and for what somebody may have meant to write."""
    return not value or _LEAST <= value.copy_abs() <= _MOST


def clamp(value: Decimal, low: Decimal, high: Decimal) -> Decimal:
    """Return ``value`` held within ``[low, high]``."""
    return max(low, min(high, value))


def sign(value: Decimal) -> int:
    """Return -1, 0 or 1."""
    return (value > 0) - (value < 0)


def decimal_text(value: Decimal) -> str:
    """Write an exact number: no exponent, no trailing zeros after the point, no ``-0``."""
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def edge_text(value: Decimal) -> str:
    """Write money or a ratio for JSON or CSV: half-even to 12 places, then exact text."""
    return decimal_text(value.quantize(_EDGE, rounding=ROUND_HALF_EVEN))
