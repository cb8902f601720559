"""How do owners read the catalogue of alerts? Writes ``docs/alerts.md``: ``python -m bot.adapters.alert_page``."""

from pathlib import Path

from bot.domain.alerts import CATALOGUE

_HEAD = """\
# Alerts

An alert is a log line with `alert=true`, a `severity`, its `code` and a `cause`. It is said when it opens, when it
gets worse, again at a limited rate for as long as it lasts (a warning every six hours, a critical one every hour), and
once when it is over (`alert_state=closed`). `trimtab status` lists what is open. A line `code=heartbeat` says once a
day that the bot is alive (`TRIMTAB_ALERTS__HEARTBEAT`). To have alerts sent elsewhere as well, name Apprise addresses
in `TRIMTAB_ALERTS__URLS` (`pip install 'trimtab[alerts]'`, or
`docker compose build --build-arg LOCK=requirements-alerts.lock`); a service that fails or hangs never delays the bot.

"""


def alerts_page() -> str:
    """Return the text of ``docs/alerts.md``."""
    parts = [
        f"## `{kind.code}` ({kind.severity})\n\n{kind.meaning}\n\n- **Likely cause**: {kind.likely_cause}\n"
        f"- **What to do**: {kind.what_to_do}\n- **Closes**: {kind.closes}\n"
        for kind in CATALOGUE.values()
    ]
    return _HEAD + "\n".join(parts)


def main() -> None:
    """Rewrite the file of the repository."""
    root = Path(__file__).resolve().parents[2]
    (root / "docs" / "alerts.md").write_text(alerts_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
