"""Binance USDⓈ-M: which routes are called, and what their documents mean."""
