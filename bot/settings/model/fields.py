"""What kinds of field are there? How a text becomes a value, and the values that many groups have."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

from bot.settings import human


def read(parse: Any) -> BeforeValidator:
    """Let ``parse`` read the text of a variable; a default is a value already."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def choice(kind: type[StrEnum]) -> BeforeValidator:
    """Read one of the words of ``kind``."""

    def parse(text: str) -> StrEnum:
        try:
            return kind(text.strip().lower())
        except ValueError:
            raise ValueError(f"write one of {', '.join(kind)}") from None

    return read(parse)


def whole_number(text: str) -> int:
    """Read a whole number of either sign."""
    try:
        return int(text.strip())
    except ValueError:
        raise ValueError("write a whole number") from None


Number = Annotated[Decimal, read(human.positive)]
Share = Annotated[Decimal, read(human.fraction)]
ShareOrOff = Annotated[Decimal | None, read(human.fraction_or_off)]
NumberOrOff = Annotated[Decimal | None, read(human.positive_or_off)]
Duration = Annotated[timedelta, read(human.duration)]
Whole = Annotated[int, read(whole_number)]
Amounts = Annotated[Mapping[str, Decimal], NoDecode, read(human.amounts)]


class Block(BaseModel):
    """A group of variables."""

    model_config = ConfigDict(frozen=True, extra="forbid")
