"""Trimtab: hold net exposure at target weights with futures, spot untouched."""

__version__ = "0.1.0"
