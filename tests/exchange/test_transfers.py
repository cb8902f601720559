"""Money that moves between wallets: once, after its delay, and never more than is free."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.ids import Currency, TransferId
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferState
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.orders import Refused

USDT = Currency("USDT")
SPOT, FUTURES = (WalletKind.SPOT, USDT), (WalletKind.LINEAR_FUTURES, USDT)
DELAY = timedelta(minutes=10)


def _exchange(folder: Path | None = None, delay: timedelta = DELAY) -> Exchange:
    return open_exchange(ExchangeConfig(market=MarketKind.STATIC, transfer_delay=delay), folder)


def _held(exchange: Exchange) -> tuple[Decimal, Decimal, Decimal]:
    accounts = exchange.floor.accounts
    return accounts.wallets[SPOT], accounts.in_transit.get(FUTURES, Decimal(0)), accounts.wallets[FUTURES]


def test_it_leaves_at_once_and_arrives_after_a_while() -> None:
    exchange = _exchange()
    transfer = exchange.transfer(SPOT, FUTURES, Decimal(100), TransferId("T1"))
    assert (transfer.state, _held(exchange)) == (TransferState.PENDING, (3900, 100, 6000))
    exchange.advance(exchange.now + DELAY - timedelta(seconds=1))
    assert _held(exchange) == (3900, 100, 6000)
    exchange.advance(exchange.now + timedelta(seconds=1))
    assert (transfer.state, _held(exchange)) == (TransferState.DONE, (3900, 0, 6100))


def test_without_a_delay_it_is_there_at_once() -> None:
    exchange = _exchange(delay=timedelta(0))
    assert exchange.transfer(SPOT, FUTURES, Decimal(100)).state is TransferState.DONE
    assert _held(exchange) == (3900, 0, 6100)


def test_cash_on_its_way_is_still_the_owners() -> None:
    exchange = _exchange()
    before = exchange.cash_equity()
    exchange.transfer(SPOT, FUTURES, Decimal(100))
    assert exchange.cash_equity() == before


@pytest.mark.parametrize(
    ("amount", "target", "code"),
    [
        ("4000.01", FUTURES, "insufficient_funds"),
        ("0", FUTURES, "bad_request"),
        ("-1", FUTURES, "bad_request"),
        ("1", SPOT, "bad_request"),
        ("1", (WalletKind.INVERSE_FUTURES, Currency("BTC")), "bad_request"),
    ],
)
def test_what_cannot_be_moved_is_refused_and_changes_nothing(
    amount: str, target: tuple[WalletKind, Currency], code: str
) -> None:
    exchange = _exchange()
    with pytest.raises(Refused) as refused:
        exchange.transfer(SPOT, target, Decimal(amount))
    assert refused.value.code == code
    assert _held(exchange) == (4000, 0, 6000)


def test_an_id_is_taken_once() -> None:
    exchange = _exchange()
    exchange.transfer(SPOT, FUTURES, Decimal(100), TransferId("T1"))
    with pytest.raises(Refused) as refused:
        exchange.transfer(SPOT, FUTURES, Decimal(100), TransferId("T1"))
    assert refused.value.code == "duplicate_transfer_id"
    assert _held(exchange) == (3900, 100, 6000)


def test_a_restart_finds_what_is_on_its_way(tmp_path: Path) -> None:
    exchange = _exchange(tmp_path)
    exchange.transfer(SPOT, FUTURES, Decimal(100), TransferId("T1"))
    exchange.close()
    again = _exchange(tmp_path)
    (transfer,) = again.transfers.since(again.now)
    assert (transfer.transfer_id, transfer.state, _held(again)) == ("T1", TransferState.PENDING, (3900, 100, 6000))
    again.advance(again.now + DELAY)
    assert _held(again) == (3900, 0, 6100)
    again.close()
    last = _exchange(tmp_path)
    assert [one.state for one in last.transfers.all] == [TransferState.DONE]
    with pytest.raises(Refused):
        last.transfer(SPOT, FUTURES, Decimal(1), TransferId("T1"))
    last.close()
