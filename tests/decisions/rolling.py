"""Contracts that expire, rolls between them, and what a step is decided on."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from bot.decisions.roll_steps import RollView
from bot.domain.books import Books
from bot.domain.ids import Asset, Symbol
from bot.domain.instruments import Instrument
from bot.domain.market import Quote, SpreadQuote
from bot.domain.portfolio import MarginAccount
from bot.domain.rolls import Roll, RollCause, RollStage
from tests.builders import NOW, VENUE, dec, make_account, make_instrument, make_margin, make_policy, make_position
from tests.builders import make_quote as make_any_quote

BTC = Asset("BTC")
PERPETUAL = make_instrument("BTC")
NEAR = make_instrument("BTC", symbol=Symbol("BTC/USDT:USDT-A"), expires_at=NOW + timedelta(hours=6))
FAR = make_instrument("BTC", symbol=Symbol("BTC/USDT:USDT-B"), expires_at=NOW + timedelta(days=91))
LATER = make_instrument("BTC", symbol=Symbol("BTC/USDT:USDT-C"), expires_at=NOW + timedelta(days=182))


def expiring_in(hours: float, **changes: Any) -> Instrument:
    """Return the near contract as it is so long before its end."""
    return make_instrument("BTC", **{"symbol": NEAR.symbol, "expires_at": NOW + timedelta(hours=hours), **changes})


def make_roll(stage: RollStage = RollStage.SPREAD, **changes: Any) -> Roll:
    """Return a roll of which nothing is done yet."""
    values: dict[str, Any] = {
        "venue": VENUE,
        "asset": BTC,
        "near": NEAR.symbol,
        "far": FAR.symbol,
        "near_size": dec(1),
        "far_size": dec(1),
        "cause": RollCause.EXPIRY,
        "stage": stage,
        "begun_at": NOW - timedelta(hours=1),
        "stage_since": NOW - timedelta(hours=1),
    }
    return Roll(**{**values, **changes})


def quote_of(instrument: Instrument, mark: str | int | Decimal, spread_bps: str = "2", **changes: Any) -> Quote:
    """Return a book around a mark."""
    half = Decimal(mark) * Decimal(spread_bps) / 20_000
    values = {"mark_price": Decimal(mark), "bid_price": Decimal(mark) - half, "ask_price": Decimal(mark) + half}
    return make_any_quote(instrument, 50_000, **{**values, **changes})


def view_of(
    roll: Roll | None = None,
    *,
    near: Instrument = NEAR,
    far: Instrument | None = FAR,
    held: str | int | Decimal = 1,
    far_held: str | int | Decimal = 0,
    near_quote: Quote | None = None,
    far_quote: Quote | None = None,
    spread: SpreadQuote | None = None,
    margin: MarginAccount | None = None,
    books: Books | None = None,
    without: tuple[Instrument, ...] = (),
    **policy: Any,
) -> RollView:
    """Return what a step is decided on: a position in the near contract, a far one at 51,000, ample margin."""
    positions = [make_position(near, held, 50_000)] if Decimal(held) else []
    quotes = {(VENUE, near.symbol): near_quote or quote_of(near, 50_000)}
    if far is not None:
        quotes[VENUE, far.symbol] = far_quote or quote_of(far, 51_000)
        if Decimal(far_held):
            positions.append(make_position(far, far_held, 51_000))
    for one in without:
        del quotes[VENUE, one.symbol]
    return RollView(
        roll=roll or make_roll(),
        near=near,
        far=far,
        account=make_account(positions=positions, margins=[margin or make_margin()]),
        quotes=quotes,
        spread=spread,
        books=books or Books(),
        policy=make_policy({"BTC": "1"}, **policy),
        now=NOW,
    )


def make_spread(bid: str | int | Decimal, ask: str | int | Decimal) -> SpreadQuote:
    """Return the book of the spread."""
    return SpreadQuote(
        venue=VENUE, near=NEAR.symbol, far=FAR.symbol, bid_price=Decimal(bid), ask_price=Decimal(ask), as_of=NOW
    )
