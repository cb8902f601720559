"""May a leg be traded? The gate that nobody bypasses.

Its rules bind what *increases* exposure. A reduction passes all of them; only a halt of rebalancing and the
budget of reducing
orders hold it back, and protective reductions do not come through here at all. Every refusal has its reason.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.decisions.cadence import periods_per_year
from bot.decisions.ceilings import room_below
from bot.decisions.exposure import Exposures
from bot.decisions.margin import Wallet, WalletKey
from bot.domain.books import Books, Ceiling
from bot.domain.ids import Asset
from bot.domain.orders import OrderState, Purpose
from bot.domain.plan import HedgeLeg, Refusal, Rule, Verdict
from bot.domain.policy import Policy, TradingState
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(hours=24)


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
    #: Largest fraction of all increases that each wallet survives.
    capacities: Mapping[WalletKey, Decimal]
    wallets: Mapping[WalletKey, Wallet]
    now: datetime


#: What one rule says of a leg: None to pass, or how many contracts it leaves and why.
Answer = tuple[Rule, Decimal, str] | None


def judge_legs(legs: Iterable[HedgeLeg], inputs: GateInputs) -> list[tuple[HedgeLeg, Verdict]]:
    """Return each leg with its verdict. Budgets are spent in the order of the legs."""
    books = inputs.snapshot.books
    reducing_budget = inputs.policy.limits.max_reducing_orders_per_minute - _recent(books, inputs.now, True)
    opening_budget = inputs.policy.limits.max_increasing_orders_per_minute - _recent(books, inputs.now, False)
    turnover_left = _turnover_left(inputs)
    judged = []
    for leg in legs:
        if leg.reduce_only:
            verdict = _judge_reduction(leg, inputs, reducing_budget)
            reducing_budget -= verdict.approved_contracts > 0
        else:
            verdict = _judge_increase(leg, inputs, opening_budget, turnover_left)
            opening_budget -= verdict.approved_contracts > 0
            turnover_left -= leg.notional_quote * verdict.approved_contracts / leg.contracts
        judged.append((leg, verdict))
    return judged


def _judge_reduction(leg: HedgeLeg, inputs: GateInputs, budget: int) -> Verdict:
    asset = leg.instrument.asset
    if inputs.state is TradingState.HALTED:
        return _refused(asset, Rule.TRADING_STATE, "halted: nothing is rebalanced")
    if budget <= 0:
        return _refused(asset, Rule.ORDER_RATE, "too many reducing orders within a minute")
    return Verdict(approved_contracts=leg.contracts)


def _refused(asset: Asset, rule: Rule, reason: str) -> Verdict:
    return Verdict(approved_contracts=ZERO, refusals=(Refusal(asset=asset, rule=rule, reason=reason),))


def _judge_increase(leg: HedgeLeg, inputs: GateInputs, budget: int, turnover_left: Decimal) -> Verdict:
    approved = leg.contracts
    refusals = []
    if budget <= 0:
        return _refused(leg.instrument.asset, Rule.ORDER_RATE, "too many increasing orders within a minute")
    for answer in _answers(leg, inputs, turnover_left):
        if answer is None:
            continue
        rule, left, reason = answer
        refusals.append(Refusal(asset=leg.instrument.asset, rule=rule, reason=reason))
        approved = min(approved, max(ZERO, left))
    approved = leg.instrument.floor_contracts(approved)
    if not _meets_minimum(leg, approved):
        approved = ZERO
    return Verdict(approved_contracts=approved, refusals=tuple(refusals))


def _meets_minimum(leg: HedgeLeg, contracts: Decimal) -> bool:
    instrument = leg.instrument
    return (
        contracts >= instrument.min_contracts
        and instrument.notional_quote(contracts, leg.limit_price) >= instrument.min_notional_quote
    )


def _answers(leg: HedgeLeg, inputs: GateInputs, turnover_left: Decimal) -> Iterator[Answer]:
    for rule in _RULES:
        yield rule(leg, inputs)
    if leg.notional_quote > turnover_left:
        part = leg.contracts * max(ZERO, turnover_left) / leg.notional_quote
        yield Rule.TURNOVER, part, "the turnover of a day is used up"


def _check_state(_leg: HedgeLeg, inputs: GateInputs) -> Answer:
    if inputs.state is TradingState.NORMAL:
        return None
    return Rule.TRADING_STATE, ZERO, f"{inputs.state}: exposure is not increased"


def _check_age(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    limits = inputs.policy.limits
    quote = inputs.snapshot.quotes[leg.instrument.venue, leg.instrument.symbol]
    account = inputs.snapshot.accounts[leg.instrument.venue]
    if inputs.now - quote.as_of > limits.max_quote_age:
        return Rule.STALE_DATA, ZERO, f"the price is {inputs.now - quote.as_of} old"
    if inputs.now - account.as_of > limits.max_account_age:
        return Rule.STALE_DATA, ZERO, f"the account is {inputs.now - account.as_of} old"
    return None


def _check_prices(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    limits = inputs.policy.limits
    quote = inputs.snapshot.quotes[leg.instrument.venue, leg.instrument.symbol]
    median_index = inputs.exposures.by_asset[leg.instrument.asset].index_price
    checks = (
        ("mark and index", quote.mark_price, quote.index_price, limits.max_mark_index_frac),
        ("last and mark", quote.last_price, quote.mark_price, limits.max_last_mark_frac),
        ("this venue's index and the median", quote.index_price, median_index, limits.max_index_spread_frac),
    )
    for names, price, reference, bound in checks:
        apart = abs(price / reference - 1)
        if apart > bound:
            return Rule.PRICE_SANITY, ZERO, f"{names} are {apart:.1%} apart"
    return None


def _check_leg_state(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    books = inputs.snapshot.books
    key = (leg.instrument.venue, leg.instrument.symbol)
    if key in books.locks:
        return Rule.LOCKED, ZERO, f"{key[1]} does not add up: {books.locks[key][1]}"
    if key in books.unprotected:
        return Rule.UNPROTECTED, ZERO, f"the position in {key[1]} has no stop"
    if any(
        order.state in (OrderState.INTENDED, OrderState.UNKNOWN) and (order.intent.venue, order.intent.symbol) == key
        for order in books.orders.values()
    ):
        return Rule.UNKNOWN_ORDER, ZERO, f"the outcome of an order in {key[1]} is not known yet"
    return None


def _check_flow(_leg: HedgeLeg, inputs: GateInputs) -> Answer:
    if not inputs.flows:
        return None
    listed = ", ".join(sorted(inputs.flows))
    return Rule.OWNER_FLOW, ZERO, f"holdings of {listed} changed without a trade of ours; confirm it or wait"


def _check_external(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    oldest_allowed = inputs.now - 2 * inputs.policy.external_max_age
    for holding in inputs.snapshot.external_holdings:
        if holding.asset == leg.instrument.asset and holding.as_of < oldest_allowed:
            return (
                Rule.EXTERNAL_AGE,
                ZERO,
                f"the declared holding of {holding.asset} is of {holding.as_of:%Y-%m-%d}",
            )
    return None


def _check_peg(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    rate = inputs.exposures.usd_rates.get(leg.instrument.settle)
    if not leg.instrument.is_linear:
        return None
    if rate is None:
        return Rule.DEPEG, ZERO, f"the worth of {leg.instrument.settle} is not known"
    if abs(rate - ONE) > inputs.policy.limits.max_depeg_frac:
        return Rule.DEPEG, ZERO, f"{leg.instrument.settle} trades at {rate} USD"
    return None


def _check_funding(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    funding = inputs.snapshot.funding_rates.get((leg.instrument.venue, leg.instrument.symbol))
    if funding is None:
        return None
    paid_annual = funding.rate * leg.side.sign * periods_per_year(funding.interval)
    if paid_annual <= inputs.policy.limits.max_funding_annual:
        return None
    return Rule.FUNDING, ZERO, f"funding would cost {paid_annual:.0%} a year"


def _check_ceiling(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    ceiling = inputs.ceilings.get(leg.instrument.asset)
    if ceiling is None:
        return None
    delta = inputs.exposures.by_asset[leg.instrument.asset].futures_delta_base
    room = room_below(ceiling, delta, direction=leg.side.sign)
    if leg.amount_base <= room:
        return None
    return Rule.CEILING, leg.contracts * room / leg.amount_base, f"a ceiling is in force ({ceiling.cause})"


def _check_order_size(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    limits = inputs.policy.limits
    bound = limits.max_order_frac * inputs.exposures.valuation.portfolio_value_quote
    if leg.notional_quote <= bound:
        return None
    part = leg.contracts * bound / leg.notional_quote
    return Rule.ORDER_SIZE, part, f"an order may be worth {bound:.0f} USD at most; the rest follows"


def _check_capacity(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    key = (leg.instrument.venue, leg.instrument.settle)
    fraction = inputs.capacities.get(key, ZERO)
    if fraction == ONE:
        return None
    return Rule.CAPACITY, leg.contracts * fraction, f"collateral carries {fraction:.0%} of what is needed"


def _check_tier(leg: HedgeLeg, inputs: GateInputs) -> Answer:
    wallet = inputs.wallets.get((leg.instrument.venue, leg.instrument.settle))
    if wallet is None or wallet.margin_balance <= 0:
        return Rule.LEVERAGE, ZERO, f"there is no {leg.instrument.settle} margin at {leg.instrument.venue}"
    quote = inputs.snapshot.quotes[leg.instrument.venue, leg.instrument.symbol]
    after = wallet.with_changes(
        {
            (leg.instrument.venue, leg.instrument.symbol): (
                leg.instrument,
                leg.contracts * leg.side.sign,
                quote.mark_price,
            )
        }
    )
    notional = next(one.notional for one in after.holdings if one.instrument.symbol == leg.instrument.symbol)
    allowed = leg.instrument.tier_for(notional).max_leverage
    if allowed >= inputs.policy.limits.max_leverage:
        return None
    return Rule.MARGIN_TIER, ZERO, f"at this size the venue allows a leverage of {allowed} only"


_RULES: tuple[Callable[[HedgeLeg, GateInputs], Answer], ...] = (
    _check_state,
    _check_age,
    _check_prices,
    _check_leg_state,
    _check_flow,
    _check_external,
    _check_peg,
    _check_funding,
    _check_ceiling,
    _check_order_size,
    _check_capacity,
    _check_tier,
)


def _recent(books: Books, now: datetime, reduces: bool) -> int:
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
            bound -= contract_value * instrument.contract_size if instrument.is_linear else ZERO
    return max(ZERO, bound)
