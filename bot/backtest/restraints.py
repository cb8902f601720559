"""Does the bot keep from what it may not do for a while? Judged by what happens at the exchange.

- What a stop or the venue has closed is not put back before its time.
- Where coins have come or gone, nothing is increased before the owner has said that it was him.
- Collateral is sent for once: while it is on its way no more is sent for the same wallet.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.domain.ids import Asset, Symbol
from bot.domain.orders import OrderIntent, OrderType, Purpose
from bot.domain.policy import ExecutionStyle, Policy, Scope
from bot.domain.transfers import TransferState
from bot.exchange.exchange import Exchange
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import Movement, MovementKind, Trade
from bot.ports import Journal

_ZERO = Decimal(0)
#: What was decided a moment ago may still arrive.
_ON_ITS_WAY = timedelta(minutes=1)
#: What an order is sized by was read at most so long before.
IS_READ = timedelta(seconds=1)
#: Prices are rounded on their way.
_ROUNDED_FRAC = Decimal("0.000001")
#: A change of holdings this close to the bound may be on either side of it for the bot.
_NEAR_BOUND = Decimal("1.1")
_FORCED = (Purpose.LIQUIDATION, Purpose.DELEVERAGE)
_OWNERS = (MovementKind.DEPOSIT, MovementKind.WITHDRAWAL)

Judgement = tuple[bool, str]


def lasting(policy: Policy) -> timedelta:
    """Return for how long a look may go on being worked."""
    execution = policy.execution
    if execution.style is ExecutionStyle.IOC:
        return _ON_ITS_WAY
    return _ON_ITS_WAY + max(execution.chase_deadline, execution.twap_duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Closed:
    """What a stop, or the venue, has left of an asset's futures."""

    at: datetime
    until: datetime
    symbol: Symbol
    left_base: Decimal


