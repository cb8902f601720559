"""May a leg be traded? The gate that nobody bypasses.

Its rules bind what *increases* exposure. A reduction passes all of them; only a halt of rebalancing and the budget of
reducing orders hold it back, and what may be on its way already is not sent again. Protective reductions do not come
through here at all. Every refusal has its reason.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bot.decisions.basis import block_bound
from bot.decisions.ceilings import room_below
from bot.decisions.exposure import Exposures, folded
from bot.decisions.funding import paid_annual
from bot.decisions.margin import WalletLoad
from bot.decisions.sizing import meets_minimum
from bot.decisions.wallets import WalletKey
from bot.decisions.working import is_held_back
from bot.domain.books import Books, Ceiling, Leg
from bot.domain.ids import Asset, Currency
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Purpose, Side
from bot.domain.plan import HedgeLeg, Refusal, Rule, Verdict
from bot.domain.policy import Policy, TradingState
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO, decimal_text

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(hours=24)
#: A list of positions that is further behind than this is wrong for another reason.
_LISTED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInputs:
    """What the gate looks at besides the leg."""

    snapshot: Snapshot
    policy: Policy
    exposures: Exposures
    state: TradingState
    #: Lowest ceiling in force per asset.
    ceilings: Mapping[Asset, Ceiling]
    #: Assets whose holdings have changed without explanation.
    flows: frozenset[Asset]
    #: What each wallet carries of the plan.
    loads: Mapping[WalletKey, WalletLoad]
    now: datetime


@dataclass(slots=True, kw_only=True)
class _Budgets:
    """What the legs before this one have left."""

    reducing_orders: int
    increasing_orders: int
    turnover_quote: Decimal
    #: Signed delta per asset with the legs so far done.
    deltas_base: dict[Asset, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One leg before the gate."""

    leg: HedgeLeg
    inputs: GateInputs
    budgets: _Budgets

    @property
    def key(self) -> Leg:
        return self.leg.instrument.venue, self.leg.instrument.symbol

    @property
    def quote(self) -> Quote:
        return self.inputs.snapshot.quotes[self.key]

    @property
    def load(self) -> WalletLoad:
        return self.inputs.loads[self.leg.instrument.venue, self.leg.instrument.settle]


#: What one rule says of a leg: None to pass, or how many contracts it leaves and why.
Answer = tuple[Rule, Decimal, str] | None


def judge_legs(legs: Iterable[HedgeLeg], inputs: GateInputs) -> list[tuple[HedgeLeg, Verdict]]:
    """Return each leg with its verdict. Budgets are spent in the order of the legs."""
    books, limits = inputs.snapshot.books, inputs.policy.limits
    budgets = _Budgets(
        reducing_orders=limits.max_reducing_orders_per_minute - _recent(books, inputs.now, reduces=True),
        increasing_orders=limits.max_increasing_orders_per_minute - _recent(books, inputs.now, reduces=False),
        turnover_quote=_turnover_left(inputs),
        deltas_base={asset: one.futures_delta_base for asset, one in inputs.exposures.by_asset.items()},
    )
    judged = []
    for leg in legs:
        judge = _judge_reduction if leg.reduce_only else _judge_increase
        verdict = judge(leg, inputs, budgets)
        _spend(budgets, leg, verdict.approved_contracts / leg.contracts)
        judged.append((leg, verdict))
    return judged


def _spend(budgets: _Budgets, leg: HedgeLeg, share: Decimal) -> None:
    if share == 0:
        return
    budgets.deltas_base[leg.instrument.asset] += leg.amount_base * share * leg.side.sign
    if leg.reduce_only:
        budgets.reducing_orders -= 1
    else:
        budgets.increasing_orders -= 1
        budgets.turnover_quote -= leg.notional_quote * share


def _judge_reduction(leg: HedgeLeg, inputs: GateInputs, budgets: _Budgets) -> Verdict:
    if inputs.state is TradingState.HALTED:
        return _refused(leg, Rule.TRADING_STATE, "halted: nothing is rebalanced")
    if budgets.reducing_orders <= 0:
        return _refused(leg, Rule.ORDER_RATE, "too many reducing orders within a minute")
    on_its_way, unlisted = _on_its_way(leg, inputs.snapshot.books), _unlisted(leg, inputs)
    if on_its_way == unlisted == 0:
        return Verdict(approved_contracts=leg.contracts)
    # Not held back, only not done twice.
    told = (
        (on_its_way, "may be on their way already"),
        (unlisted, "have been traded by our trades, and the venue does not list them"),
    )
    refusals = tuple(
        Refusal(
            asset=leg.instrument.asset,
            rule=Rule.UNKNOWN_ORDER,
            reason=f"{decimal_text(contracts)} contracts of it {why}",
        )
        for contracts, why in told
        if contracts
    )
    left = leg.instrument.floor_contracts(max(ZERO, leg.contracts - on_its_way - unlisted))
    return Verdict(approved_contracts=left, refusals=refusals)


