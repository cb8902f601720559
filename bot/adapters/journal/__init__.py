"""The journal on a database: facts in, books out."""
