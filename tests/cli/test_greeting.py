"""Does the first line of the log say where the page is, and what opens it?"""

import pytest

from bot.daemon import how_to_open
from bot.settings import load_settings


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "page: http://127.0.0.1:8080/ token: data/token"),
        ({"TRIMTAB_HTTP__HOST": "0.0.0.0"}, "page: http://127.0.0.1:8080/ token: data/token"),  # noqa: S104 - compared
        ({"TRIMTAB_HTTP__HOST": "::1"}, "page: http://[::1]:8080/ token: data/token"),
        ({"TRIMTAB_HTTP__HOST": "::"}, "page: http://[::1]:8080/ token: data/token"),
        ({"TRIMTAB_HTTP__TOKEN": "long-enough-to-be-one"}, "page: http://127.0.0.1:8080/ token: TRIMTAB_HTTP__TOKEN"),
    ],
    ids=["as it comes", "in a container", "IPv6", "every IPv6 interface", "a token of one's own"],
)
def test_the_greeting_names_an_address_that_opens_and_the_token_that_counts(environ: dict[str, str], said: str) -> None:
    assert how_to_open(load_settings(environ), 8080) == said
