"""Supervised loops that watch one thing each: all logic is in ``check(now)``."""
