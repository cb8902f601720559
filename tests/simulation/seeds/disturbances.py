"""What can go wrong? Every disturbance by name: how often it comes, and what it does when it does.

A disturbance acts on ``Trouble``, which the life of the bot implements: faults of the venue, of what is between the bot
and the venue or the journal, of the machine, and what the owner and others do by hand.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from bot.domain.ids import Asset, Currency, Symbol, client_order_id
from bot.domain.orders import OrderType, Side
from bot.domain.portfolio import WalletKind
from bot.exchange import faults as fault
from bot.exchange.exchange import Exchange
from bot.exchange.faults import Effect, Fault
from bot.exchange.orders import OrderRequest, Refused

#: Epoch of the bot that should not be there.
OTHER_BOT = "TTXYZ"
#: How often the reply to the stop that is raced gets lost as well.
_LOST_TOO = 0.3
USDT = Currency("USDT")
_HOLD_COINS = (WalletKind.SPOT, WalletKind.UNIFIED)


class Trouble(Protocol):
    """What a disturbance may do."""

    exchange: Exchange

    def let(self, kind: str, fault: Fault, *, times: int | None = None, during: timedelta | None = None) -> None:
        """Let a fault of the venue happen so often, or for so long."""
        ...

    def slow(self, kind: str, by: timedelta, *, times: int) -> None:
        """Let the replies to the next calls come so late."""
        ...

    def trouble_journal(self, kind: str, during: timedelta, *, is_broken: bool) -> None:
        """Let the journal suspend every call, or fail it."""
        ...

    def kill(self, *, at_call: tuple[str, str] | None, down_for: timedelta) -> None:
        """Cut the power: now, or before or after the effect of the next call of a name."""
        ...

    def restart(self) -> None:
        """Stop the bot in good order and start it again."""
        ...

    def shift_clock(self, by: timedelta, during: timedelta) -> None:
        """Let the machine's clock be wrong for a while."""
        ...

    def command(self, name: str) -> None:
        """Let the owner give a command, as soon as the bot listens."""
        ...

    def note(self, kind: str) -> None:
        """Count a disturbance that happens at once."""
        ...


