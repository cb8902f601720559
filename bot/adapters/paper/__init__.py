"""How does the bot reach the embedded exchange?"""

from bot.adapters.paper.venue import PAPER, PaperVenue

__all__ = ["PAPER", "PaperVenue"]
