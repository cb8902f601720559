"""What does the owner declare as held elsewhere? From the settings, or from a watched file."""

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.errors import BadPayload, DataError
from bot.domain.ids import Asset
from bot.domain.portfolio import ExternalHolding
from bot.domain.units import to_decimal

_COLUMNS = ["asset", "amount", "as_of"]


def named_twice(coins: Iterable[str], file: Path) -> str:
    """Say that coins are declared in both places: nobody knows whether they are the same coins or more of them."""
    names = ", ".join(sorted(coins))
    return f"{names}: named in TRIMTAB_EXTERNAL_HOLDINGS and in {file}; leave each coin in one of the two"


def coins_in(file: Path) -> frozenset[str]:
    """Return the coins that a file lists; none where it cannot be read, which is told when it is needed."""
    try:
        rows = csv.reader(file.read_text(encoding="utf-8").splitlines()[1:], skipinitialspace=True)
        return frozenset(row[0].strip().upper() for row in rows if row)
    except (OSError, UnicodeDecodeError, csv.Error):
        return frozenset()


class DeclaredHoldings:
    """Holdings out of the settings and, read anew at each look, a CSV file with ``asset, amount, as_of``."""

    def __init__(self, fixed: tuple[ExternalHolding, ...] = (), file: Path | None = None) -> None:
        self._fixed = fixed
        self._file = file

    def read(self, now: datetime) -> tuple[ExternalHolding, ...]:
        """Return the declared holdings.

        Raises:
            DataError: the file cannot be read or understood; the message names file and row.
        """
        if self._file is None:
            return self._fixed
        try:
            text = self._file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as err:
            reason = err.strerror if isinstance(err, OSError) else "not text in UTF-8"
            raise DataError(f"TRIMTAB_EXTERNAL_HOLDINGS_FILE={self._file} cannot be read ({reason})") from err
        rows = list(csv.reader(text.splitlines(), skipinitialspace=True))
        if not rows or [name.strip().lower() for name in rows[0]] != _COLUMNS:
            raise DataError(f"{self._file}: the first line must be: asset,amount,as_of")
        if not any(rows[1:]):
            # That is how a file looks while it is being written.
            raise DataError(
                f"{self._file}: no coin is listed below the first line; list one with amount 0 to mean none"
            )
        listed = tuple(self._holding(row, place, now) for place, row in enumerate(rows[1:], 2) if row)
        twice = {one.asset for one in self._fixed} & {one.asset for one in listed}
        if twice:
            raise DataError(named_twice(twice, self._file))
        return (*self._fixed, *listed)

    def _holding(self, row: list[str], place: int, now: datetime) -> ExternalHolding:
        where = f"{self._file} row {place}"
        if len(row) != len(_COLUMNS):
            raise DataError(f"{where}: expected asset,amount,as_of")
        try:
            amount = to_decimal(row[1].strip())
            as_of = datetime.fromisoformat(row[2].strip())
        except (BadPayload, ValueError) as err:
            raise DataError(f"{where}: {err}") from err
        as_of = as_of.replace(tzinfo=UTC) if as_of.tzinfo is None else as_of.astimezone(UTC)
        if amount < 0 or as_of > now:
            raise DataError(f"{where}: an amount must not be negative, and as_of not in the future")
        return ExternalHolding(asset=Asset(row[0].strip().upper()), amount_base=amount, as_of=as_of)
