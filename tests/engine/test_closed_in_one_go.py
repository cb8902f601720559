"""What is left of a position that the venue closes in several trades, when the bot hears of all of them at once?"""

from decimal import Decimal

from bot.domain.events import CeilingSet
from tests.engine.rig import BTC, BTC_PERP, HOUR, MINUTE, Rig


def test_the_ceiling_is_what_all_of_the_trades_have_left() -> None:
    rig = Rig()
    rig.run(5 * MINUTE)
    held = abs(rig.held())
    assert held > Decimal("0.01")
    # Between two processes; the next one reads both trades in one go.
    rig.exchange.deleverage(BTC_PERP, Decimal("0.010"))
    rig.exchange.deleverage(BTC_PERP, held - Decimal("0.010"))
    assert rig.held() == 0
    rig.run(2 * HOUR)
    assert [fact.max_delta_base for fact in rig.facts(CeilingSet)] == [held - Decimal("0.010"), 0]
    assert rig.journal.books.ceilings[BTC, "forced"].max_delta_base == 0
    assert rig.held() == 0, "what was closed is not put back"
    rig.is_well()
