"""The environment, read once into one frozen object."""

from bot.settings.load import load_settings
from bot.settings.model import Settings

__all__ = ["Settings", "load_settings"]
