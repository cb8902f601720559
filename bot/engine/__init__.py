"""Effects: sequence and time. Asks ``decisions`` what to do and does it; no arithmetic of its own."""
