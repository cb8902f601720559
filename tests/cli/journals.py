"""A journal with one look, its order, the trades of that order, its stop, and a funding payment."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.adapters.journal.care import JOURNAL_FILE
from bot.adapters.journal.journal import open_journal
from bot.domain.events import ContractTermsNoted, FundingSettled, LookTaken, OrderChanged, OrderIntended, TradeFilled
from bot.domain.ids import Asset, ClientOrderId, CycleId, TradeId
from bot.domain.orders import OrderEvent, OrderType, Purpose, Side
from tests.builders import NOW, dec, make_fill, make_instrument, make_intent

INSTRUMENT = make_instrument()
LOOK = CycleId("TTABC-7")
QUIET = CycleId("TTABC-9")
HEDGE = make_intent(client_order_id=ClientOrderId("TTABC00000000800"), cycle_id=LOOK)
STOP = replace(
    HEDGE,
    client_order_id=ClientOrderId("TTABC00000000B00"),
    cycle_id=CycleId("TTABC-p11"),
    purpose=Purpose.STOP,
    type=OrderType.STOP_MARKET,
    side=Side.BUY,
    price=None,
    trigger_price=dec(65_000),
    reduce_only=True,
    intended_at=NOW + timedelta(seconds=4),
)
CLOSE = replace(
    HEDGE,
    client_order_id=ClientOrderId("TTABC00000000G00"),
    cycle_id=CycleId("TTABC-15"),
    side=Side.BUY,
    reduce_only=True,
    intended_at=NOW + timedelta(days=2),
)
ROW = {
    "asset": "BTC",
    "weight": "0.6",
    "target_weight": "0.5",
    "band": "0.05",
    "exposure_quote": "60000",
    "index_price": "50000",
    "hedge_need_quote": "-50000",
    "reason": "sell 1 BTC/USDT:USDT",
}


def write_journal(folder: Path) -> None:
    """Write it as the daemon would, fact by fact."""
    journal = open_journal(folder / JOURNAL_FILE, now=NOW, epoch_tail=lambda: "ABC")
    for facts in _commits():
        journal.commit(*facts)
    journal.connection.close()


def _commits() -> Iterator[tuple]:
    moments = [NOW + timedelta(seconds=seconds) for seconds in range(8)]
    yield (OrderIntended(at=moments[0], intent=HEDGE),)
    yield (OrderChanged(at=moments[1], client_order_id=HEDGE.client_order_id, event=OrderEvent.ACCEPTED),)
    terms = ContractTermsNoted(
        at=moments[2],
        venue=INSTRUMENT.venue,
        symbol=INSTRUMENT.symbol,
        asset=INSTRUMENT.asset,
        is_linear=True,
        contract_size=dec(1),
        quote=INSTRUMENT.quote,
        settle=INSTRUMENT.settle,
    )
    sold = make_fill(price=dec(49_950), client_order_id=HEDGE.client_order_id, filled_at=moments[2])
    yield terms, TradeFilled(at=moments[2], fill=sold)
    document = json.dumps({"assets": [ROW, {**ROW, "asset": "ETH", "reason": "inside its band"}], "refusals": []})
    prices = {Asset("BTC"): dec(50_000)}
    look = LookTaken(
        at=moments[3], cycle_id=LOOK, trigger="calendar", outcome="traded", document=document, index_prices=prices
    )
    yield (look,)
    yield (OrderIntended(at=STOP.intended_at, intent=STOP),)
    yield (replace(look, at=moments[5], cycle_id=QUIET, outcome="in_band", document=""),)
    paid = FundingSettled(
        at=moments[6],
        venue=INSTRUMENT.venue,
        symbol=INSTRUMENT.symbol,
        transaction_id="31",
        currency=INSTRUMENT.settle,
        amount=dec("-4.5"),
        rate=dec("-0.00009"),
        notional_quote=dec(-50_000),
        settled_at=NOW + timedelta(days=1),
    )
    yield (paid,)
    yield (OrderIntended(at=CLOSE.intended_at, intent=CLOSE),)
    bought = make_fill(
        side=Side.BUY,
        price=dec(48_000),
        fee_paid=dec("-2.5"),
        trade_id=TradeId("2"),
        client_order_id=CLOSE.client_order_id,
        filled_at=CLOSE.intended_at,
        is_maker=True,
    )
    yield (TradeFilled(at=CLOSE.intended_at, fill=bought),)
