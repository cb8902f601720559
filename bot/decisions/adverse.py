"""What does a move against us cost a wallet?

Without pledged coins every leg moves against its own side at once, near and far of a roll, too. Coins that count as
margin cannot fall while a short of the same coin rises: there each asset goes one way, the one that costs more.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from bot.decisions.wallets import Holding, Wallet
from bot.domain.ids import Asset
from bot.domain.units import ONE, ZERO, sign


def adverse_cost(wallet: Wallet, adverse_frac: Decimal, multiple: Decimal = ONE) -> Decimal:
    """Return what the move takes from the margin balance, and ``multiple`` times the maintenance after it.

    In the wallet's currency; convex in the move, and in the size of the legs. No price falls below nothing.
    """
    if not wallet.pledged:
        return sum((leg_cost(one, adverse_frac, multiple) for one in wallet.holdings), ZERO)
    return sum((_asset_cost(asset, wallet, adverse_frac, multiple) for asset in _assets(wallet)), ZERO)


def leg_cost(one: Holding, adverse_frac: Decimal, multiple: Decimal = ONE) -> Decimal:
    """Return what one leg loses in a move against it, and has to maintain after it."""
    return _cost_after(one, max(-sign(one.contracts) * adverse_frac, -ONE), multiple)


def _cost_after(one: Holding, move: Decimal, multiple: Decimal) -> Decimal:
    return one.maintenance_after(move) * multiple - one.profit_after(move)


def _assets(wallet: Wallet) -> Iterable[Asset]:
    return dict.fromkeys([*(one.instrument.asset for one in wallet.holdings), *wallet.pledged])


def cost_after(wallet: Wallet, moves: Mapping[Asset, Decimal], *, otherwise: Decimal, multiple: Decimal) -> Decimal:
    """Return the same for given moves; an asset without one goes ``otherwise`` far the way that costs more."""
    return sum(
        (
            _at(asset, wallet, moves[asset], multiple)
            if asset in moves
            else _asset_cost(asset, wallet, otherwise, multiple)
            for asset in _assets(wallet)
        ),
        ZERO,
    )


def _at(asset: Asset, wallet: Wallet, move: Decimal, multiple: Decimal) -> Decimal:
    legs = (one for one in wallet.holdings if one.instrument.asset == asset)
    return sum((_cost_after(one, move, multiple) for one in legs), ZERO) - wallet.pledged.get(asset, ZERO) * move


def _asset_cost(asset: Asset, wallet: Wallet, adverse_frac: Decimal, multiple: Decimal) -> Decimal:
    if asset not in wallet.pledged:
        legs = (one for one in wallet.holdings if one.instrument.asset == asset)
        return sum((leg_cost(one, adverse_frac, multiple) for one in legs), ZERO)
    return max(_at(asset, wallet, move, multiple) for move in (adverse_frac, -min(adverse_frac, ONE)))
