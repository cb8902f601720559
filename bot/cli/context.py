"""What does nearly every command begin with? Settings, secrets that must not be shown, and logs out of the way."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.settings import Settings


def open_settings() -> "Settings":
    """Read the configuration.

    Raises:
        ConfigError: every problem at once, one line each.
    """
    from bot.settings import load_settings

    return load_settings()


def quiet_logs(settings: "Settings") -> None:
    """Send log lines to stderr, warnings and worse only: stdout belongs to the command's own output."""
    from bot.adapters.clock import SystemClock
    from bot.adapters.logs import configure_logging

    configure_logging(settings.log_format, "warning", sys.stderr, SystemClock().now, secrets=secret_texts(settings))


def secret_texts(value: Any) -> list[str]:
    """Return every secret within settings, however deep."""
    from collections.abc import Mapping

    from pydantic import BaseModel, SecretStr

    match value:
        case SecretStr():
            return [value.get_secret_value()]
        case BaseModel():
            return [text for name in type(value).model_fields for text in secret_texts(getattr(value, name))]
        case Mapping():
            return [text for inner in value.values() for text in secret_texts(inner)]
        case list() | tuple():
            return [text for inner in value for text in secret_texts(inner)]
        case _:
            return []
