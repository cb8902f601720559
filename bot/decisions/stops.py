"""Where does the stop of each position belong, and how large may a position be so that a stop fits?

The stop is a catastrophe bound between looks, not a signal: a multiple of daily σ from the price of the last look,
never beyond the buffered liquidation price, which is the nearer of the venue's number and ours. Where liquidation
is so near that the stop would stand within ordinary noise, the leg is made smaller instead.

Needs little on purpose: positions, terms and prices. Without a history σ is assumed; without a margin account the
venue's liquidation price is all there is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bot.decisions.basis import is_apart
from bot.decisions.liquidation import joint_liquidation_frac, own_liquidation_frac
from bot.decisions.sizing import reducing_leg
from bot.decisions.volatility import daily_sigma
from bot.decisions.wallets import Holding, Wallet, wallets_of
from bot.domain.books import Leg
from bot.domain.events import CeilingSet
from bot.domain.ids import Asset
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import side_of
from bot.domain.plan import ProtectiveReduction, StopTarget
from bot.domain.policy import Policy, StopAnchor, StopPolicy
from bot.domain.portfolio import AccountState, FuturesPosition
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO, ceil_to_step, decimal_text, floor_to_step

#: What is assumed of an asset whose history says nothing.
_ASSUMED_DAILY_SIGMA = Decimal("0.05")
#: A long cannot fall by more than everything; no stop stands further away than this.
_FARTHEST = Decimal("0.9")
#: Tiers change with the size, so what is left is measured again, this often at most.
_ROUNDS = 4
#: Room is made for so much more than is needed, or the next tick would ask again.
_ROOM = Decimal("1.1")
#: Where the cap decides, a stop is placed at this share of the way to it: a cap that comes nearer does not pass it at
#: once.
_INSIDE_CAP = Decimal("0.95")
#: No venue holds on to a position that is further past its liquidation than this: its price is then wrong.
_STILL_HELD_FRAC = Decimal("0.05")
#: A position beyond the largest order has several stops, so many at most: some venues let ten rest for a contract, and
#: while all are moved there are twice as many.
_MOST_STOPS = 5
#: The venue's liquidation price and ours may differ by this share of the mark.
_AGREEMENT_FRAC = Decimal("0.10")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlan:
    """What protection of one venue asks for."""

    stops: tuple[StopTarget, ...] = ()
    #: Legs that must shrink before their stops fit.
    reductions: tuple[ProtectiveReduction, ...] = ()
    #: Positions that no stop can be worked out for, and why.
    unstoppable: tuple[tuple[Leg, str], ...] = ()
    #: What the owner should know of the liquidation prices.
    warnings: tuple[str, ...] = ()

    @property
    def shrinking(self) -> frozenset[Asset]:
        """The assets whose legs protection makes smaller now."""
        return frozenset(one.ceiling.asset for one in self.reductions)


def want_stops(
    account: AccountState,
    *,
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
    daily_sigmas: Mapping[Asset, Decimal | None],
    anchors: Mapping[Asset, Decimal],
    policy: Policy,
    now: datetime,
    unlisted: Sequence[FuturesPosition] = (),
) -> StopPlan:
    """Return the stop of every position that is ours, and the reductions without which a stop does not fit.

    ``anchors`` holds the price of each asset at the last look, from which distances are measured; mark where there
    is none. ``unlisted`` is what should be there and the venue does not list: it gets a stop and is not made smaller.
    """
    wallets = {one.currency: (one, joint_liquidation_frac(one)) for one in wallets_of(account, instruments, quotes)}
    legs: list[_OneLeg] = []
    unstoppable: list[tuple[Leg, str]] = []
    for position in (*account.positions, *unlisted):
        if position.symbol in policy.foreign_symbols:
            continue
        leg = (position.venue, position.symbol)
        instrument, quote = instruments.get(leg), quotes.get(leg)
        if instrument is None or quote is None:
            unstoppable.append((leg, f"{position.symbol} has no terms or no price"))
            continue
        sigma = daily_sigmas.get(instrument.asset)
        wallet, joint_frac = wallets.get(instrument.settle, (None, None))
        legs.append(
            _OneLeg(
                position=position,
                instrument=instrument,
                quote=quote,
                sigma=_ASSUMED_DAILY_SIGMA if sigma is None else sigma,
                anchor=anchors.get(instrument.asset),
                is_apart=is_apart(quote, instrument, policy.limits, now),
                wallet=wallet,
                joint_frac=joint_frac,
            )
        )
    return StopPlan(
        stops=tuple(_target(one, policy.stops) for one in legs),
        reductions=_reductions([one for one in legs if one.position not in unlisted], policy, now),
        unstoppable=tuple(unstoppable),
        warnings=tuple(sentence for one in legs for sentence in _doubts(one)),
    )


def protect_accounts(snapshot: Snapshot, policy: Policy, anchors: Mapping[Asset, Decimal], now: datetime) -> StopPlan:
    """Return what all venues of a snapshot ask for together."""
    sigmas = {asset: daily_sigma(history, now) for asset, history in snapshot.histories.items()}
    plans = [
        want_stops(
            account,
            instruments=snapshot.instruments,
            quotes=snapshot.quotes,
            daily_sigmas=sigmas,
            anchors=anchors,
            policy=policy,
            now=now,
        )
        for account in snapshot.accounts.values()
        if account.positions
    ]
    return StopPlan(
        stops=tuple(stop for plan in plans for stop in plan.stops),
        reductions=tuple(reduction for plan in plans for reduction in plan.reductions),
        unstoppable=tuple(leg for plan in plans for leg in plan.unstoppable),
        warnings=tuple(sentence for plan in plans for sentence in plan.warnings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneLeg:
    """What the stop of one position depends on."""

    position: FuturesPosition
    instrument: Instrument
    quote: Quote
    sigma: Decimal
    anchor: Decimal | None
    #: Mark and index are so far apart that one of them is wrong.
    is_apart: bool
    #: None where the venue tells of no margin account in the currency that the contract settles in.
    wallet: Wallet | None
    #: Move against every leg of the wallet at which it is liquidated; None when none does it.
    joint_frac: Decimal | None

    @property
    def direction(self) -> int:
        """+1 for a long."""
        return 1 if self.position.contracts > 0 else -1

    @property
    def look_price(self) -> Decimal:
        """What the contract was worth at the last look: the asset then, with the basis of now; mark before any.

        Without the basis where it is so large that one of its prices is wrong: it would carry a stop to where it
        meets the market.
        """
        if self.anchor is None:
            return self.quote.mark_price
        return self.anchor if self.is_apart else self.anchor * self.quote.mark_price / self.quote.index_price

    @property
    def venue_distance_frac(self) -> Decimal | None:
        """The venue's liquidation price as a fraction of mark; None when it gives none, or one that cannot be."""
        price, mark = self.position.liquidation_price, self.quote.mark_price
        if price is None:
            return None
        distance = (mark - price) / mark * self.direction
        return None if distance < -_STILL_HELD_FRAC else distance

    def liquidation_distance_frac(self) -> Decimal:
        """Return the nearer of the venue's liquidation price and our own, as a fraction of mark."""
        known = [frac for frac in (self.joint_frac, self.venue_distance_frac) if frac is not None]
        return max(ZERO, min(known, default=ONE))

    def needed_distance_frac(self, stops: StopPolicy) -> Decimal:
        """Return how far liquidation must be so that the nearest sensible stop stands before its buffer."""
        return _needed_frac(self.sigma, stops)


