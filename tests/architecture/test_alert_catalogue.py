"""Every alert is in the catalogue, every entry is raised somewhere, and the page says what the catalogue says."""

import ast
from pathlib import Path

from bot.adapters.alert_page import alerts_page
from bot.domain.alerts import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]


def _codes(method: str) -> set[str]:
    found = set()
    for file in (ROOT / "bot").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
                found |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    return found


def test_every_alert_that_is_raised_or_closed_is_in_the_catalogue() -> None:
    missing = (_codes("raise_alert") | _codes("close_alert")) - set(CATALOGUE)
    assert not missing, f"add to CATALOGUE in bot/domain/alerts.py: {sorted(missing)}"


def test_every_entry_of_the_catalogue_is_raised_somewhere() -> None:
    assert set(CATALOGUE) <= _codes("raise_alert")


def test_the_page_is_what_the_catalogue_says() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    assert page == alerts_page(), "run: python -m bot.adapters.alert_page"


def test_every_entry_says_everything() -> None:
    for code, kind in CATALOGUE.items():
        assert kind.code == code
        assert kind.severity in ("warning", "critical")
        for text in (kind.meaning, kind.likely_cause, kind.what_to_do, kind.closes):
            assert text.endswith("."), (code, text)
