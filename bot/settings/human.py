"""How do people write numbers, durations and lists? Text in, values out; what cannot be read says how to write it."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

from bot.domain.errors import BadPayload
from bot.domain.units import decimal_text, is_plausible, to_decimal

Value = TypeVar("Value")

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.IGNORECASE)
_NAME = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,19}")

_MOST_FRAC = Decimal(1000)
#: Of a duration; nobody writes more, and a search through it would take its time.
_LONGEST_TEXT = 60
_SHORTEST, _LONGEST = timedelta(milliseconds=1), timedelta(days=3650)


def number(text: str) -> Decimal:
    """Read a plain number.

    Raises:
        ValueError: with the mend.
    """
    try:
        value = to_decimal(text.strip().replace("_", ""))
    except BadPayload:
        raise ValueError("write a number, for example 2.5") from None
    if not is_plausible(value):
        raise ValueError("write a number that is neither smaller than 1e-12 nor larger than 1e15")
    return value


def positive(text: str) -> Decimal:
    """Read a number above zero."""
    value = number(text)
    if value <= 0:
        raise ValueError("write a number above 0")
    return value


def not_negative(text: str) -> Decimal:
    """Read a number, zero or above."""
    value = number(text)
    if value < 0:
        raise ValueError("write 0 or more")
    return value


def fraction(text: str) -> Decimal:
    """Read ``5%`` or ``0.05``. A plain number above 1 could be meant either way, and is refused."""
    stripped = text.strip()
    is_percent = stripped.endswith("%")
    try:
        value = number(stripped.removesuffix("%"))
    except ValueError:
        raise ValueError("write a percentage, for example 5%") from None
    if is_percent:
        value /= 100
    elif value > 1:
        raise ValueError(f"write {stripped}% if you mean percent, or a fraction up to 1")
    if value < 0:
        raise ValueError("write 0% or more")
    if value > _MOST_FRAC:
        raise ValueError(f"write at most {_MOST_FRAC * 100}%")
    return value


def fraction_or_off(text: str) -> Decimal | None:
    """Read a fraction, or ``off``."""
    return None if text.strip().lower() == "off" else fraction(text)


def positive_or_off(text: str) -> Decimal | None:
    """Read a number above zero, or ``off``."""
    return None if text.strip().lower() == "off" else positive(text)


def duration(text: str) -> timedelta:
    """Read ``90s``, ``15m``, ``8h``, ``2d`` or ``1w``, also ``1h30m``."""
    stripped = text.strip().replace(" ", "")
    parts = _DURATION.findall(stripped) if len(stripped) <= _LONGEST_TEXT else []
    if not parts or "".join(amount + unit for amount, unit in parts) != stripped:
        raise ValueError("write a duration with its unit, for example 30s, 15m, 8h or 2d")
    seconds = sum((Decimal(amount) * _UNITS[unit.lower()] for amount, unit in parts), Decimal(0))
    if seconds > Decimal(_LONGEST.days) * _UNITS["d"]:
        raise ValueError(f"write a duration of at most {_LONGEST.days}d")
    length = timedelta(microseconds=int(seconds * 1_000_000))
    if length < _SHORTEST:
        raise ValueError("write a duration above 0" if seconds == 0 else "write a duration of at least 0.001s")
    return length


def duration_text(length: timedelta) -> str:
    """Write a duration in seconds, exactly, so that it reads back as it was."""
    seconds = Decimal(length // timedelta(microseconds=1)) / 1_000_000
    return f"{decimal_text(seconds)}s"


def duration_or_off(text: str) -> timedelta | None:
    """Read a duration, or ``off``."""
    return None if text.strip().lower() == "off" else duration(text)


def name(text: str) -> str:
    """Read the name of a coin; it is upper case from here on."""
    upper = text.strip().upper()
    if not _NAME.fullmatch(upper):
        raise ValueError(f"{text.strip()!r} is not the name of a coin")
    return upper


def pairs(text: str, read: Callable[[str], Value], example: str) -> dict[str, Value]:
    """Read ``NAME=value,NAME=value``; no name twice."""
    found: dict[str, Value] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        left, equals, right = part.partition("=")
        if not equals or not right.strip():
            raise ValueError(f"write it like {example}")
        key = name(left)
        if key in found:
            raise ValueError(f"{key} is named twice")
        try:
            found[key] = read(right)
        except ValueError as err:
            raise ValueError(f"{key}: {err}") from None
    return found


def weights(text: str) -> dict[str, Decimal]:
    """Read target weights."""
    found = pairs(text, fraction, "BTC=50%,ETH=30%,SOL=20%")
    if not found:
        raise ValueError("name at least one asset, for example BTC=60%,ETH=40%")
    return found


def amounts(text: str) -> dict[str, Decimal]:
    """Read amounts of coins or cash."""
    return pairs(text, not_negative, "BTC=0.12,ETH=1")


def shares(text: str) -> dict[str, Decimal]:
    """Read a share for each of some coins."""
    found = pairs(text, fraction, "BTC=95%,ETH=90%")
    for coin, share in found.items():
        if not 0 < share <= 1:
            raise ValueError(f"{coin} must count for more than nothing and at most 100%")
    return found


def prices(text: str) -> dict[str, Decimal]:
    """Read prices."""
    return pairs(text, positive, "BTC=50000,ETH=2500")


#: A shorter one could be guessed by trying.
_SHORTEST_TOKEN = 16


def token(text: str) -> str:
    """Return what opens the page and the API, without what files and editors leave around it.

    Raises:
        ValueError: it could be guessed, or could not be sent in a header.
    """
    bare = text.strip(" \t\r\n\ufeff")
    if not all("!" <= letter <= "~" for letter in bare):
        raise ValueError("write letters, digits and signs without spaces or line breaks: it is sent in a header")
    if len(bare) < _SHORTEST_TOKEN:
        raise ValueError(f"write {_SHORTEST_TOKEN} characters or more, for example what 'openssl rand -hex 32' prints")
    return bare


def bare_key(text: str) -> str:
    """Return a key or secret of a venue without what files and quoting leave around it.

    Raises:
        ValueError: there is something in it that no venue's key has.
    """
    bare = text.strip(" \t\r\n\ufeff")
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        bare = bare[1:-1].strip()
    if not bare:
        raise ValueError("it is empty")
    # A private key in PEM is the one secret of several lines.
    if not bare.startswith("-----BEGIN ") and not all("!" <= letter <= "~" and letter not in "'\"" for letter in bare):
        raise ValueError("there is a space, a quote or another letter in it that no venue's key has; copy it again")
    return bare
