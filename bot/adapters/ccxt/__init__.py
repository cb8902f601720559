"""How does the bot reach real venues? Through ccxt, which is imported here and nowhere else.

ccxt signs, sends and parses JSON. What a reply means is decided here, on the venue's own fields: the unified names hide
signs, units and what is missing.
"""