def _unlisted(leg: HedgeLeg, inputs: GateInputs) -> Decimal:
    """Return how much of a leg our orders have traded of late that the list of positions does not show yet."""
    one, books = leg.instrument, inputs.snapshot.books
    traded = sum(
        (
            order.filled_contracts
            for order in books.orders.values()
            if (order.intent.venue, order.intent.symbol) == (one.venue, one.symbol)
            and order.intent.side is leg.side
            and inputs.now - order.intent.intended_at < _LISTED_WITHIN
        ),
        ZERO,
    )
    listed = inputs.snapshot.accounts[one.venue].contracts_of(one.symbol)
    behind = (books.ledger(one.venue, one.symbol).contracts - listed) * leg.side.sign
    return max(ZERO, min(traded, behind))


def _on_its_way(leg: HedgeLeg, books: Books) -> Decimal:
    """Return how much of a leg orders of unknown outcome may still trade."""
    return sum(
        (
            order.remaining_contracts
            for order in books.working_orders()
            if order.state.is_unproved
            and (order.intent.venue, order.intent.symbol) == (leg.instrument.venue, leg.instrument.symbol)
            and order.intent.side is leg.side
            and order.intent.purpose is not Purpose.STOP
        ),
        ZERO,
    )


def _refused(leg: HedgeLeg, rule: Rule, reason: str) -> Verdict:
    refusal = Refusal(asset=leg.instrument.asset, rule=rule, reason=reason)
    return Verdict(approved_contracts=ZERO, refusals=(refusal,))


def _judge_increase(leg: HedgeLeg, inputs: GateInputs, budgets: _Budgets) -> Verdict:
    case = _Case(leg=leg, inputs=inputs, budgets=budgets)
    approved = leg.contracts
    refusals = []
    for check in _RULES:
        answer = check(case)
        if answer is not None:
            rule, left, reason = answer
            refusals.append(Refusal(asset=leg.instrument.asset, rule=rule, reason=reason))
            approved = min(approved, max(ZERO, left))
    approved = leg.instrument.floor_contracts(approved)
    if not meets_minimum(approved, leg.instrument, leg.limit_price):
        approved = ZERO
    return Verdict(approved_contracts=approved, refusals=tuple(refusals))


def _check_state(case: _Case) -> Answer:
    if case.inputs.state is TradingState.NORMAL:
        return None
    return Rule.TRADING_STATE, ZERO, f"{case.inputs.state}: exposure is not increased"


def _check_rate(case: _Case) -> Answer:
    if case.budgets.increasing_orders > 0:
        return None
    return Rule.ORDER_RATE, ZERO, "too many increasing orders within a minute"


def _check_age(case: _Case) -> Answer:
    limits = case.inputs.policy.limits
    quote_age = case.inputs.now - case.quote.as_of
    account_age = case.inputs.now - case.inputs.snapshot.accounts[case.leg.instrument.venue].as_of
    if quote_age > limits.max_quote_age:
        return Rule.STALE_DATA, ZERO, f"the price is {quote_age} old"
    if account_age > limits.max_account_age:
        return Rule.STALE_DATA, ZERO, f"the account is {account_age} old"
    return None


def _check_prices(case: _Case) -> Answer:
    limits, quote = case.inputs.policy.limits, case.quote
    bound = block_bound(case.leg.instrument, limits, case.inputs.now)
    # A leg without a rate has no price in dollars; the peg's own rule refuses it.
    rate = case.inputs.exposures.usd_rates.get(case.leg.instrument.quote, ONE)
    here, median = "this venue's index and the median", case.inputs.exposures.by_asset[case.leg.instrument.asset]
    checks = (
        ("mark and index", quote.mark_price, quote.index_price, bound),
        ("last and mark", quote.last_price, quote.mark_price, limits.max_last_mark_frac),
        (here, quote.index_price * rate, median.index_price, limits.max_index_spread_frac),
    )
    for names, price, reference, bound in checks:
        apart = abs(price / reference - 1)
        if apart > bound:
            return Rule.PRICE_SANITY, ZERO, f"{names} are {apart:.1%} apart"
    return None


