"""The bot over HTTP: health, metrics, the API and the page. It knows the ``Control`` port and nothing behind it."""
