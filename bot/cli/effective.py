"""What is the configuration in force, variable by variable, without its secrets?"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel, SecretStr

from bot.domain.units import decimal_text

MASK = "***"


def effective_variables(settings: BaseModel) -> dict[str, str]:
    """Return every variable with its value as text."""
    return dict(_walk("TRIMTAB", settings, joint="_"))


def _walk(prefix: str, model: BaseModel, joint: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        variable = f"{prefix}{joint}{name.upper()}"
        if isinstance(value, BaseModel):
            lines += _walk(variable, value, "__")
        elif isinstance(value, Mapping) and any(isinstance(inner, BaseModel) for inner in value.values()):
            for key, inner in value.items():
                lines += _walk(f"{variable}__{str(key).upper()}", inner, "__")
        else:
            lines.append((variable, _text(value)))
    return lines


def _text(value: Any) -> str:
    match value:
        case SecretStr():
            return MASK
        case Mapping():
            return ",".join(f"{_text(key)}={_text(inner)}" for key, inner in value.items())
        case list() | tuple() | set() | frozenset():
            return ",".join(_text(inner) for inner in value)
        case _:
            return _scalar_text(value)


def _scalar_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Enum():
            return _text(value.value)
        case Decimal():
            return decimal_text(value)
        case timedelta():
            return f"{value.total_seconds():g}s"
        case _:
            return str(value)
