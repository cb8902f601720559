"""Which contracts with an expiry are listed, and what do they cost?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from bot.domain.ids import Symbol
from bot.domain.orders import OrderState, Side
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.expiries import expiry_of, known_expiries_us, listed_expiries_us
from bot.exchange.history import HistoryMarket
from bot.exchange.moments import from_us, to_us
from bot.exchange.orders import Refused
from bot.exchange.store import NoStore
from tests.exchange import market_files
from tests.exchange.trading import (
    BASIS,
    BTC,
    DAY,
    EXPIRY,
    FAR,
    FAR_INVERSE,
    HOUR,
    INVERSE,
    LINEAR,
    MINUTE,
    NEAR,
    NEAR_INVERSE,
    START,
    buy,
    held,
    name,
    opened,
    script,
    sell,
)

#: Last Fridays, from a printed calendar.
FRIDAYS = {
    2021: ("0326", "0625", "0924", "1231"),
    2022: ("0325", "0624", "0930", "1230"),
    2023: ("0331", "0630", "0929", "1229"),
    2024: ("0329", "0628", "0927", "1227"),
}
DAYS = [f"{year}{day}"[2:] for year, days in FRIDAYS.items() for day in days]


def mark(exchange: Exchange, symbol: Symbol) -> Decimal:
    """Return a contract's mark price."""
    return exchange.floor.mark_of(exchange.floor.contracts[symbol])


def listed(exchange: Exchange) -> set[str]:
    """Return the expiry days of the BTC contracts that can be traded."""
    contracts = exchange.floor.contracts.values()
    found = {
        one.symbol.partition("-")[2] for one in contracts if one.asset == BTC and not exchange.floor.has_expired(one)
    }
    return found - {""}


# --- listing


def test_four_years_have_sixteen_expiries() -> None:
    since, until = datetime(2021, 1, 1, tzinfo=UTC), datetime(2024, 9, 1, tzinfo=UTC)
    expiries = [from_us(expiry) for expiry in known_expiries_us(to_us(since), to_us(until))]
    assert [f"{expiry:%y%m%d}" for expiry in expiries] == DAYS
    assert {(expiry.hour, expiry.minute, expiry.weekday()) for expiry in expiries} == {(8, 0, 4)}