class Restraints:
    """Follows what the bot has to keep from."""

    def __init__(self, exchange: Exchange, journal: Journal, policy: Policy) -> None:
        self._exchange = exchange
        self._policy = policy
        self._lasting = lasting(policy)
        self._closed: dict[tuple[Asset, bool], _Closed] = {}
        #: When somebody else traded an asset last.
        self._others_traded_at: dict[Asset, datetime] = {}
        #: When coins of an asset have last come or gone.
        self._moved_at: dict[Asset, datetime] = {}
        #: What prices were where their lines began and ended.
        self._corners: deque[tuple[datetime, dict[Asset, Decimal]]] = deque()
        self._see_corner()
        exchange.floor.feed.corner_observers.append(self._see_corner)
        self.follow(journal)

    def follow(self, journal: Journal) -> None:
        """Go on with the journal of the next process. What was restrained is restrained still."""
        self._journal = journal

    # --- what has happened

    def see_trade(self, at: datetime, trade: Trade, *, is_ours: bool) -> None:
        """Take note of what a stop or the venue has closed, and of what somebody else has traded."""
        floor = self._exchange.floor
        order = None if trade.order_id is None else floor.orders[trade.order_id]
        is_stop = order is not None and order.type is OrderType.STOP_MARKET
        contract = floor.contracts[trade.symbol]
        if not is_ours:
            self._others_traded_at[contract.asset] = at
        if contract.is_linear and (is_stop or trade.forced in _FORCED):
            self._closed[contract.asset, is_stop] = _Closed(
                at=at,
                until=at + self._policy.stops.ceiling_duration,
                symbol=trade.symbol,
                left_base=abs(floor.accounts.contracts_of(trade.symbol)) * contract.size,
            )

    def others_have_traded(self, asset: Asset, since: datetime) -> bool:
        """Return whether somebody else has traded contracts of an asset since a moment."""
        at = self._others_traded_at.get(asset)
        return at is not None and at >= since

    def see_movement(self, movement: Movement) -> Iterator[Judgement]:
        """Take note of coins that come and go, and yield whether collateral is sent for once."""
        asset = Asset(movement.currency)
        if movement.kind in _OWNERS and asset in self._policy.targets:
            self._moved_at[asset] = movement.at
        if movement.kind is MovementKind.TRANSFER and movement.amount < 0:
            going = [
                one
                for one in self._exchange.transfers.all
                if one.state is TransferState.PENDING and one.currency == movement.currency
            ]
            targets = [one.target for one in going]
            is_once = len(targets) == len(set(targets))
            yield is_once, f"{len(going)} transfers were on their way at once for one need of {movement.currency}"

    def has_moved_since(self, moment: datetime) -> bool:
        """Return whether coins have come or gone since a moment."""
        return any(moved_at >= moment for moved_at in self._moved_at.values())

    def _see_corner(self) -> None:
        """Note what prices are where a line begins or ends; the newest before the span that matters is kept, too."""
        now, floor = self._exchange.now, self._exchange.floor
        self._corners.append((now, {asset: floor.index_of(asset) for asset in self._policy.targets}))
        kept = self._policy.limits.max_quote_age + self._lasting + _ON_ITS_WAY
        while len(self._corners) > 1 and now - self._corners[1][0] > kept:
            self._corners.popleft()

    def is_present(self, asset: Asset, price: Decimal, intended_at: datetime) -> bool:
        """Return whether a price was the asset's when a look was had that may still be worked."""
        oldest = intended_at - self._policy.limits.max_quote_age - self._lasting
        known = [self._exchange.floor.index_of(asset)]
        for at, prices in reversed(self._corners):
            known.append(prices[asset])
            if at < oldest:
                break
        return min(known) * (1 - _ROUNDED_FRAC) <= price <= max(known) * (1 + _ROUNDED_FRAC)

    # --- what is increased

    def judge_increase(self, at: datetime, order: ExchangeOrder, intent: OrderIntent) -> Iterator[Judgement]:
        """Yield whether an order that increases a hedge may do so."""
        contract = self._exchange.floor.contracts[order.symbol]
        if contract.asset in self._policy.targets:
            is_present = self.is_present(contract.asset, intent.decision_price, intent.intended_at)
            was_not = f"was decided on a price of {intent.decision_price}, which was not the price of the time"
            yield is_present, f"an increase of {contract.asset} {was_not}"
        if contract.is_linear:
            yield from self._judge_ceilings(at, order, intent, contract.asset)
        if self._policy.scope is Scope.ASSETS and not self._policy.aliases:
            yield from self._judge_flows(intent)

    def _judge_ceilings(
        self, at: datetime, order: ExchangeOrder, intent: OrderIntent, asset: Asset
    ) -> Iterator[Judgement]:
        if self.others_have_traded(asset, intent.intended_at - IS_READ):
            # What somebody else trades while an order is on its way, it could not know of.
            return
        floor = self._exchange.floor
        size = floor.contracts[order.symbol].size
        delta = sum(
            (
                position.contracts * floor.contracts[symbol].size
                for symbol, position in floor.accounts.positions.items()
                if floor.contracts[symbol].asset == asset
            ),
            _ZERO,
        )
        # What has filled at once is in the position already.
        before = delta - order.filled * order.side.sign * size
        after = delta + order.remaining * order.side.sign * size
        for (name, _), closed in self._closed.items():
            is_known = closed.at + self._lasting < intent.intended_at and at < closed.until
            is_listed = not floor.has_expired(floor.contracts[closed.symbol])
            if name == asset and is_known and is_listed:
                is_kept = abs(after) <= max(closed.left_base, abs(before))
                yield is_kept, f"what was closed of {closed.symbol} at {closed.at:%H:%M:%S} was put back"

    def _judge_flows(self, intent: OrderIntent) -> Iterator[Judgement]:
        """Yield whether the holdings, where they have changed, are what the owner has accepted."""
        accepted = self._journal.books.accepted_holdings
        value = _ZERO
        held = {asset: self._held(asset) for asset in self._policy.targets}
        for asset, amount in held.items():
            value += amount * self._exchange.floor.index_of(asset)
        for asset, moved_at in self._moved_at.items():
            if asset not in accepted or moved_at + self._lasting >= intent.intended_at:
                continue
            policy = self._policy.flows
            bound = max(
                policy.min_value_frac * value / self._exchange.floor.index_of(asset),
                policy.min_asset_frac * abs(accepted[asset]),
            )
            is_meant = abs(held[asset] - accepted[asset]) <= bound * _NEAR_BOUND
            yield is_meant, f"{intent.asset} was increased before the owner had said what became of his {asset}"

    def _held(self, asset: Asset) -> Decimal:
        lines: Any = self._exchange.floor.accounts.wallets.items()
        return sum((amount for (_, currency), amount in lines if currency == asset), _ZERO)
