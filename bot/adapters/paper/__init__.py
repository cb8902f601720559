"""How does the bot reach the embedded exchange?"""

from bot.adapters.paper.translate import PAPER
from bot.adapters.paper.venue import PaperVenue

__all__ = ["PAPER", "PaperVenue"]