Act = Callable[[Trouble, random.Random, str], None]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that can go wrong."""

    #: Relative to the others.
    weight: float
    act: Act


def on(calls: Iterable[str], effect: Effect, *, types: frozenset[OrderType] | None = None) -> Fault:
    """Return a fault that happens to calls of these names, and to orders of these types."""
    names = frozenset(calls)

    def happens(call: str, request: OrderRequest | None) -> Effect | None:
        if call not in names or (types is not None and (request is None or request.type not in types)):
            return None
        return effect

    return happens


def _everything(call: str, _request: OrderRequest | None, code: str | None) -> Effect:
    """Return what an outage does to a call: unanswered, or with ``code`` refused."""
    if call.startswith("fetch_"):
        return fault.FailRead()
    return fault.LoseRequest() if code is None else fault.Refuse(code=code)


WRITES = ("submit", "cancel", "submit_spread", "transfer")
SENDS = ("submit", "submit_spread")
READS = (
    "fetch_account",
    "fetch_quotes",
    "fetch_fills",
    "fetch_order",
    "fetch_funding",
    "fetch_funding_rates",
    "fetch_instruments",
    "fetch_currency_rates",
    "fetch_history",
    "fetch_transfers",
)
STOPS = frozenset({OrderType.STOP_MARKET})
HEDGES = frozenset({OrderType.LIMIT, OrderType.MARKET})


def _few(chance: random.Random) -> int:
    return chance.choice((1, 1, 1, 2, 3, 6))


def _span(chance: random.Random, low: float, high: float) -> timedelta:
    """Return a time between so many minutes, the shorter the likelier."""
    return timedelta(minutes=low * (high / low) ** chance.random())


def _calls(names: Iterable[str], effect: Effect, types: frozenset[OrderType] | None = None) -> Act:
    """The next few calls meet a fault."""

    def act(trouble: Trouble, chance: random.Random, kind: str) -> None:
        trouble.let(kind, on(names, effect, types=types), times=_few(chance))

    return act


def _while(
    low: float, high: float, names: Iterable[str], effect: Effect, types: frozenset[OrderType] | None = None
) -> Act:
    """Calls meet a fault for so many minutes."""

    def act(trouble: Trouble, chance: random.Random, kind: str) -> None:
        trouble.let(kind, on(names, effect, types=types), during=_span(chance, low, high))

    return act


def _outage(code: str | None, low: float, high: float) -> Act:
    def act(trouble: Trouble, chance: random.Random, kind: str) -> None:
        trouble.let(kind, lambda call, request: _everything(call, request, code), during=_span(chance, low, high))

    return act


def _delay(trouble: Trouble, chance: random.Random, kind: str) -> None:
    effect = fault.DelayRequest(timedelta(seconds=chance.uniform(0.5, 9)))
    trouble.let(kind, on(SENDS, effect), times=_few(chance))


def _feign_cancel(trouble: Trouble, chance: random.Random, kind: str) -> None:
    effect = fault.FeignCancel(timedelta(seconds=chance.uniform(1, 90)))
    trouble.let(kind, on(["cancel"], effect), times=_few(chance))


def _dribble(trouble: Trouble, chance: random.Random, kind: str) -> None:
    def happens(call: str, request: OrderRequest | None) -> Effect | None:
        if call != "submit" or request is None or request.type is OrderType.STOP_MARKET:
            return None
        contract = trouble.exchange.floor.contracts[request.symbol]
        lots = int(request.contracts / contract.lot * chance.randint(1, 9) / 10)
        return fault.FillOnly(lots * contract.lot) if lots else None

    trouble.let(kind, happens, times=_few(chance) + 2)


def _slow(trouble: Trouble, chance: random.Random, kind: str) -> None:
    trouble.slow(kind, timedelta(seconds=chance.uniform(8, 40)), times=_few(chance))


def _lag(effect: Callable[[timedelta], Effect], call: str, low: float, high: float) -> Act:
    """One kind of answer is some seconds old for a while."""

    def act(trouble: Trouble, chance: random.Random, kind: str) -> None:
        by = timedelta(seconds=chance.uniform(1, 20))
        trouble.let(kind, on([call], effect(by)), during=_span(chance, low, high))

    return act


def _distort(trouble: Trouble, chance: random.Random, kind: str) -> None:
    how = chance.choice(list(fault.Distortion))
    trouble.let(kind, on(["fetch_quotes"], fault.DistortQuotes(how)), during=_span(chance, 0.2, 4))


def _suspend(trouble: Trouble, chance: random.Random, kind: str) -> None:
    trouble.trouble_journal(kind, _span(chance, 2, 40), is_broken=False)


def _break_journal(trouble: Trouble, chance: random.Random, kind: str) -> None:
    trouble.trouble_journal(kind, _span(chance, 0.02, 3), is_broken=True)


def _kill(trouble: Trouble, chance: random.Random, _kind: str) -> None:
    down = timedelta(seconds=chance.choice((1, 10, 10, 30, 600, 1800)))
    trouble.kill(at_call=None, down_for=down)


def _kill_at_call(trouble: Trouble, chance: random.Random, _kind: str) -> None:
    call = (
        chance.choice((*SENDS, "submit", "submit", "cancel", "transfer", "record")),
        chance.choice(("before", "after")),
    )
    trouble.kill(at_call=call, down_for=timedelta(seconds=chance.choice((1, 10, 60))))


def _restart(trouble: Trouble, _chance: random.Random, _kind: str) -> None:
    trouble.restart()


def _clock(trouble: Trouble, chance: random.Random, kind: str) -> None:
    seconds = chance.choice((-3600, -300, -20, -3, 3, 20, 300, 3600))
    trouble.shift_clock(timedelta(seconds=seconds), _span(chance, 2, 60))
    trouble.note(kind)


def _command(name: str) -> Act:
    def act(trouble: Trouble, _chance: random.Random, kind: str) -> None:
        trouble.note(kind)
        trouble.command(name)

    return act


def _deleverage(trouble: Trouble, chance: random.Random, kind: str) -> None:
    floor = trouble.exchange.floor
    if not floor.accounts.positions:
        return
    symbol = chance.choice(sorted(floor.accounts.positions))
    contract = floor.contracts[symbol]
    lots = int(abs(floor.accounts.contracts_of(symbol)) / contract.lot)
    trouble.note(kind)
    trouble.exchange.deleverage(symbol, chance.randint(1, lots) * contract.lot)


def _liquidate(trouble: Trouble, chance: random.Random, kind: str) -> None:
    positions = trouble.exchange.floor.accounts.positions
    if positions:
        trouble.note(kind)
        trouble.exchange.liquidate(chance.choice(sorted(positions)))


def _leap(trouble: Trouble, chance: random.Random, kind: str) -> None:
    """A price leaps through whatever rests there."""
    asset = chance.choice(trouble.exchange.config.assets)
    now = trouble.exchange.floor.index_of(asset)
    opening = trouble.exchange.config.prices[asset]
    factor = Decimal(f"{1 + chance.uniform(0.02, 0.12):.4f}")
    if now > opening:
        factor = 1 / factor
    trouble.note(kind)
    trouble.exchange.set_price(asset, (now * factor).quantize(Decimal("0.01")))


def _leap_at_stop(trouble: Trouble, chance: random.Random, kind: str) -> None:
    """The stop that rests fires while the one that is to take its place is on its way."""

    def happens(call: str, request: OrderRequest | None) -> Effect | None:
        if call != "submit" or request is None or request.type is not OrderType.STOP_MARKET:
            return None
        floor = trouble.exchange.floor
        resting = [
            order
            for order in floor.open_orders.values()
            if order.symbol == request.symbol and order.trigger_price is not None
        ]
        if not resting or resting[0].trigger_price is None:
            return None
        asset = floor.contracts[request.symbol].asset
        trigger = resting[0].trigger_price
        beyond = trigger * (1 + Decimal("0.001") * resting[0].side.sign)
        now = floor.index_of(asset)
        if not Decimal("0.7") < beyond / now < Decimal("1.4"):
            return None
        trouble.exchange.set_price(asset, beyond.quantize(Decimal("0.01")))
        return fault.LoseReply() if chance.random() < _LOST_TOO else None

    trouble.let(kind, happens, during=timedelta(minutes=30))


def _move_coins(trouble: Trouble, chance: random.Random, kind: str) -> None:
    """The owner brings or takes coins."""
    asset: Asset = chance.choice(trouble.exchange.config.assets)
    wallets = trouble.exchange.floor.accounts.wallets
    held = sum((wallets.get((wallet, Currency(asset)), Decimal(0)) for wallet in _HOLD_COINS), Decimal(0))
    amount = (held * Decimal(f"{chance.uniform(-0.3, 0.3):.3f}")).quantize(Decimal("0.0001"))
    if amount:
        trouble.note(kind)
        trouble.exchange.deposit(WalletKind.SPOT, Currency(asset), amount)


def _move_cash(trouble: Trouble, chance: random.Random, kind: str) -> None:
    """The owner brings cash to the futures wallet, or takes a little of it."""
    trouble.note(kind)
    trouble.exchange.deposit(WalletKind.LINEAR_FUTURES, USDT, Decimal(chance.choice((-60, -20, 50, 300, 800))))


def _trade_by_hand(trouble: Trouble, chance: random.Random, kind: str) -> None:
    """The owner trades a contract that the bot holds."""
    exchange = trouble.exchange
    symbols = sorted(exchange.floor.accounts.positions) or [Symbol("BTC/USDT:USDT")]
    symbol = chance.choice(symbols)
    contract = exchange.floor.contracts[symbol]
    worth = Decimal(chance.choice((60, 200, 600)))
    contracts = contract.lots_in(worth, exchange.floor.mark_of(contract))
    request = OrderRequest(symbol=symbol, side=chance.choice(list(Side)), type=OrderType.MARKET, contracts=contracts)
    _by_hand(trouble, request, kind)


def _by_hand(trouble: Trouble, request: OrderRequest, kind: str) -> None:
    planned, trouble.exchange.faults.standing = trouble.exchange.faults.standing, None
    try:
        trouble.exchange.submit(request)
        trouble.note(kind)
    except Refused:
        # Nothing the owner would not see at once.
        return
    finally:
        trouble.exchange.faults.standing = planned


def _cancel_stop_by_hand(trouble: Trouble, chance: random.Random, kind: str) -> None:
    """The owner, or an app of his, cancels a stop."""
    exchange = trouble.exchange
    stops = [one for one in exchange.floor.open_orders.values() if one.type is OrderType.STOP_MARKET]
    if stops:
        trouble.note(kind)
        exchange.cancel_by_venue(chance.choice(stops).id, "cancelled by somebody else")


def _delist(trouble: Trouble, chance: random.Random, kind: str) -> None:
    """The venue takes a contract off of which there is another for the same asset."""
    floor = trouble.exchange.floor
    listed = [one for one in trouble.exchange.listing() if not floor.has_expired(one)]
    others = [one for one in listed if sum(two.asset == one.asset for two in listed) > 1]
    if others:
        trouble.note(kind)
        held = [one for one in others if one.symbol in floor.accounts.positions]
        trouble.exchange.delist(chance.choice(held or others).symbol)


def _change_terms(trouble: Trouble, chance: random.Random, kind: str) -> None:
    """The venue trades in other steps, or asks for more margin."""
    listed = trouble.exchange.listing()
    if not listed:
        return
    contract = chance.choice(listed)
    terms: dict[str, Any] = chance.choice(
        (
            {"tick": contract.tick * 5},
            {"tick": contract.tick / 10},
            {"lot": contract.lot / 10},
            {"min_notional_quote": contract.min_notional_quote * 4},
            {
                "tiers": tuple(
                    replace(
                        tier,
                        maintenance_frac=tier.maintenance_frac * 2,
                        deduction_quote=tier.deduction_quote * 2,
                        max_leverage=tier.max_leverage / 2,
                    )
                    for tier in contract.tiers
                )
            },
        )
    )
    trouble.note(kind)
    trouble.exchange.change_terms(contract.symbol, **terms)


def _second_bot(trouble: Trouble, chance: random.Random, kind: str) -> None:
    """Another bot under the same marker rests an order, in a contract for which there is collateral."""
    floor = trouble.exchange.floor
    listed = [one for one in trouble.exchange.listing() if one.is_linear and not floor.has_expired(one)]
    if not listed:
        return
    contract = chance.choice(listed)
    mark = floor.mark_of(contract)
    request = OrderRequest(
        symbol=contract.symbol,
        side=Side.BUY,
        type=OrderType.LIMIT,
        contracts=contract.lots_in(Decimal(200), mark),
        price=contract.tick_down(mark * Decimal("0.7")),
        client_order_id=client_order_id(OTHER_BOT, chance.randint(1, 10**6)),
    )
    trouble.exchange.deceived.add(request.client_order_id)
    _by_hand(trouble, request, kind)


#: What can happen.
DISTURBANCES: dict[str, Disturbance] = {
    "request lost": Disturbance(6, _calls(WRITES, fault.LoseRequest())),
    "reply lost": Disturbance(6, _calls(WRITES, fault.LoseReply())),
    "request late": Disturbance(4, _delay),
    "request twice": Disturbance(2, _calls(["submit"], fault.DeliverTwice())),
    "refused": Disturbance(4, _calls(WRITES, fault.Refuse(code="system_busy"))),
    "stop refused": Disturbance(3, _calls(["submit"], fault.Refuse(code="would_trigger"), STOPS)),
    "stop endpoint gone": Disturbance(2, _while(1, 120, ["submit"], fault.Refuse(code="-4120"), STOPS)),
    "order forgotten": Disturbance(3, _calls(["submit"], fault.ForgetOrder())),
    "cancel feigned": Disturbance(3, _feign_cancel),
    "fills in dribbles": Disturbance(5, _dribble),
    "reply late": Disturbance(5, _slow),
    "read fails": Disturbance(6, _calls(READS, fault.FailRead())),
    "outage": Disturbance(2, _outage(None, 0.1, 20)),
    "maintenance": Disturbance(1, _outage("maintenance", 1, 60)),
    "rate limited": Disturbance(2, _outage("rate_limited", 0.5, 10)),
    "balances empty": Disturbance(3, _while(0.1, 10, ["fetch_account"], fault.OmitBalances())),
    "position omitted": Disturbance(4, _while(0.1, 10, ["fetch_account"], fault.OmitPosition())),
    "positions lag": Disturbance(4, _lag(fault.LagPositions, "fetch_account", 0.2, 10)),
    "trades lag": Disturbance(4, _lag(fault.LagTrades, "fetch_fills", 0.2, 10)),
    "trades twice": Disturbance(1, _while(1, 30, ["fetch_fills"], fault.RepeatTrades())),
    "orders hidden": Disturbance(3, _while(0.2, 30, ["fetch_account", "fetch_order"], fault.HideOrders())),
    "stops hidden": Disturbance(3, _while(0.2, 30, ["fetch_account", "fetch_order"], fault.HideOrders(STOPS))),
    "no liquidation price": Disturbance(1, _while(1, 30, ["fetch_account"], fault.OmitLiquidationPrices())),
    "prices frozen": Disturbance(2, _while(1, 30, ["fetch_quotes"], fault.FreezeQuotes())),
    "prices wrong": Disturbance(3, _distort),
    "venue clock": Disturbance(1, _while(1, 20, READS, fault.ShiftTime(timedelta(seconds=20)))),
    "funding omitted": Disturbance(1, _while(10, 300, ["fetch_funding"], fault.OmitFunding())),
    "journal slow": Disturbance(2, _suspend),
    "journal broken": Disturbance(1, _break_journal),
    "killed": Disturbance(5, _kill),
    "killed at a call": Disturbance(6, _kill_at_call),
    "restarted": Disturbance(1, _restart),
    "machine clock": Disturbance(1.5, _clock),
    "deleveraged": Disturbance(1.5, _deleverage),
    "liquidated": Disturbance(0.5, _liquidate),
    "price leaps": Disturbance(2, _leap),
    "leap at a stop": Disturbance(2, _leap_at_stop),
    "coins moved": Disturbance(0.7, _move_coins),
    "cash moved": Disturbance(0.5, _move_cash),
    "traded by hand": Disturbance(0.7, _trade_by_hand),
    "stop cancelled by hand": Disturbance(1.5, _cancel_stop_by_hand),
    "delisted": Disturbance(0.3, _delist),
    "terms changed": Disturbance(0.7, _change_terms),
    "second bot": Disturbance(0.3, _second_bot),
    "halt": Disturbance(0.7, _command("halt")),
    "hard halt": Disturbance(0.3, _command("hard halt")),
    "reduce-only": Disturbance(0.4, _command("reduce-only")),
    "flatten": Disturbance(0.7, _command("flatten")),
}
NAMES = tuple(DISTURBANCES)