def _needed_frac(sigma: Decimal, stops: StopPolicy) -> Decimal:
    return min(_FARTHEST, stops.floor_sigmas * sigma / (ONE - stops.liquidation_buffer_frac))


def needed_room_frac(wallet: Wallet, daily_sigmas: Mapping[Asset, Decimal | None], policy: Policy) -> Decimal:
    """Return the move against every leg that a wallet must survive, or a leg is made smaller for its stop's sake."""
    needed = ZERO
    for one in wallet.holdings:
        if one.instrument.symbol not in policy.foreign_symbols:
            sigma = daily_sigmas.get(one.instrument.asset)
            needed = max(needed, _needed_frac(_ASSUMED_DAILY_SIGMA if sigma is None else sigma, policy.stops))
    return needed


def _target(one: _OneLeg, stops: StopPolicy) -> StopTarget:
    mark = one.quote.mark_price
    anchor = one.position.entry_price if stops.anchor is StopAnchor.ENTRY else one.look_price
    distance = min(_FARTHEST, max(stops.min_distance_frac, stops.daily_sigmas * one.sigma))
    cap = one.liquidation_distance_frac() * (ONE - stops.liquidation_buffer_frac)
    wanted = anchor * (ONE - one.direction * distance)
    farthest = mark * (ONE - one.direction * min(_FARTHEST, cap))
    inside = mark * (ONE - one.direction * min(_FARTHEST, cap * _INSIDE_CAP))
    slack = mark * stops.reanchor_frac
    tick = one.instrument.tick_size
    if one.direction > 0:
        trigger = ceil_to_step(max(wanted, inside), tick)
        low, high = max(farthest, trigger - slack), trigger + slack
    else:
        trigger = floor_to_step(min(wanted, inside), tick)
        low, high = trigger - slack, min(farthest, trigger + slack)
    return StopTarget(
        venue=one.position.venue,
        symbol=one.position.symbol,
        asset=one.instrument.asset,
        side=side_of(-one.position.contracts),
        contracts=abs(one.position.contracts),
        order_sizes=one.instrument.reducing_orders(abs(one.position.contracts), _MOST_STOPS),
        trigger_price=trigger,
        acceptable_low=low,
        acceptable_high=high,
        liquidation_price=one.position.liquidation_price,
        mark_price=mark,
    )


