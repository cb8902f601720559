"""Verbs: pure functions, one question per file. Values in, values out; no clock, no I/O, no randomness."""
