"""The same engine on simulated time and the embedded exchange."""
