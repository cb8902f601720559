"""Does an unmodified ccxt client get from the served exchange what the documentation says it does?"""

import pytest

from tests.architecture.files import ROOT
from tests.exchange.wire.methods import CALLS, table


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_table_of_the_documentation_is_what_comes_back() -> None:
    rows = table().splitlines()
    assert len(rows) == len(CALLS) + 2
    told = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8").splitlines()
    begin = told.index(rows[0])
    assert told[begin : begin + len(rows)] == rows
