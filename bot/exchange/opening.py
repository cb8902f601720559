"""What does an account begin with? Coins and cash, as the owner has said, each deposit a movement."""

from collections.abc import Mapping
from decimal import Decimal

from bot.domain.ids import Asset, Currency
from bot.domain.portfolio import WalletKind
from bot.exchange.accounts import WalletKey
from bot.exchange.floor import Floor
from bot.exchange.records import MovementKind

_USDT = Currency("USDT")
_STEP = Decimal("1e-8")


def deposit_opening(floor: Floor) -> None:
    """Fill the wallets of a new account."""
    is_unified = bool(floor.config.unified)
    spot = WalletKind.UNIFIED if is_unified else WalletKind.SPOT
    for asset, amount in _holdings(floor).items():
        _deposit(floor, (spot, Currency(asset)), amount)
    for currency, amount in floor.config.spare.items():
        _deposit(floor, (spot, currency), amount)
    for currency, amount in floor.config.collateral.items():
        futures = WalletKind.LINEAR_FUTURES if currency == _USDT else WalletKind.INVERSE_FUTURES
        _deposit(floor, (WalletKind.UNIFIED if is_unified else futures, currency), amount)


def _holdings(floor: Floor) -> Mapping[Asset, Decimal]:
    config = floor.config
    if config.holdings is not None:
        return config.holdings
    return {
        asset: (config.holdings_value_quote * weight / floor.index_of(asset)).quantize(_STEP)
        for asset, weight in config.holdings_weights.items()
    }


def _deposit(floor: Floor, key: WalletKey, amount: Decimal) -> None:
    if amount:
        floor.accounts.move(floor.now, key, amount, MovementKind.DEPOSIT)
