"""Which wallets are there still, where the venue lists no empty ones?"""

from bot.decisions.wallets import emptied_wallets
from bot.domain.ids import Currency
from tests.builders import VENUE, make_account, make_instrument, make_margin, make_position

BTC = make_instrument()
USDC = Currency("USDC")
KEYS = [(VENUE, BTC.settle), (VENUE, USDC), ("elsewhere", USDC)]


def test_a_wallet_that_is_listed_no_more_and_that_nothing_settles_from_is_empty():
    account = make_account(positions=[make_position(BTC, 1, 50_000)], margins=[make_margin(6000)])
    (emptied,) = emptied_wallets(KEYS, account, {(VENUE, BTC.symbol): BTC})
    assert emptied.key == (VENUE, USDC)
    assert (emptied.margin_balance, emptied.holdings) == (0, ())


def test_a_wallet_that_a_position_settles_from_is_not_empty_though_it_is_not_listed():
    account = make_account(positions=[make_position(BTC, 1, 50_000)], margins=[])
    assert [one.currency for one in emptied_wallets(KEYS, account, {(VENUE, BTC.symbol): BTC})] == [USDC]


def test_while_a_position_is_not_understood_no_wallet_is_called_empty():
    account = make_account(positions=[make_position(BTC, 1, 50_000)], margins=[])
    assert emptied_wallets(KEYS, account, {}) == ()
