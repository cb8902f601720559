"""How are things named, and how is an order of ours recognised?

A client order id is ``epoch ∥ sequence ∥ attempt`` in Crockford base 32: 16 letters and digits, which every
venue takes. The epoch (``TT`` and three random characters) is written when a journal is created or restored;
the sequence is the journal's own number of the intent, so an id can never be given twice. Nothing here
counts in memory.
"""

from typing import NewType

from bot.domain.errors import BadPayload

Asset = NewType("Asset", str)
VenueId = NewType("VenueId", str)
#: The venue's unified symbol, for example ``BTC/USDT:USDT``. Unique within a venue.
Symbol = NewType("Symbol", str)
Currency = NewType("Currency", str)
#: Ours: the idempotency key of an order.
ClientOrderId = NewType("ClientOrderId", str)
#: Theirs.
VenueOrderId = NewType("VenueOrderId", str)
TradeId = NewType("TradeId", str)
CycleId = NewType("CycleId", str)
#: Ours, in the form of an order id: epoch and the sequence of the intent.
TransferId = NewType("TransferId", str)

#: First characters of every epoch, hence of every order id of Trimtab.
MARKER = "TT"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
EPOCH_LENGTH = 5
_SEQUENCE_DIGITS = 9
_ATTEMPT_DIGITS = 2
ID_LENGTH = EPOCH_LENGTH + _SEQUENCE_DIGITS + _ATTEMPT_DIGITS


def encode_base32(number: int, digits: int) -> str:
    """Write a non-negative number with exactly ``digits`` characters.

    Raises:
        ValueError: the number is negative or does not fit.
    """
    if not 0 <= number < 32**digits:
        raise ValueError(f"{number} does not fit {digits} base-32 digits")
    text = ""
    for _ in range(digits):
        number, rest = divmod(number, 32)
        text = ALPHABET[rest] + text
    return text


def decode_base32(text: str) -> int:
    """Read a number back.

    Raises:
        BadPayload: a character is not of the alphabet.
    """
    number = 0
    for character in text:
        place = ALPHABET.find(character)
        if place < 0:
            raise BadPayload(f"not base 32: {text!r}")
        number = number * 32 + place
    return number


def epoch_of(tail: str) -> str:
    """Return the epoch that ends with ``tail``, three characters of the alphabet.

    Raises:
        ValueError: they are not: orders of such an epoch would not be recognised as ours.
    """
    epoch = MARKER + tail
    if len(epoch) != EPOCH_LENGTH or not set(tail) <= set(ALPHABET):
        raise ValueError(f"{tail!r} are no three characters of base 32")
    return epoch


def client_order_id(epoch: str, sequence: int, attempt: int = 0) -> ClientOrderId:
    """Make the id of the order that the intent number ``sequence`` sends at its ``attempt``."""
    tail = encode_base32(sequence, _SEQUENCE_DIGITS) + encode_base32(attempt, _ATTEMPT_DIGITS)
    return ClientOrderId(epoch + tail)


def carries_marker(text: str) -> bool:
    """Return True when ``text`` has the form of an order id of Trimtab, whichever journal made it."""
    return len(text) == ID_LENGTH and text.startswith(MARKER) and all(character in ALPHABET for character in text)
