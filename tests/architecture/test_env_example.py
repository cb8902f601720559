"""Do the example file and the page of the configuration say what the settings say?"""

from pathlib import Path

from bot.settings import load_settings
from bot.settings.example import configuration_page, env_example
from bot.settings.load import variables

ROOT = Path(__file__).parents[2]


def test_the_example_file_lists_every_variable_with_its_default() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == env_example()


def test_the_page_lists_every_variable() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == configuration_page()


def test_every_variable_has_a_meaning() -> None:
    assert [name for name, field in variables() if not field.description] == []


def test_the_example_with_every_line_uncommented_is_the_default_configuration() -> None:
    environ = {}
    for line in env_example().splitlines():
        if line.startswith("#TRIMTAB_"):
            name, _, value = line[1:].partition("=")
            environ[name] = value
    assert load_settings(environ).model_dump() == load_settings({}).model_dump()
