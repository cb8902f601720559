"""How does the embedded exchange speak on the wire? One folder per venue dialect, and the server that they share."""
