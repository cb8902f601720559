"""The configuration in force is shown without its secrets."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, SecretStr

from bot.cli.context import secret_texts
from bot.cli.effective import effective_variables


class Kind(StrEnum):
    ONE = "one"


class Inner(BaseModel):
    token: SecretStr | None = SecretStr("canary-4711")
    port: int = 8080


class Outer(BaseModel):
    targets: dict[str, Decimal] = {"BTC": Decimal("0.50")}
    kind: Kind = Kind.ONE
    is_on: bool = True
    every: timedelta = timedelta(hours=8)
    nothing: str | None = None
    names: tuple[str, ...] = ("a", "b")
    http: Inner = Inner()
    venues: dict[str, Inner] = {"bybit": Inner(port=1)}


def test_every_variable_is_one_line_of_text() -> None:
    assert effective_variables(Outer()) == {
        "TRIMTAB_TARGETS": "BTC=0.5",
        "TRIMTAB_KIND": "one",
        "TRIMTAB_IS_ON": "true",
        "TRIMTAB_EVERY": "28800s",
        "TRIMTAB_NOTHING": "",
        "TRIMTAB_NAMES": "a,b",
        "TRIMTAB_HTTP__TOKEN": "***",
        "TRIMTAB_HTTP__PORT": "8080",
        "TRIMTAB_VENUES__BYBIT__TOKEN": "***",
        "TRIMTAB_VENUES__BYBIT__PORT": "1",
    }


def test_secrets_are_found_however_deep() -> None:
    assert secret_texts(Outer()) == ["canary-4711", "canary-4711"]
    assert secret_texts([{"x": SecretStr("y")}]) == ["y"]
