"""How does a fact become text and come back? Exactly.

Numbers are decimal text, times ISO 8601, durations whole microseconds, enums their values. What a class needs is
worked out once, from its type hints; a type that is not known here is an error when the program is loaded, not when
a fact is lost.
"""

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from bot.domain import events
from bot.domain.books import Books
from bot.domain.errors import JournalError
from bot.domain.events import Fact
from bot.domain.thinning import DetailsThinned

Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


_MICROSECOND = timedelta(microseconds=1)

_known: dict[Any, tuple[Encode, Decode]] = {}


def _encoder(hint: Any) -> Encode:
    return _coder(hint)[0]


def _decoder(hint: Any) -> Decode:
    return _coder(hint)[1]


def _coder(hint: Any) -> tuple[Encode, Decode]:
    if hint not in _known:
        _known[hint] = _codec(hint)
    return _known[hint]


def _codec(hint: Any) -> tuple[Encode, Decode]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _optional_codec(arguments)
    if origin is not None:
        return _container_codec(origin, arguments)
    return _plain_codec(getattr(hint, "__supertype__", hint))


def _optional_codec(arguments: tuple[Any, ...]) -> tuple[Encode, Decode]:
    (inner,) = (one for one in arguments if one is not type(None))
    encode, decode = _encoder(inner), _decoder(inner)
    return (
        lambda value: None if value is None else encode(value),
        lambda value: None if value is None else decode(value),
    )


def _container_codec(origin: Any, arguments: tuple[Any, ...]) -> tuple[Encode, Decode]:
    if origin is tuple and arguments[-1] is not Ellipsis:
        encoders = [_encoder(one) for one in arguments]
        decoders = [_decoder(one) for one in arguments]
        return (
            lambda value: [encode(one) for encode, one in zip(encoders, value, strict=True)],
            lambda value: tuple(decode(one) for decode, one in zip(decoders, value, strict=True)),
        )
    if origin in (list, tuple, set):
        encode, decode = _encoder(arguments[0]), _decoder(arguments[0])
        return (
            lambda value: [encode(one) for one in (sorted(value) if origin is set else value)],
            lambda value: origin(decode(one) for one in value),
        )
    if issubclass(origin, Mapping):
        # Keys may be tuples, so a mapping is a list of pairs.
        encode_key, decode_key = _encoder(arguments[0]), _decoder(arguments[0])
        encode, decode = _encoder(arguments[1]), _decoder(arguments[1])
        return (
            lambda value: [[encode_key(key), encode(one)] for key, one in value.items()],
            lambda value: {decode_key(key): decode(one) for key, one in value},
        )
    raise TypeError(f"no codec for {origin}")


def _plain_codec(kind: Any) -> tuple[Encode, Decode]:
    if kind in (str, int, bool, float, Any):
        return _same, _same
    if kind is Decimal:
        return str, Decimal
    if kind is datetime:
        return datetime.isoformat, datetime.fromisoformat
    if kind is timedelta:
        return (lambda value: value // _MICROSECOND), (lambda count: timedelta(microseconds=count))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return (lambda value: value.value), kind
    if is_dataclass(kind):
        return _record_codec(kind)
    raise TypeError(f"no codec for {kind}")


def _record_codec(kind: Any) -> tuple[Encode, Decode]:
    hints = get_type_hints(kind)
    written = [one for one in fields(kind) if one.init]
    needed = [one.name for one in written if one.default is MISSING and one.default_factory is MISSING]
    parts: list[tuple[str, Encode, Decode]] = []

    def resolved() -> list[tuple[str, Encode, Decode]]:
        # On first use: records may hold each other.
        if not parts:
            parts.extend((one.name, *_coder(hints[one.name])) for one in written)
        return parts

    def encode(value: Any) -> Any:
        return {name: encode_one(getattr(value, name)) for name, encode_one, _ in resolved()}

    def decode(document: Any) -> Any:
        known = {name: decode_one(document[name]) for name, _, decode_one in resolved() if name in document}
        for name in needed:
            if name not in known:
                raise JournalError(f"{kind.__name__} lacks {name}")
        return kind(**known)

    return encode, decode


#: Every kind of fact, by its name.
KINDS: dict[str, type[Fact]] = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
} | {DetailsThinned.__name__: DetailsThinned}


def encode_fact(fact: Fact) -> str:
    """Write a fact as JSON text."""
    return json.dumps(_encoder(type(fact))(fact), separators=(",", ":"))


def decode_fact(kind: str, payload: str) -> Fact:
    """Read a fact back.

    Raises:
        JournalError: the kind is unknown, or the text is not such a fact.
    """
    if kind not in KINDS:
        raise JournalError(f"unknown kind of fact: {kind}")
    try:
        fact: Fact = _decoder(KINDS[kind])(json.loads(payload))
    except (ValueError, KeyError, TypeError, ArithmeticError) as err:
        raise JournalError(f"a fact of kind {kind} cannot be read: {err}") from err
    return fact


def encode_books(books: Books) -> str:
    """Write books as JSON text."""
    return json.dumps(_encoder(Books)(books), separators=(",", ":"))


def decode_books(payload: str) -> Books:
    """Read books back.

    Raises:
        JournalError: the text is not such books.
    """
    try:
        books: Books = _decoder(Books)(json.loads(payload))
    except (ValueError, KeyError, TypeError, ArithmeticError) as err:
        raise JournalError(f"the checkpoint cannot be read: {err}") from err
    return books