def _check_lock(case: _Case) -> Answer:
    lock = case.inputs.snapshot.books.lock_on(case.key, case.leg.instrument.asset)
    return None if lock is None else (Rule.LOCKED, ZERO, f"{lock[0]} does not add up: {lock[1]}")


def _check_ladder(case: _Case) -> Answer:
    if not is_held_back(case.leg.instrument, case.inputs.snapshot.books):
        return None
    return Rule.MARGIN_LADDER, ZERO, f"the margin of the {case.leg.instrument.settle} wallet is short"


def _check_protected(case: _Case) -> Answer:
    if case.key not in case.inputs.snapshot.books.unprotected:
        return None
    return Rule.UNPROTECTED, ZERO, f"the position in {case.leg.instrument.symbol} has no stop"


def _check_unknown_orders(case: _Case) -> Answer:
    if not case.inputs.snapshot.books.has_open_question(case.key, case.leg.instrument.asset):
        return None
    return (
        Rule.UNKNOWN_ORDER,
        ZERO,
        f"the outcome of an order in {case.leg.instrument.asset} is not known yet",
    )


def _check_flow(case: _Case) -> Answer:
    # Of any asset: V and with it every weight depend on all holdings.
    if not case.inputs.flows:
        return None
    listed = ", ".join(sorted(case.inputs.flows))
    return Rule.OWNER_FLOW, ZERO, f"holdings of {listed} changed without a trade of ours; confirm it or wait"


def _check_external(case: _Case) -> Answer:
    oldest_allowed = case.inputs.now - 2 * case.inputs.policy.external_max_age
    for holding in case.inputs.snapshot.external_holdings:
        asset, _ = folded(Currency(holding.asset), case.inputs.policy)
        if asset == case.leg.instrument.asset and holding.as_of < oldest_allowed:
            said = f"{holding.as_of:%Y-%m-%d}"
            return Rule.EXTERNAL_AGE, ZERO, f"the declared holding of {holding.asset} is of {said}"
    return None


def _check_peg(case: _Case) -> Answer:
    if not case.leg.instrument.is_linear:
        return None
    settle = case.leg.instrument.settle
    rate = case.inputs.exposures.usd_rates.get(settle)
    if rate is None:
        return Rule.DEPEG, ZERO, f"the worth of {settle} is not known"
    if abs(rate - ONE) > case.inputs.policy.limits.max_depeg_frac:
        return Rule.DEPEG, ZERO, f"{settle} trades at {rate} USD"
    return None


def _check_funding(case: _Case) -> Answer:
    if not case.leg.instrument.is_perpetual:
        return None
    funding = case.inputs.snapshot.funding_rates.get(case.key)
    if funding is None:
        return Rule.FUNDING, ZERO, f"the funding rate of {case.leg.instrument.symbol} is not known"
    paid = paid_annual(case.inputs.snapshot.books.funding.get(case.key), case.leg.side.sign, funding)
    if paid is None or paid <= case.inputs.policy.limits.max_funding_annual:
        return None
    return Rule.FUNDING, ZERO, f"funding would cost {paid:.0%} a year"


def _check_ceiling(case: _Case) -> Answer:
    ceiling = case.inputs.ceilings.get(case.leg.instrument.asset)
    if ceiling is None:
        return None
    room = room_below(ceiling, case.budgets.deltas_base[case.leg.instrument.asset], direction=case.leg.side.sign)
    if case.leg.amount_base <= room:
        return None
    return (
        Rule.CEILING,
        case.leg.contracts * room / case.leg.amount_base,
        f"a ceiling is in force ({ceiling.cause})",
    )


def _check_order_size(case: _Case) -> Answer:
    bound = case.inputs.policy.limits.max_order_frac * case.inputs.exposures.valuation.portfolio_value_quote
    if case.leg.notional_quote <= bound:
        return None
    part = case.leg.contracts * bound / case.leg.notional_quote
    return Rule.ORDER_SIZE, part, f"an order may be worth {bound:.0f} USD at most; the rest follows"


def _check_stop_size(case: _Case) -> Answer:
    instrument, largest = case.leg.instrument, case.leg.instrument.max_contracts
    if largest is None:
        return None
    held = (one.contracts for one in case.inputs.snapshot.positions() if (one.venue, one.symbol) == case.key)
    room = largest - max(ZERO, sum(held, ZERO) * case.leg.side.sign)
    if case.leg.contracts <= room:
        return None
    told = f"one stop closes {decimal_text(largest)} contracts of {instrument.symbol} at most"
    return Rule.ORDER_SIZE, max(ZERO, room), told