def of_size(target: StopTarget, contracts: Decimal, instrument: Instrument) -> StopTarget:
    """Return the same stop for a position of another size, unsigned."""
    return replace(target, contracts=contracts, order_sizes=instrument.reducing_orders(contracts, _MOST_STOPS))


def _doubts(one: _OneLeg) -> list[str]:
    """Return sentences where the venue gives no liquidation price or one that our own formula contradicts."""
    theirs, symbol = one.venue_distance_frac, one.position.symbol
    is_near = one.joint_frac is not None and one.joint_frac < ONE
    if one.wallet is not None and not is_near and (theirs is None or theirs >= ONE):
        # Far away for both: alone a leg is further from liquidation than with all others against it.
        return []
    own = None if one.wallet is None else own_liquidation_frac(one.wallet, symbol)
    if theirs is None:
        if one.wallet is not None and (own is None or own >= ONE):
            return []
        return [f"{one.position.venue} gives no liquidation price for {symbol}; ours is used"]
    if own is not None and min(own, theirs) < ONE and abs(own - theirs) > _AGREEMENT_FRAC:
        return [f"{symbol}: liquidation is {theirs:.1%} away for the venue and {own:.1%} by our own formula"]
    return []


# --- reductions --------------------------------------------------------------------------------


def _reductions(legs: list[_OneLeg], policy: Policy, now: datetime) -> tuple[ProtectiveReduction, ...]:
    """Return what the legs must give up so that their stops stand outside ordinary noise.

    The leg that needs most room comes first: what it gives up makes room for the others in its wallet.
    """
    reductions = []
    relieved: dict[str, Wallet] = {}
    for one in sorted(legs, key=lambda leg: leg.needed_distance_frac(policy.stops), reverse=True):
        needed = one.needed_distance_frac(policy.stops)
        wallet = relieved.get(one.instrument.settle, one.wallet)
        contracts = _excess_contracts(one, wallet, needed)
        if contracts > 0:
            reductions.append(_reduction(one, contracts, policy, now))
            if wallet is not None:
                relieved[one.instrument.settle] = _without(wallet, one, contracts)
    return tuple(reductions)


def _without(wallet: Wallet, one: _OneLeg, contracts: Decimal) -> Wallet:
    change = Holding(
        instrument=one.instrument,
        contracts=-contracts * one.direction,
        mark_price=one.quote.mark_price,
    )
    return wallet.with_contracts({one.instrument.symbol: change})


