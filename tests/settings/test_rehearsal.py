"""Are the faults of a rehearsal read as owners write them, and is what cannot be read one clear line with the mend?"""

from datetime import timedelta
from decimal import Decimal

import pytest

from bot.domain.errors import ConfigError
from bot.settings import load_settings
from bot.settings.load import variables
from bot.settings.rehearsal import PaperFault

VARIABLE = "TRIMTAB_PAPER__FAULTS"


def test_faults_are_read_with_their_chances_and_durations() -> None:
    faults = load_settings({VARIABLE: "lose_reply=2%, refuse=0.01,outage=1%:20m,spread=5%"}).paper.faults
    assert {fault: (one.chance_frac, one.lasts) for fault, one in faults.chances.items()} == {
        PaperFault.LOSE_REPLY: (Decimal("0.02"), timedelta(0)),
        PaperFault.REFUSE: (Decimal("0.01"), timedelta(0)),
        PaperFault.OUTAGE: (Decimal("0.01"), timedelta(minutes=20)),
        PaperFault.SPREAD: (Decimal("0.05"), timedelta(minutes=30)),
    }
    assert load_settings({VARIABLE: str(faults)}).paper.faults == faults


@pytest.mark.parametrize("text", ["", "off", "none"])
def test_there_are_none_unless_asked_for(text: str) -> None:
    assert load_settings({VARIABLE: text}).paper.faults.chances == {}


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("lose_replies=2%", "there is no fault lose_replies; did you mean lose_reply?"),
        ("outages=2%", "there is no fault outages; did you mean outage?"),
        ("refuse=150%", "refuse: write a chance of 100% at most"),
        ("refuse=2", "refuse: write 2% if you mean percent, or a fraction up to 1"),
        ("refuse=-1%", "refuse: write 0% or more"),
        ("refuse", "write it like lose_reply=2%,refuse=1%,outage=1%:20m"),
        ("refuse=1%,refuse=2%", "refuse is named twice"),
        ("refuse=1%:20m", "refuse: it happens to single calls and does not last: write refuse=1%"),
        ("deleverage=1%:20m", "deleverage: it happens at single moments and does not last: write deleverage=1%"),
        ("outage=1%:20", "outage: write a duration with its unit, for example 30s, 15m, 8h or 2d"),
        ("outage=1%:2d", "outage: write a duration of 1d at most"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_the_mend(text: str, mend: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({VARIABLE: text})
    assert str(caught.value) == f"{VARIABLE}={text}: {mend}"


def test_an_unlike_name_is_answered_with_all_names() -> None:
    with pytest.raises(ConfigError, match=r"the faults are outage, refuse_stop, .*clock_skew, deleverage"):
        load_settings({VARIABLE: "x=1%"})


def test_the_description_names_every_fault() -> None:
    """It is all that ``.env.example`` says of them."""
    told = dict(variables())[VARIABLE].description
    assert [fault for fault in PaperFault if fault not in told] == []
