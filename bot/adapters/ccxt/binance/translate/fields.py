"""How is a field read? One that is missing or no number is an error, never a zero."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.domain.errors import BadPayload
from bot.domain.ids import VenueId
from bot.domain.units import to_decimal

VENUE = VenueId("binanceusdm")
Row = Mapping[str, Any]


def text(row: Row, name: str) -> str:
    """Return a field as text.

    Raises:
        BadPayload: it is missing, empty, or a number that has lost digits already.
    """
    value = row.get(name)
    if value is None or value == "" or isinstance(value, dict | list | float):
        raise BadPayload(f"binanceusdm: {name} is missing")
    return str(value)


def number(row: Row, name: str) -> Decimal:
    """Return a field as a number.

    Raises:
        BadPayload: it is missing, or none.
    """
    return to_decimal(text(row, name))


def moment(row: Row, name: str) -> datetime:
    """Return a field of epoch milliseconds.

    Raises:
        BadPayload: it is missing, or none.
    """
    value = text(row, name)
    if not value.isdigit():
        raise BadPayload(f"binanceusdm: {name} is no time: {value[:20]}")
    return datetime.fromtimestamp(int(value) / 1000, UTC)


def is_set(row: Row, name: str) -> bool:
    """Return a field that is true or false.

    Raises:
        BadPayload: it is neither.
    """
    value = row.get(name)
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise BadPayload(f"binanceusdm: {name} is neither true nor false")


def rows_of(document: Any) -> list[Row]:
    """Return the rows of a list.

    Raises:
        BadPayload: it is none.
    """
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise BadPayload("binanceusdm: a list was asked for, and something else was told")
    return document
