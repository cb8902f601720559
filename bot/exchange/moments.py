"""How is time counted inside the exchange? In whole microseconds since 1970, which are exact and quick to compare."""

from datetime import UTC, datetime, timedelta

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

#: Later than anything that will happen.
FAR_US = 2**62

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """Turn an aware time into microseconds."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(moment_us: int) -> datetime:
    """Turn microseconds into an aware time in UTC."""
    return _EPOCH + timedelta(microseconds=moment_us)


def span_us(duration: timedelta) -> int:
    """Turn a duration into microseconds."""
    return duration // _MICROSECOND
