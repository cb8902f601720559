"""When does the venue take a position away, because it cannot close a bankrupt's in the book?

By chance only, when an owner rehearses it: at a moment drawn from the market hour, half of the position with the
largest notional, by the lot and at least one.
"""

from decimal import ROUND_CEILING, Decimal

from bot.domain.ids import Symbol
from bot.domain.orders import Purpose, Side
from bot.exchange.contracts import Contract
from bot.exchange.floor import Floor
from bot.exchange.matching import Matching
from bot.exchange.moments import FAR_US, HOUR_US
from bot.exchange.orders import RefusalCode, Refused
from bot.exchange.records import Trade
from bot.exchange.rehearsal import FaultKind, Rehearsal

_ZERO = Decimal(0)


def deleverage(symbol: Symbol, contracts: Decimal, floor: Floor, matching: Matching) -> Trade:
    """Take part of a position away, unsigned: at mark, without a fee, past the book.

    Raises:
        Refused: the position does not hold so much, or ``contracts`` is not on the lot.
    """
    contract = floor.contracts.get(symbol)
    if contract is None:
        raise Refused(RefusalCode.UNKNOWN_SYMBOL, f"{symbol} is not listed")
    held = floor.accounts.contracts_of(symbol)
    if contracts > abs(held) or not contract.is_on_lot(contracts):
        raise Refused(RefusalCode.BAD_AMOUNT, f"{contracts} contracts of {symbol} cannot be taken from {held}")
    price = contract.tick_near(floor.mark_of(contract))
    side = Side.SELL if held > 0 else Side.BUY
    trade = matching.fill(contract, side, contracts, price, forced=Purpose.DELEVERAGE, fee_frac=_ZERO)
    matching.expire_idle(contract)
    return trade


class Deleveraging:
    """Rehearsed deleveraging."""

    def __init__(self, floor: Floor, matching: Matching, rehearsal: Rehearsal) -> None:
        self._floor = floor
        self._matching = matching
        self._rehearsal = rehearsal
        self._strikes_us: int | None = None
        #: When it strikes, or when the next hour is to be looked at; never, unless it is rehearsed.
        self.due_us = FAR_US

    def look_ahead(self) -> None:
        """Find out whether it strikes in what is left of this market hour."""
        now_us = self._floor.now_us
        if not self._rehearsal.is_planned(FaultKind.DELEVERAGE):
            self._strikes_us, self.due_us = None, FAR_US
            return
        strikes_us = self._rehearsal.moment_us(FaultKind.DELEVERAGE, now_us)
        self._strikes_us = strikes_us if strikes_us is not None and strikes_us > now_us else None
        self.due_us = self._strikes_us or (now_us // HOUR_US + 1) * HOUR_US

    def do_due(self) -> None:
        """Strike, if this is the moment and there is a position, and look further."""
        floor, rehearsal = self._floor, self._rehearsal
        if self._strikes_us is not None and rehearsal.is_planned(FaultKind.DELEVERAGE) and floor.accounts.positions:
            contract = max((floor.contracts[symbol] for symbol in floor.accounts.positions), key=self._notional)
            lots = abs(floor.accounts.contracts_of(contract.symbol)) / contract.lot / 2
            deleverage(contract.symbol, lots.to_integral_value(ROUND_CEILING) * contract.lot, floor, self._matching)
            rehearsal.tell(FaultKind.DELEVERAGE, contract.symbol)
        self.look_ahead()

    def _notional(self, contract: Contract) -> Decimal:
        held = self._floor.accounts.contracts_of(contract.symbol)
        return contract.notional_quote(held, self._floor.mark_of(contract))
