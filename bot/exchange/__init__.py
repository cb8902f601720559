"""A venue in small: wallets, contracts, a book, margin, funding. It does its own arithmetic and knows nothing
of the bot."""
