"""The pains that owners of other bots report: what this one does instead. ``docs/pains.md`` is the index."""
