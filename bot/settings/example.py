"""Which variables are there? Writes ``.env.example`` and ``docs/configuration.md`` from the settings' own descriptions.

``python -m bot.settings.example`` rewrites both; a test compares them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from bot.domain.portfolio import Alias
from bot.domain.units import decimal_text
from bot.settings.human import duration_text
from bot.settings.load import PREFIX, variables

_HEAD = """\
# Every variable of Trimtab with its meaning and its default. Uncomment what you change.
# Forms: 5% or 0.05 · 30s, 15m, 8h, 2d · BTC=50%,ETH=30% · secrets also from a file: NAME_FILE=/run/secrets/name
"""
_DOC_HEAD = """\
# Configuration

Environment variables, or lines `NAME=value` in a file `.env` (another one: `TRIMTAB_ENV_FILE`); the environment
wins. An unknown `TRIMTAB_*` variable is an error, with a guess at what was meant. All problems are told at once, one
line each. Fractions are `5%` or `0.05`, durations `30s`, `15m`, `8h`, `2d`. Secrets are also read from a file:
`NAME_FILE`.

"""


def _shares(name: str) -> bool:
    return name.split("__")[-1].removeprefix(PREFIX) not in _PLAIN_NUMBERS


#: Decimals that are not shares.
_PLAIN_NUMBERS = {
    "LEVERAGE",
    "MOVE_SIGMAS",
    "DAILY_SIGMAS",
    "FLOOR_SIGMAS",
    "STRESS_MAINTENANCE_MULTIPLE",
    "MAX_TURNOVER",
    "SPEED",
    "TWAP_DEPTHS",
    "RISK_AVERSION",
    "MIN_TRANSFER",
    "MAX_TRANSFER_DAY",
    "SWITCH_MULTIPLE",
}


#: Variables that say ``off`` where nothing is set.
_MAY_BE_OFF = (
    "BAND_TOTAL",
    "MOVE_SIGMAS",
    "VOLATILITY__REFERENCE",
    "DCA__TRANCHES",
    "COST_GATE__HORIZON",
    "TAKE_PROFIT",
    "CADENCE",
    "HEARTBEAT",
    "MAX_TRANSFER_DAY",
    "SWEEP_BACK",
    "RETENTION__DETAILS",
)


def value_text(name: str, value: Any) -> str:
    """Write a value as an owner would."""
    match value:
        case None:
            return "off" if name.endswith(_MAY_BE_OFF) else ""
        case bool() | Enum():
            return str(getattr(value, "value", value)).lower()
        case Decimal():
            return f"{decimal_text(value * 100)}%" if _shares(name) else decimal_text(value)
        case timedelta():
            return _duration_text(value)
        case datetime():
            return value.isoformat()
        case () if name.endswith("TRANSFER_ASSETS"):
            return "off"
        case Mapping() | tuple() | frozenset():
            return ",".join(_members(name, value))
        case _:
            return str(value)


def _members(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{key}={_entry(name, one)}" for key, one in value.items())
    elif isinstance(value, frozenset):
        yield from (f"{one}:ignore" for one in sorted(value))
    else:
        yield from (_alias_text(one) if isinstance(one, Alias) else str(one) for one in value)


def _entry(name: str, value: Decimal) -> str:
    return f"{decimal_text(value * 100)}%" if name.endswith("TARGETS") else decimal_text(value)


def _alias_text(one: Alias) -> str:
    return f"{one.coin}={one.asset}" + ("" if one.ratio == 1 else f"*{decimal_text(one.ratio)}")


def _duration_text(value: timedelta) -> str:
    if value % timedelta(seconds=1):
        return duration_text(value)
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _described() -> Iterator[tuple[str, str, str]]:
    """Yield (variable, meaning, default)."""
    for name, field in variables():
        default = field.default
        text = "daily" if name == f"{PREFIX}CADENCE" else value_text(name, default)
        yield name, field.description or "", text


def env_example() -> str:
    """Return the text of ``.env.example``."""
    lines = [_HEAD]
    group = ""
    for name, meaning, default in _described():
        before, _, _ = name.removeprefix(PREFIX).rpartition("__")
        if before != group:
            group = before
            lines.append("")
        lines.append(f"# {meaning}\n#{name}={default}")
    return "\n".join(lines) + "\n"


def configuration_page() -> str:
    """Return the text of ``docs/configuration.md``."""
    rows = [
        f"| `{name}` | {meaning} | {f'`{default}`' if default else ''} |" for name, meaning, default in _described()
    ]
    return _DOC_HEAD + "\n".join(["| variable | meaning | default |", "|---|---|---|", *rows]) + "\n"


def main() -> None:
    """Rewrite both files of the repository."""
    root = Path(__file__).resolve().parents[2]
    (root / ".env.example").write_text(env_example(), encoding="utf-8")
    (root / "docs" / "configuration.md").write_text(configuration_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