@pytest.mark.parametrize(
    ("moment", "days"),
    [
        ("2021-01-01T00:00", ("210326", "210625")),
        ("2021-03-26T07:59", ("210326", "210625")),
        ("2021-03-26T08:00", ("210625", "210924")),
        # Between the expiry and the end of its quarter.
        ("2021-03-29T00:00", ("210625", "210924")),
        ("2021-12-31T07:59", ("211231", "220325")),
        ("2021-12-31T08:00", ("220325", "220624")),
        ("2022-12-30T23:59", ("230331", "230630")),
    ],
)
def test_the_current_and_the_next_quarter_are_listed(moment: str, days: tuple[str, str]) -> None:
    at_us = to_us(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert tuple(f"{from_us(expiry):%y%m%d}" for expiry in listed_expiries_us(at_us)) == days


def test_a_symbol_says_when_it_expires() -> None:
    assert expiry_of(NEAR) == to_us(EXPIRY)
    assert [expiry_of(Symbol(text)) for text in ("BTC/USDT:USDT", "A-B/USDT:USDT", "A/B:B-24032")] == [None] * 3


def test_without_a_basis_there_are_perpetuals_only() -> None:
    exchange = opened()
    assert all(one.expires_us is None for one in exchange.floor.contracts.values())
    exchange.advance(EXPIRY + DAY)
    assert len(exchange.listing()) == 6


def test_dated_contracts_have_the_terms_of_their_perpetual() -> None:
    contracts = opened(dated_basis_annual=BASIS).floor.contracts
    for dated, perpetual in ((NEAR, LINEAR), (FAR, LINEAR), (NEAR_INVERSE, INVERSE), (FAR_INVERSE, INVERSE)):
        mine, theirs = contracts[dated], contracts[perpetual]
        assert (mine.settle, mine.kind, mine.size, mine.tick, mine.lot, mine.tiers, mine.wallet) == (
            theirs.settle,
            theirs.kind,
            theirs.size,
            theirs.tick,
            theirs.lot,
            theirs.tiers,
            theirs.wallet,
        )
    assert from_us(contracts[NEAR].expires_us or 0) == EXPIRY


def test_over_four_years_each_quarter_takes_the_place_of_the_one_that_expires() -> None:
    exchange = opened(dated_basis_annual=BASIS, start=datetime(2021, 1, 1, tzinfo=UTC), assets=(BTC,))
    for place, day in enumerate(DAYS):
        expiry = datetime.strptime(day, "%y%m%d").replace(hour=8, tzinfo=UTC)
        exchange.advance(expiry - MINUTE)
        assert day in listed(exchange)
        exchange.advance(expiry)
        assert day not in listed(exchange)
        assert len(listed(exchange)) == 2
        # Known for good: sixteen at the end, and the two that are listed.
        assert len(exchange.floor.contracts) == 2 + 2 * (place + 3)
        # Nobody has traded them, so nobody is told of them any more.
        assert len(exchange.listing()) == 6


def test_an_expired_contract_stays_known_and_cannot_be_traded() -> None:
    exchange = opened(dated_basis_annual=BASIS)
    buy(exchange, "0.1", symbol=NEAR)
    exchange.advance(EXPIRY)
    assert NEAR in {one.symbol for one in exchange.listing()}
    assert NEAR_INVERSE not in {one.symbol for one in exchange.listing()}
    for changes in ({}, {"reduce_only": True}):
        with pytest.raises(Refused) as refusal:
            sell(exchange, "0.1", symbol=NEAR, **changes)
        assert refusal.value.code == "contract_expired"


@pytest.mark.parametrize("stop", [EXPIRY - 15 * MINUTE, EXPIRY, EXPIRY + HOUR])
def test_a_restart_sees_what_an_exchange_that_went_on_sees(stop: datetime, tmp_path: Path) -> None:
    changes = {
        "dated_basis_annual": BASIS,
        "script": script((EXPIRY - START - HOUR, 50000), (EXPIRY - START + 2 * HOUR, 56000)),
    }
    stopped, steady = opened(tmp_path, **changes), opened(**changes)
    for exchange in (stopped, steady):
        buy(exchange, "0.1", symbol=NEAR)
        sell(exchange, "10", symbol=NEAR_INVERSE)
        sell(exchange, "0.1", symbol=FAR, price="60000", client_order_id=name("rests"))
        exchange.advance(stop)
    stopped.close()
    again = opened(tmp_path, **changes)
    assert set(again.floor.contracts) == set(steady.floor.contracts)
    for exchange in (again, steady):
        exchange.advance(EXPIRY + DAY)
    assert again.floor.trades == steady.floor.trades
    assert again.floor.accounts.wallets == steady.floor.accounts.wallets
    assert len([trade for trade in again.floor.trades if trade.forced]) == 2
    assert set(again.floor.contracts) == set(steady.floor.contracts)
    assert {one.client_order_id for one in again.floor.open_orders.values()} == {"rests"}


def test_switched_off_a_contract_that_is_held_ends_as_it_would_have(tmp_path: Path) -> None:
    exchange = opened(tmp_path, dated_basis_annual=BASIS)
    buy(exchange, "0.1", symbol=NEAR)
    exchange.close()
    exchange = opened(tmp_path)
    assert listed(exchange) == {"240329"}
    assert mark(exchange, NEAR) == 50000
    exchange.advance(EXPIRY + DAY)
    assert (held(exchange, NEAR), exchange.floor.trades[-1].price) == (0, 50000)
    assert listed(exchange) == set()


# --- prices


@pytest.mark.parametrize(("symbol", "expiry"), [(NEAR, EXPIRY), (FAR_INVERSE, datetime(2024, 6, 28, 8, tzinfo=UTC))])
def test_the_basis_decays_to_nothing_at_expiry(symbol: Symbol, expiry: datetime) -> None:
    exchange = opened(dated_basis_annual=BASIS)
    while exchange.now < expiry:
        left = Fraction((expiry - exchange.now) / timedelta(hours=1)) / 24
        exact = 50000 * (1 + Fraction("0.08") * left / 365)
        assert abs(Fraction(mark(exchange, symbol)) - exact) <= Fraction(1, 2 * 10**8)
        top = exchange.top(exchange.floor.contracts[symbol])
        assert (top.mark_price, top.index_price) == (top.last_price, 50000)
        exchange.advance(exchange.now + 37 * HOUR)
    assert mark(exchange, symbol) == 50000


def test_between_full_hours_the_price_is_off_by_next_to_nothing() -> None:
    exchange = opened(dated_basis_annual=BASIS, script=script((DAY, 50000), (DAY + 3 * HOUR, 53000)))
    for minutes in range(0, 240, 7):
        exchange.advance(START + DAY + minutes * MINUTE)
        left = Fraction((EXPIRY - exchange.now) // timedelta(seconds=1), 86_400)
        exact = Fraction(exchange.floor.index_of(BTC)) * (1 + Fraction("0.08") * left / 365)
        # A thousandth of a basis point.
        assert abs(Fraction(mark(exchange, NEAR)) / exact - 1) < Fraction(1, 10**7)


def test_a_negative_basis_is_backwardation() -> None:
    exchange = opened(dated_basis_annual=Decimal("-0.08"))
    assert mark(exchange, FAR) < mark(exchange, NEAR) < 50000


def test_the_basis_follows_its_script_and_may_jump() -> None:
    knots = ((0, "0.08"), (10, "0.20"), (10, "0.05"), (20, "-0.10"))
    curve = tuple((START + days * DAY, Decimal(annual)) for days, annual in knots)
    exchange = opened(dated_basis_annual=BASIS, dated_basis_curve=curve)

    def basis() -> Fraction:
        left = Fraction((EXPIRY - exchange.now) // timedelta(seconds=1), 86_400)
        return (Fraction(mark(exchange, NEAR)) / 50000 - 1) * 365 / left

    for days, annual in ((0, "0.08"), (5, "0.14"), (10, "0.05"), (15, "-0.025"), (20, "-0.10"), (40, "-0.10")):
        exchange.advance(START + days * DAY)
        assert abs(basis() - Fraction(annual)) < Fraction(1, 10**9)


def test_a_jump_of_the_basis_triggers_the_stop_beyond_which_it_goes() -> None:
    curve = tuple((START + days * DAY, Decimal(annual)) for days, annual in ((1, "0.08"), (1, "0.80")))
    exchange = opened(dated_basis_annual=BASIS, dated_basis_curve=curve)
    sell(exchange, "0.1", symbol=NEAR)
    stop = buy(exchange, "0.1", symbol=NEAR, trigger_price="55000", reduce_only=True)
    exchange.advance(START + 2 * DAY)
    assert (stop.state, stop.triggered_at) == (OrderState.FILLED, START + DAY)
    assert exchange.floor.trades[-1].price > 59000


def test_a_stop_is_triggered_when_the_contract_and_not_the_index_gets_there() -> None:
    exchange = opened(dated_basis_annual=BASIS, script=script((HOUR, 50000), (2 * HOUR, 40000)))
    buy(exchange, "0.1", symbol=NEAR)
    buy(exchange, "0.1")
    stops = [sell(exchange, "0.1", symbol=one, trigger_price="45000", reduce_only=True) for one in (LINEAR, NEAR)]
    exchange.advance(START + 3 * HOUR)
    early, late = (stop.triggered_at for stop in stops)
    # The contract is 1.9 % above the index, which loses 166.7 a minute.
    factor = 1 + Fraction("0.08") * Fraction(88) / 365 + Fraction("0.08") / 365 * Fraction(6, 24)
    minutes = (50000 - 45000 / factor) * 60 / 10000
    assert early == START + HOUR + 30 * MINUTE
    assert late is not None
    assert abs(Fraction((late - START - HOUR) / timedelta(microseconds=1)) / 60_000_000 - minutes) < Fraction(1, 100)


def test_no_funding_is_paid_on_dated_contracts() -> None:
    exchange = opened(dated_basis_annual=BASIS, funding_rate=Decimal("0.0001"))
    for symbol in (LINEAR, NEAR):
        buy(exchange, "0.1", symbol=symbol)
    buy(exchange, "10", symbol=FAR_INVERSE)
    exchange.advance(START + DAY)
    assert [payment.symbol for payment in exchange.floor.funding] == [LINEAR] * 3


def test_each_contract_has_a_book_of_its_own() -> None:
    exchange = opened(dated_basis_annual=BASIS)
    before = exchange.top(exchange.floor.contracts[FAR])
    buy(exchange, "5", symbol=NEAR)
    assert exchange.top(exchange.floor.contracts[FAR]) == before
    assert exchange.top(exchange.floor.contracts[NEAR]).ask_price > exchange.floor.trades[-1].price - 1


def test_contracts_of_one_wallet_stand_for_each_other() -> None:
    exchange = opened(dated_basis_annual=BASIS, leverage=Decimal(50))
    buy(exchange, "20", symbol=NEAR)
    sell(exchange, "20", symbol=FAR)
    exchange.set_price(BTC, Decimal(30000))
    assert not exchange.floor.liquidations
    assert {trade.side for trade in exchange.floor.trades} == {Side.BUY, Side.SELL}


def test_a_wallet_is_liquidated_by_the_mark_of_its_contract() -> None:
    exchange = opened(dated_basis_annual=BASIS, script=script((DAY, 50000), (3 * DAY, 40000)))
    buy(exchange, "20", symbol=NEAR)
    contract = exchange.floor.contracts[NEAR]
    due = exchange.floor.margin.liquidation_price(contract, exchange.floor)
    exchange.advance(START + 3 * DAY)
    (liquidation,) = exchange.floor.liquidations
    assert liquidation.at < START + 3 * DAY
    assert 0 <= due - exchange.floor.trades[-1].price < due / 100


def test_recorded_markets_derive_dated_contracts_from_spot(tmp_path: Path) -> None:
    market_files.write_rows(
        tmp_path / market_files.SPOT, [market_files.bar_row(hour, 50_000 + hour) for hour in range(8)]
    )
    market_files.write_rows(tmp_path / market_files.PERP, [market_files.bar_row(hour, 51_000) for hour in range(8)])
    config: ExchangeConfig = market_files.history_config(tmp_path, dated_basis_annual=BASIS)
    market = HistoryMarket(config)
    exchange = Exchange(config, market, NoStore())
    exchange.advance(START + 4 * HOUR)
    left = Fraction(88) + Fraction(4, 24)
    exact = Fraction(exchange.floor.index_of(BTC)) * (1 + Fraction("0.08") * left / 365)
    assert abs(Fraction(mark(exchange, NEAR)) - exact) < Fraction(1, 1000)
    assert exchange.floor.last_of(exchange.floor.contracts[LINEAR]) > 50_900
    assert {span["series"] for span in market.derived_spans()} == {"mark", "funding", "dated"}


def test_the_model_market_has_dated_contracts_and_is_what_it_was_without() -> None:
    without, with_dated = (
        open_exchange(ExchangeConfig(market=MarketKind.MODEL, seed=7, dated_basis_annual=basis), None)
        for basis in (None, BASIS)
    )
    for exchange in (without, with_dated):
        sell(exchange, "0.05")
        exchange.advance(exchange.now + 120 * DAY)
    assert with_dated.floor.trades == without.floor.trades
    assert with_dated.floor.funding == without.floor.funding
    assert with_dated.floor.accounts.wallets == without.floor.accounts.wallets
    assert listed(with_dated) == {"240628", "240927"}
