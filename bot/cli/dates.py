"""Which moment does a date on the command line mean?"""

from datetime import UTC, datetime

import typer


def moment_of(text: str, option: str) -> datetime:
    """Return midnight UTC of a date, or the moment that is spelled out.

    Raises:
        typer.BadParameter: neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write it as 2021-01-31", param_hint=option) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
