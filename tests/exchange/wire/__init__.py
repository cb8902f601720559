"""Tests of the served exchange."""
