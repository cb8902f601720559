"""What happens when a wallet cannot keep its maintenance margin?

Its orders are cancelled; then its positions are closed through the book, the one that binds most margin first,
until the rest can
be kept. Each closing costs the liquidation fee, as far as there is money for it. What a flat wallet is short
of, the venue pays.
"""

from decimal import Decimal

from bot.domain.ids import Symbol
from bot.domain.orders import Purpose
from bot.exchange.accounts import WalletKey
from bot.exchange.contracts import Contract
from bot.exchange.floor import Floor
from bot.exchange.matching import Matching
from bot.exchange.orders import RefusalCode, Refused
from bot.exchange.records import Liquidation, MovementKind

_ZERO = Decimal(0)


def liquidate_where_due(floor: Floor, matching: Matching) -> None:
    """Liquidate every wallet that has come to its end."""
    for key in sorted(floor.margin.keys_at_risk()):
        if floor.margin.surplus(key, floor) <= 0:
            _liquidate(key, floor, matching)


def liquidate_position(symbol: Symbol, floor: Floor, matching: Matching) -> None:
    """Close one position as the venue closes those of a wallet at its end: as it may by a mistake, or by its own rules.

    Raises:
        Refused: there is no such position.
    """
    contract = floor.contracts.get(symbol)
    if contract is None or not floor.accounts.contracts_of(symbol):
        raise Refused(RefusalCode.UNKNOWN_SYMBOL, f"there is no position in {symbol}")
    matching.cancel_all(contract, "its position is liquidated")
    _close_one(contract, floor, matching)
    cover_flat_wallet(contract.wallet, floor)


def _liquidate(key: WalletKey, floor: Floor, matching: Matching) -> None:
    summary = floor.margin.summary(key, floor)
    liquidation = Liquidation(
        id=floor.next_number("liquidation"),
        at=floor.now,
        wallet=key[0],
        currency=key[1],
        margin_balance=summary.margin_balance,
        maintenance=summary.maintenance,
    )
    floor.liquidations.append(liquidation)
    floor.tell("liquidation", liquidation)
    for contract in floor.margin.positions_in(key):
        matching.cancel_all(contract, "its wallet is liquidated")
    while floor.margin.positions_in(key) and floor.margin.surplus(key, floor) <= 0:
        _close_one(max(floor.margin.positions_in(key), key=lambda one: _maintenance(one, floor)), floor, matching)
    cover_flat_wallet(key, floor)


def cover_flat_wallet(key: WalletKey, floor: Floor) -> None:
    """Pay what a wallet without positions is short of; for what coins stand, it goes on owing."""
    missing = -(floor.accounts.wallets.get(key, _ZERO) + floor.margin.collateral(key, floor))
    if missing > 0 and not floor.margin.positions_in(key):
        floor.tell("movement", floor.accounts.move(floor.now, key, missing, MovementKind.INSURANCE))


def _maintenance(contract: Contract, floor: Floor) -> Decimal:
    """Return the maintenance in quote currency, so that it compares."""
    mark = floor.mark_of(contract)
    needed = contract.maintenance(floor.accounts.contracts_of(contract.symbol), mark)
    return needed if contract.is_linear else needed * mark


def _close_one(contract: Contract, floor: Floor, matching: Matching) -> None:
    notional = contract.notional_quote(floor.accounts.contracts_of(contract.symbol), floor.mark_of(contract))
    matching.force(contract, Purpose.LIQUIDATION)
    fee = contract.settled(contract.to_settle(notional * floor.config.liquidation_fee_frac, floor.mark_of(contract)))
    left = floor.accounts.wallets.get(contract.wallet, _ZERO) + floor.margin.collateral(contract.wallet, floor)
    payable = min(fee, max(_ZERO, left))
    if payable:
        movement = floor.accounts.move(
            floor.now, contract.wallet, -payable, MovementKind.LIQUIDATION_FEE, symbol=contract.symbol
        )
        floor.tell("movement", movement)
