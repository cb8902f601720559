"""How did the journal's tables change? One module per format, each with ``upgrade``; read by ``migrate`` alone."""
