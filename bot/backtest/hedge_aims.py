"""Does a hedge bring its asset nearer to its target? Judged by the exchange's own numbers.

At the prices of the moment, or at those of its decision: what happens while an order travels or rests is not its doing.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from bot.backtest.restraints import IS_READ, Judgement, Restraints
from bot.domain.books import Books
from bot.domain.ids import Asset, ClientOrderId, Symbol
from bot.domain.orders import OrderIntent
from bot.domain.policy import Policy, Scope
from bot.exchange.exchange import Exchange
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import MovementKind, Trade

_ZERO = Decimal(0)
#: What prices do while an order travels is not its doing.
_ON_ITS_WAY = timedelta(seconds=30)
#: What hedging has earned and cost.
_OF_TRADING = (MovementKind.REALISED, MovementKind.FEE, MovementKind.FUNDING, MovementKind.LIQUIDATION_FEE)


class HedgeAims:
    """Follows hedges from when they are sent."""

    def __init__(self, exchange: Exchange, policy: Policy, restraints: Restraints) -> None:
        self._exchange = exchange
        self._policy = policy
        self._restraints = restraints
        #: Of hedges that rest: whether all of them would have brought their asset nearer when they were sent.
        self._was_right: dict[int | None, bool] = {}
        #: When an order of ours came in.
        self._arrived_at: dict[ClientOrderId, datetime] = {}
        #: What hedging has earned, by as many movements as were added up.
        self._earned, self._earned_until = _ZERO, 0

    # --- what has happened

    def see_arrival(self, at: datetime, mark: ClientOrderId) -> None:
        """Take note of when an order of ours came in."""
        self._arrived_at[mark] = at

    def see_sent(self, order: ExchangeOrder, books: Books) -> None:
        """Take note of whether a hedge would bring its asset nearer now."""
        gaps = self._gaps(order.symbol, order.remaining * order.side.sign, books)
        self._was_right[order.id] = order.remaining > 0 and gaps is not None and gaps[1] < gaps[0]

    # --- what a hedge has done

    def judge(self, at: datetime, trade: Trade, books: Books) -> Iterator[Judgement]:
        """Yield whether a hedge has brought its asset nearer to its target.

        One that has rested was right when it was sent; what prices do while it waits to be looked at is not its doing.
        """
        gaps = self._gaps(trade.symbol, -trade.contracts * trade.side.sign, books)
        is_excused = trade.client_order_id in self._exchange.deceived
        if gaps is None or is_excused or self._was_right.get(trade.order_id, False):
            return
        after, before = gaps
        if after >= before and self._was_right_when_decided(at, trade, books):
            return
        asset = self._exchange.floor.contracts[trade.symbol].asset
        if after <= self._coins_of_a_lot(trade.symbol):
            # Nearer than by a lot nothing comes; what remains is what prices have done since the look.
            return
        yield after < before, f"a hedge took {asset} from {before} to {after} coins off its target"

    def _was_right_when_decided(self, at: datetime, trade: Trade, books: Books) -> bool:
        """Return whether a hedge that was just decided has brought its asset nearer, at the price of its decision."""
        intent = books.orders[ClientOrderId(trade.client_order_id or "")].intent
        decided_at = self._decided_at(intent)
        if at - decided_at > _ON_ITS_WAY:
            return False
        leapt_at = self._exchange.leapt_at
        if leapt_at is not None and leapt_at >= decided_at - _ON_ITS_WAY:
            # The look that sent it was of before the leap.
            return True
        if self._restraints.has_moved_since(decided_at - _ON_ITS_WAY):
            # Or of before coins came or went, which moves every target.
            return True
        asset = self._exchange.floor.contracts[trade.symbol].asset
        if self._restraints.others_have_traded(asset, decided_at - IS_READ):
            # Or it was on its way when somebody else traded, or what it was sized by was.
            return True
        if not self._restraints.is_present(asset, intent.decision_price, decided_at):
            # Whatever that was decided on, it was not the price of the time.
            return False
        gaps = self._gaps(trade.symbol, -trade.contracts * trade.side.sign, books, index_price=intent.decision_price)
        return gaps is not None and gaps[0] < gaps[1]

    def _decided_at(self, intent: OrderIntent) -> datetime:
        """Return when an order was meant; where the bot's clock is wrong, when it came in."""
        arrived_at = self._arrived_at.get(intent.client_order_id, intent.intended_at)
        is_off = abs(arrived_at - intent.intended_at) > _ON_ITS_WAY
        return arrived_at if is_off else intent.intended_at

    def _gaps(
        self, symbol: Symbol, contracts: Decimal, books: Books, *, index_price: Decimal | None = None
    ) -> tuple[Decimal, Decimal] | None:
        """Return how many coins an asset is off its target now, and with ``contracts`` (signed) more of a contract.

        None where that is not to be judged.
        """
        floor, policy = self._exchange.floor, self._policy
        contract = floor.contracts[symbol]
        asset = contract.asset
        if policy.scope is not Scope.ASSETS or policy.aliases or asset not in policy.targets:
            return None
        if any(capped == asset for capped, _ in books.ceilings):
            # A ceiling asks for more distance than the target does.
            return None
        value, coins = self.portfolio()
        change = contracts * contract.size
        if not contract.is_linear:
            change /= floor.mark_of(contract)
        wanted = policy.targets[asset] * value / (index_price or floor.index_of(asset))
        return abs(coins[asset] - wanted), abs(coins[asset] + change - wanted)

    def _coins_of_a_lot(self, symbol: Symbol) -> Decimal:
        floor = self._exchange.floor
        contract = floor.contracts[symbol]
        coins = contract.lot * contract.size
        return coins if contract.is_linear else coins / floor.mark_of(contract)

    def portfolio(self) -> tuple[Decimal, dict[Asset, Decimal]]:
        """Return what the portfolio is worth and the exposure in coins, by the exchange's own numbers."""
        floor = self._exchange.floor
        held = dict.fromkeys(self._policy.assets, _ZERO)
        for (_, currency), amount in floor.accounts.wallets.items():
            if Asset(currency) in held:
                held[Asset(currency)] += amount
        coins, profit = dict(held), _ZERO
        for symbol, position in floor.accounts.positions.items():
            contract = floor.contracts[symbol]
            if contract.asset not in coins:
                continue
            mark = floor.mark_of(contract)
            unrealised = floor.accounts.unrealised(contract, mark)
            if contract.is_linear:
                coins[contract.asset] += position.contracts * contract.size
                profit += unrealised
            else:
                coins[contract.asset] += unrealised + position.contracts * contract.size / mark
                held[contract.asset] += unrealised
        for movement in floor.accounts.movements[self._earned_until :]:
            if movement.currency == "USDT" and movement.kind in _OF_TRADING:
                self._earned += movement.amount
        self._earned_until = len(floor.accounts.movements)
        profit += self._earned
        return sum((amount * floor.index_of(asset) for asset, amount in held.items()), profit), coins
