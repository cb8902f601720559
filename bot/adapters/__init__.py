"""The outside world: translate and call, decide nothing."""