def _check_depth(case: _Case) -> Answer:
    quote, side = case.quote, case.leg.side
    shown = quote.ask_contracts if side is Side.BUY else quote.bid_contracts
    bound = shown * case.inputs.policy.limits.max_order_depths
    if case.leg.contracts <= bound:
        return None
    return Rule.DEPTH, bound, f"the book shows {decimal_text(shown)} contracts only; the rest follows"


def _check_turnover(case: _Case) -> Answer:
    if case.leg.notional_quote <= case.budgets.turnover_quote:
        return None
    part = case.leg.contracts * case.budgets.turnover_quote / case.leg.notional_quote
    return Rule.TURNOVER, part, "the turnover of a day is used up"


def _check_capacity(case: _Case) -> Answer:
    load = case.load
    fraction = load.stress_capacity_frac
    if fraction == ONE:
        return None
    told = f"collateral carries {fraction:.0%} of it under stress; {load.shortfall:.2f} {load.after.currency} short"
    return Rule.CAPACITY, case.leg.contracts * fraction, told


def _check_leverage(case: _Case) -> Answer:
    load = case.load
    if load.after.margin_balance <= 0:
        return (
            Rule.LEVERAGE,
            ZERO,
            f"there is no {case.leg.instrument.settle} margin at {case.leg.instrument.venue}",
        )
    fraction = load.leverage_capacity_frac
    if fraction == ONE:
        return None
    cap = case.inputs.policy.limits.max_leverage
    return (
        Rule.LEVERAGE,
        case.leg.contracts * fraction,
        f"a leverage of {cap:f} leaves room for {fraction:.0%} of it",
    )


def _check_tier(case: _Case) -> Answer:
    """Keep a position out of margin tiers that allow less leverage than the wallet then has."""
    load = case.load
    if load.after.margin_balance <= 0:
        return None
    instrument, mark_price = case.leg.instrument, case.quote.mark_price
    used = min(load.gross_after / load.after.margin_balance, case.inputs.policy.limits.max_leverage)
    notional = next(one.notional for one in load.after.holdings if one.instrument.symbol == instrument.symbol)
    tier = instrument.tier_for(notional)
    if tier.max_leverage >= used:
        return None
    caps = [one.notional_cap_quote for one in instrument.margin_tiers if one.max_leverage >= used]
    added = instrument.notional_quote(case.leg.contracts, mark_price)
    room = max(caps, default=ZERO) - (notional - added)
    told = f"at this size the venue allows a leverage of {tier.max_leverage:f} only"
    return Rule.MARGIN_TIER, case.leg.contracts * room / added, told


_RULES: tuple[Callable[[_Case], Answer], ...] = (
    _check_state,
    _check_rate,
    _check_age,
    _check_prices,
    _check_lock,
    _check_ladder,
    _check_protected,
    _check_unknown_orders,
    _check_flow,
    _check_external,
    _check_peg,
    _check_funding,
    _check_ceiling,
    _check_order_size,
    _check_stop_size,
    _check_depth,
    _check_turnover,
    _check_capacity,
    _check_leverage,
    _check_tier,
)


def _recent(books: Books, now: datetime, *, reduces: bool) -> int:
    """Count the hedge orders of the last minute."""
    return sum(
        order.intent.reduce_only is reduces
        and order.intent.purpose is Purpose.HEDGE
        and now - order.intent.intended_at < _MINUTE
        for order in books.orders.values()
    )


def _turnover_left(inputs: GateInputs) -> Decimal:
    """Return how much may still be added within 24 hours, in USD."""
    bound = inputs.policy.limits.max_turnover_frac * inputs.exposures.valuation.portfolio_value_quote
    for filled_at, contract_value, leg in inputs.snapshot.books.recent_increases:
        instrument = inputs.snapshot.instruments.get(leg)
        if instrument is not None and inputs.now - filled_at < _DAY:
            bound -= _traded_quote(instrument, contract_value, inputs.snapshot.quotes[leg])
    return max(ZERO, bound)


def _traded_quote(instrument: Instrument, contract_value: Decimal, quote: Quote) -> Decimal:
    """Return the worth of contracts × price; of an inverse contract by the present mark, as its own is not kept."""
    worth = contract_value * instrument.contract_size
    return worth if instrument.is_linear else worth / quote.mark_price
