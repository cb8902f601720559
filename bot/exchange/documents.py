"""How do the exchange's records become JSON values and come back? By their type hints, exactly."""

import types
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


_known: dict[Any, tuple[tuple[str, Any], ...]] = {}


def _kinds(record: Any) -> tuple[tuple[str, Any], ...]:
    """Return (name, plain type) of each field; worked out once."""
    if record not in _known:
        _known[record] = _work_out(record)
    return _known[record]


def _work_out(record: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(record)
    found = []
    for field in fields(record):
        hint = hints[field.name]
        if get_origin(hint) in (Union, types.UnionType):
            (hint,) = (one for one in get_args(hint) if one is not type(None))
        found.append((field.name, getattr(hint, "__supertype__", hint)))
    return tuple(found)


def to_document(record: Any) -> dict[str, Any]:
    """Return a record's fields as JSON values."""
    return {name: _plain(getattr(record, name)) for name, _ in _kinds(type(record))}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def from_document(record: type[Record], document: dict[str, Any]) -> Record:
    """Return the record that ``to_document`` wrote."""
    return record(**{name: _typed(kind, document[name]) for name, kind in _kinds(record)})


def _typed(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if kind is Decimal:
        return Decimal(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    return kind(value) if isinstance(kind, type) and issubclass(kind, Enum) else value
