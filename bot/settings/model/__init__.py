"""What can be configured? The whole is in ``whole``, each group of variables in a file of its own.

The descriptions here are the documentation: ``.env.example`` and ``docs/configuration.md`` are written from them.
"""

from bot.settings.model.paper import MarketKind
from bot.settings.model.whole import Mode, Settings

__all__ = ["MarketKind", "Mode", "Settings"]
