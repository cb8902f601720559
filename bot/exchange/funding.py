"""What do longs and shorts pay each other, and when? Amount = −rate × signed notional at the mark of the settlement.

Contracts that expire pay none: their basis does its work."""

from bot.domain.ids import Asset
from bot.exchange.floor import Floor
from bot.exchange.market import Settlement
from bot.exchange.records import FundingPayment, MovementKind


class Funding:
    """Settles funding when it is due."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._next: dict[Asset, Settlement] = {}
        #: When the next settlement of any asset is.
        self.due_us = 0
        self.look_ahead()

    def look_ahead(self) -> None:
        """Ask the market again when the next settlements are."""
        floor = self._floor
        self._next = {asset: floor.market.next_settlement(asset, floor.now_us) for asset in floor.config.assets}
        self._find_due()

    def _find_due(self) -> None:
        self.due_us = min(settlement.at_us for settlement in self._next.values())

    def settle_due(self) -> None:
        """Pay what is due now, once, and look for the next."""
        floor = self._floor
        for asset, settlement in self._next.items():
            if settlement.at_us <= floor.now_us:
                self._settle(asset)
                self._next[asset] = floor.market.next_settlement(asset, floor.now_us)
        self._find_due()

    def _settle(self, asset: Asset) -> None:
        floor = self._floor
        rate = floor.market.settled_rate(asset, floor.now_us)
        for symbol, position in list(floor.accounts.positions.items()):
            contract = floor.contracts[symbol]
            if contract.asset != asset or contract.expires_us is not None:
                continue
            mark = floor.mark_of(contract)
            notional = contract.notional_quote(position.contracts, mark).copy_sign(position.contracts)
            amount = contract.settled(contract.to_settle(-rate * notional, mark))
            movement = floor.accounts.move(floor.now, contract.wallet, amount, MovementKind.FUNDING, symbol=symbol)
            payment = FundingPayment(
                id=movement.id,
                at=floor.now,
                symbol=symbol,
                currency=contract.settle,
                rate=rate,
                mark_price=mark,
                notional_quote=notional,
                amount=amount,
            )
            floor.funding.append(payment)
            floor.tell("movement", movement)
            floor.tell("funding", payment)
