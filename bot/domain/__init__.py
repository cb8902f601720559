"""Nouns: frozen values and the rules they carry. Standard library only, no I/O, no clock."""
