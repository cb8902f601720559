"""Tests of the adapter for Binance USDⓈ-M: what it sends, what it makes of what comes back, and of what does not."""
