"""What is the configuration in force, variable by variable, without its secrets?

In the words in which it is read, so that what is shown can be put into an env file.
"""

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

if TYPE_CHECKING:
    from bot.settings import Settings

MASK = "***"


def effective_variables(settings: "Settings") -> dict[str, str]:
    """Return every variable with its value as an owner would write it."""
    from bot.settings.example import value_text
    from bot.settings.load import PREFIX, variables

    found = {}
    for name, _ in variables():
        value: Any = settings
        for part in name.removeprefix(PREFIX).lower().split("__"):
            value = getattr(value, part)
        found[name] = MASK if isinstance(value, SecretStr) else value_text(name, value)
    return found
