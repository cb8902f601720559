"""The dialect of Binance USDⓈ-M: the futures API, and as much of the spot wallet's as a futures trader needs."""