def _excess_contracts(one: _OneLeg, wallet: Wallet | None, needed_frac: Decimal) -> Decimal:
    """Return how many contracts must go, on the lot and rounded up, where liquidation is not ``needed_frac`` away."""
    size = abs(one.position.contracts)
    wanted_frac = needed_frac * _ROOM
    theirs = one.venue_distance_frac
    short = ZERO
    if theirs is not None and theirs < needed_frac:
        # All we know of the venue's number: room ÷ size. Room stays, so distance grows as size shrinks.
        short = size * (ONE - theirs / wanted_frac) if theirs > 0 else size
    if wallet is not None and one.joint_frac is not None and one.joint_frac < needed_frac:
        short = max(short, _excess_by_formula(one, wallet, wanted_frac, size))
    return min(size, ceil_to_step(short, one.instrument.lot_size))


def _excess_by_formula(one: _OneLeg, wallet: Wallet, needed_frac: Decimal, size: Decimal) -> Decimal:
    """Return the contracts (unrounded) that must go by our own liquidation formula."""
    gone = ZERO
    for _ in range(_ROUNDS):
        distance = joint_liquidation_frac(_without(wallet, one, gone))
        if distance is None or distance >= needed_frac or gone >= size:
            break
        gone = min(size, gone + _next_step(one, _without(wallet, one, gone), needed_frac))
    return gone


def _next_step(one: _OneLeg, wallet: Wallet, needed_frac: Decimal) -> Decimal:
    """Return the contracts without which a move of ``needed_frac`` against all legs is survived; at least a lot.

    Exact while what stays is in the same margin tier.
    """
    worst = own = ZERO
    for holding in wallet.holdings:
        against = -needed_frac if holding.contracts > 0 else needed_frac
        loss = holding.maintenance_after(against) - holding.profit_after(against)
        worst += loss
        if holding.instrument.symbol == one.instrument.symbol:
            own = loss / abs(holding.contracts)
    return max((worst - wallet.margin_balance) / own, one.instrument.lot_size)


def _reduction(one: _OneLeg, contracts: Decimal, policy: Policy, now: datetime) -> ProtectiveReduction:
    instrument, quote = one.instrument, one.quote
    side = side_of(-one.position.contracts)
    why = f"liquidation is {one.liquidation_distance_frac():.1%} away, less than a stop needs"
    left = instrument.base_from_contracts(abs(one.position.contracts) - contracts, quote.mark_price)
    leg = reducing_leg(instrument, quote, side=side, contracts=contracts, execution=policy.execution, reason=why)
    ceiling = CeilingSet(
        at=now,
        asset=instrument.asset,
        cause="stop_floor",
        max_delta_base=left,
        release_at=now + policy.stops.ceiling_duration,
        why=why,
    )
    return ProtectiveReduction(leg=leg, ceiling=ceiling)


# --- after a stop ------------------------------------------------------------------------------


def ceiling_after_stop_out(
    *,
    instrument: Instrument,
    remaining_contracts: Decimal,
    mark_price: Decimal,
    policy: Policy,
    now: datetime,
    closed_at: datetime,
    cause: str,
    source: str,
) -> CeilingSet:
    """Return the ceiling that keeps the next look from putting back what a stop took off.

    It lasts from ``closed_at`` by the venue, or from now where that is later: this machine's clock may be behind.
    """
    left = instrument.base_from_contracts(remaining_contracts, mark_price)
    return CeilingSet(
        at=now,
        asset=instrument.asset,
        cause=cause,
        max_delta_base=abs(left),
        release_at=max(now, closed_at) + policy.stops.ceiling_duration,
        why=f"{instrument.symbol} was closed at {decimal_text(mark_price)} without a look",
        source=source,
    )


def tell_stop_out(instrument: Instrument, closing_contracts: Decimal, price: Decimal) -> str:
    """Return the sentence that names what a stop has done to the owner's net exposure.

    ``closing_contracts`` is what the stop traded, signed: + bought a short back, − sold a long.
    """
    amount = instrument.base_from_contracts(closing_contracts, price)
    worth = abs(amount) * price
    was, now = ("short", "larger") if closing_contracts > 0 else ("long", "smaller")
    asset, size = instrument.asset, decimal_text(abs(amount))
    return (
        f"The stop closed a {was} of {size} {asset} in {instrument.symbol} at {decimal_text(price)}:"
        f" net exposure to {asset} is {size} {asset} ({worth:.0f} {instrument.quote}) {now} than it was,"
        f" and is not hedged again before its ceiling is released"
    )
