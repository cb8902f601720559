"""What can a wallet carry?

A wallet is all futures of one venue that settle in one currency, with cross margin. Amounts are in that currency,
so the collateral of a coin-settled wallet moves with its coin by itself. Spot is never sold: a hedge's losses are
paid from here, and what a wallet survives bounds what can be hedged.

Stress: every leg moves against us at once by x % (never milder than a parallel move of ±x %), every recorded joint
window of 1, 3 and 7 days, and every joint move that the covariance does not make next to impossible. The wallet
survives when what is left covers a multiple of maintenance. What survives is concave in the size of the plan: in each
scenario losses grow in proportion and maintenance at least so, and the worst of several such scenarios is concave too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from bot.decisions.correlation import recorded_covariance
from bot.decisions.volatility import joint_windows
from bot.domain.books import Leg
from bot.domain.ids import Asset, Currency, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import PriceHistory, Quote
from bot.domain.plan import HedgeLeg, MarginLine
from bot.domain.policy import RiskLimits
from bot.domain.portfolio import AccountState, FuturesPosition, MarginAccount, WalletKind
from bot.domain.snapshot import Snapshot
from bot.domain.units import DAYS_PER_YEAR, ONE, ZERO, clamp, sign

#: A wallet in the sense of this file.
WalletKey = tuple[VenueId, Currency]

#: A joint move is survived up to this many standard deviations of what is held, over so many days.
_JOINT_SIGMAS = Decimal(4)
_JOINT_DAYS = Decimal(3)
#: In it no price falls by more than this; an asset for which it would counts with a lesser σ.
_DEEPEST_FALL_FRAC = Decimal("0.95")

#: Chords drawn toward the largest fraction that survives. Within one margin tier the first is exact.
_CHORDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One contract in a wallet: a position as it is, or as it would be."""

    instrument: Instrument
    #: Signed.
    contracts: Decimal
    mark_price: Decimal

    @property
    def notional(self) -> Decimal:
        """Unsigned worth at mark, in quote currency."""
        return self.instrument.notional_quote(self.contracts, self.mark_price)

    @property
    def notional_settle(self) -> Decimal:
        """Unsigned worth at mark, in the settlement currency."""
        return self.notional if self.instrument.is_linear else self.notional / self.mark_price

    def profit_after(self, move_frac: Decimal) -> Decimal:
        """Return what a move of the price brings, in the settlement currency."""
        amount = self.contracts * self.instrument.contract_size
        if self.instrument.is_linear:
            return amount * self.mark_price * move_frac
        return amount / self.mark_price * (ONE - ONE / (ONE + move_frac))

    def maintenance_after(self, move_frac: Decimal) -> Decimal:
        """Return the maintenance margin after a move, in the settlement currency."""
        price = self.mark_price * (ONE + move_frac)
        needed = self.instrument.maintenance_quote(self.instrument.notional_quote(self.contracts, price))
        return needed if self.instrument.is_linear else needed / price


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """A margin wallet with its contracts."""

    venue: VenueId
    kind: WalletKind
    currency: Currency
    margin_balance: Decimal
    #: As the venue reports it, with the positions that are open.
    maintenance_margin: Decimal
    holdings: tuple[Holding, ...]

    @property
    def key(self) -> WalletKey:
        """Venue and currency."""
        return self.venue, self.currency

    @property
    def gross(self) -> Decimal:
        """Σ |notional| in the settlement currency."""
        return sum((one.notional_settle for one in self.holdings), ZERO)

    def with_contracts(self, changes: Mapping[Symbol, Holding]) -> "Wallet":
        """Return the wallet with contracts added; what comes to nothing is left out."""
        merged = {one.instrument.symbol: one for one in self.holdings}
        for symbol, change in changes.items():
            before = merged.get(symbol)
            total = change.contracts + (before.contracts if before is not None else ZERO)
            merged[symbol] = replace(change, contracts=total)
        return replace(self, holdings=tuple(one for one in merged.values() if one.contracts))


def wallets_of(
    account: AccountState, instruments: Mapping[Leg, Instrument], quotes: Mapping[Leg, Quote]
) -> tuple[Wallet, ...]:
    """Return the margin wallets of one venue with the positions in them, foreign ones too."""
    return tuple(
        Wallet(
            venue=account.venue,
            kind=margin.wallet,
            currency=margin.currency,
            margin_balance=margin.margin_balance,
            maintenance_margin=margin.maintenance_margin,
            holdings=tuple(_holdings_in(margin, account.positions, instruments, quotes)),
        )
        for margin in account.margins
    )


def _holdings_in(
    margin: MarginAccount,
    positions: Sequence[FuturesPosition],
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
) -> Iterable[Holding]:
    for position in positions:
        leg = (position.venue, position.symbol)
        instrument, quote = instruments.get(leg), quotes.get(leg)
        if instrument is not None and quote is not None and instrument.settle == margin.currency:
            yield Holding(instrument=instrument, contracts=position.contracts, mark_price=quote.mark_price)


# --- stress ------------------------------------------------------------------------------------


def stress_surplus(wallet: Wallet, histories: Mapping[Asset, PriceHistory], limits: RiskLimits) -> Decimal:
    """Return what the worst stress leaves over the needed multiple of maintenance; negative is the shortfall."""
    directions = tuple((one.instrument.asset, sign(one.contracts)) for one in wallet.holdings)
    recorded = tuple(histories.values())
    scenarios = _adverse_scenarios(recorded, directions, limits.stress_frac)
    surplus = min(_surplus_after(wallet, moves, limits.stress_maintenance_multiple) for moves in scenarios)
    reach = _joint_reach(recorded, limits.stress_frac)
    return surplus if reach is None else min(surplus, _joint_surplus(wallet, reach, limits))


def _surplus_after(wallet: Wallet, moves: tuple[Decimal, ...], multiple: Decimal) -> Decimal:
    left, needed = wallet.margin_balance, ZERO
    for holding, move in zip(wallet.holdings, moves, strict=True):
        left += holding.profit_after(move)
        needed += holding.maintenance_after(move)
    return left - needed * multiple


@lru_cache(maxsize=64)
def _adverse_scenarios(
    histories: tuple[PriceHistory, ...], directions: tuple[tuple[Asset, int], ...], stress_frac: Decimal
) -> tuple[tuple[Decimal, ...], ...]:
    """Return the moves, one per leg, that can be the worst for legs of these directions.

    First the one against every leg at once. Then the recorded windows, without those that are nowhere worse than
    another scenario. A leg whose asset has no close in a window moves against us: missing is not zero.
    """
    against = tuple(-stress_frac * direction for _, direction in directions)
    places = {history.asset: place for place, history in enumerate(histories)}
    kept = [against]
    for moves in joint_windows(histories):
        window = tuple(
            _move_of(places.get(asset), moves, worst) for (asset, _), worst in zip(directions, against, strict=True)
        )
        if not any(_is_no_worse(window, other, directions) for other in kept):
            kept = [other for other in kept if not _is_no_worse(other, window, directions)]
            kept.append(window)
    return tuple(kept)


def _move_of(place: int | None, moves: tuple[Decimal | None, ...], worst: Decimal) -> Decimal:
    move = None if place is None else moves[place]
    return worst if move is None else move


def _is_no_worse(
    moves: tuple[Decimal, ...], other: tuple[Decimal, ...], directions: tuple[tuple[Asset, int], ...]
) -> bool:
    """Return True when no leg loses more in ``moves`` than in ``other``."""
    return all(
        move * direction >= reference * direction
        for move, reference, (_, direction) in zip(moves, other, directions, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _JointReach:
    """The joint moves m that are survived: an ellipsoid, the m for which m'S⁻¹m ≤ 1."""

    #: S = sigmas² · days · Σ.
    shape: Mapping[Asset, Mapping[Asset, Decimal]]
    #: How far each asset goes in it, up or down.
    furthest: Mapping[Asset, Decimal]


@lru_cache(maxsize=16)
def _joint_reach(histories: tuple[PriceHistory, ...], stress_frac: Decimal) -> _JointReach | None:
    """Return which joint moves the covariance makes likely enough to be survived; None without a covariance.

    None, too, when no asset goes further in them than ``stress_frac``: then every leg against us is worse.
    """
    moves = recorded_covariance(histories)
    if moves is None:
        return None
    days = _JOINT_DAYS / DAYS_PER_YEAR
    reached = [_JOINT_SIGMAS * sigma * days.sqrt() for sigma in moves.sigmas_annual]
    if max(reached) <= stress_frac:
        return None
    kept = [min(ONE, _DEEPEST_FALL_FRAC / one) if one else ONE for one in reached]
    scale = _JOINT_SIGMAS * _JOINT_SIGMAS * days
    return _JointReach(
        shape={
            asset: {
                other: entry * scale * kept[row] * kept[column]
                for column, (other, entry) in enumerate(zip(moves.assets, moves.annual[row], strict=True))
            }
            for row, asset in enumerate(moves.assets)
        },
        furthest={asset: one * keep for asset, one, keep in zip(moves.assets, reached, kept, strict=True)},
    )


def _joint_surplus(wallet: Wallet, reach: _JointReach, limits: RiskLimits) -> Decimal:
    """Return what is left, at the least, after every joint move within ``reach``.

    Of signed notionals w the worst one is −Sw ÷ √(w'Sw), and it costs √(w'Sw). It turns with w; as a norm of w its
    cost is convex all the same. Maintenance is needed as at the far end of each asset's own range, wherever the
    others go: nowhere in reach is more needed, and it does not turn with w. So the surplus is concave, as with a
    fixed scenario. An asset without a covariance moves against us: missing is not zero.
    """
    worth: dict[Asset, Decimal] = {}
    for one in wallet.holdings:
        if one.instrument.asset in reach.shape:
            signed = one.notional_settle * sign(one.contracts)
            worth[one.instrument.asset] = worth.get(one.instrument.asset, ZERO) + signed
    pulls = {asset: sum((reach.shape[asset][other] * w for other, w in worth.items()), ZERO) for asset in worth}
    cost = max(ZERO, sum((w * pulls[asset] for asset, w in worth.items()), ZERO)).sqrt()
    left, needed = wallet.margin_balance, ZERO
    for one in wallet.holdings:
        asset = one.instrument.asset
        if asset not in worth:
            move = worst_move = -limits.stress_frac * sign(one.contracts)
        else:
            move = -pulls[asset] / cost if cost else ZERO
            worst_move = reach.furthest[asset] * (1 if one.instrument.is_linear else -1)
        left += one.profit_after(move)
        needed += one.maintenance_after(worst_move)
    return left - needed * limits.stress_maintenance_multiple


# --- capacity ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletLoad:
    """One wallet under the plan."""

    #: With the reducing legs done.
    before: Wallet
    #: With every leg done.
    after: Wallet
    #: What the worst stress leaves of ``after``; negative is the shortfall.
    surplus_after: Decimal
    #: Largest common fraction of the increasing legs that survives the stress.
    stress_capacity_frac: Decimal
    #: Largest common fraction that stays within the leverage cap.
    leverage_capacity_frac: Decimal
    #: Margin that is missing to carry ``after``, in the settlement currency; 0 when none is.
    shortfall: Decimal


def load_wallets(snapshot: Snapshot, legs: Iterable[HedgeLeg], limits: RiskLimits) -> dict[WalletKey, WalletLoad]:
    """Return every wallet with the legs of a plan in it; one that a leg needs and that is not there is empty."""
    wallets = {
        wallet.key: wallet
        for account in snapshot.accounts.values()
        for wallet in wallets_of(account, snapshot.instruments, snapshot.quotes)
    }
    reducing: dict[WalletKey, dict[Symbol, Holding]] = {}
    every: dict[WalletKey, dict[Symbol, Holding]] = {}
    for leg in legs:
        key = (leg.instrument.venue, leg.instrument.settle)
        wallets.setdefault(key, _empty_wallet(leg.instrument))
        quote = snapshot.quotes[leg.instrument.venue, leg.instrument.symbol]
        _add(every.setdefault(key, {}), leg, quote.mark_price)
        if leg.reduce_only:
            _add(reducing.setdefault(key, {}), leg, quote.mark_price)
    return {
        key: load_wallet(
            wallet.with_contracts(reducing.get(key, {})),
            wallet.with_contracts(every.get(key, {})),
            snapshot.histories,
            limits,
        )
        for key, wallet in wallets.items()
    }


def _add(changes: dict[Symbol, Holding], leg: HedgeLeg, mark_price: Decimal) -> None:
    symbol = leg.instrument.symbol
    earlier = changes[symbol].contracts if symbol in changes else ZERO
    changes[symbol] = Holding(
        instrument=leg.instrument,
        contracts=earlier + leg.contracts * leg.side.sign,
        mark_price=mark_price,
    )


def _empty_wallet(instrument: Instrument) -> Wallet:
    return Wallet(
        venue=instrument.venue,
        kind=WalletKind.LINEAR_FUTURES if instrument.is_linear else WalletKind.INVERSE_FUTURES,
        currency=instrument.settle,
        margin_balance=ZERO,
        maintenance_margin=ZERO,
        holdings=(),
    )


def load_wallet(
    before: Wallet, after: Wallet, histories: Mapping[Asset, PriceHistory], limits: RiskLimits
) -> WalletLoad:
    """Measure what one wallet can carry on the way from ``before`` to ``after``."""
    surplus = stress_surplus(after, histories, limits)
    gross_before, gross_after = before.gross, after.gross
    room = limits.max_leverage * after.margin_balance - gross_before
    grows_by = gross_after - gross_before
    return WalletLoad(
        before=before,
        after=after,
        surplus_after=surplus,
        stress_capacity_frac=ONE if surplus >= 0 else _stress_capacity(before, after, surplus, histories, limits),
        leverage_capacity_frac=ONE if grows_by <= max(room, ZERO) else clamp(room / grows_by, ZERO, ONE),
        shortfall=max(ZERO, -surplus, gross_after / limits.max_leverage - after.margin_balance),
    )


def _stress_capacity(
    before: Wallet,
    after: Wallet,
    surplus_after: Decimal,
    histories: Mapping[Asset, PriceHistory],
    limits: RiskLimits,
) -> Decimal:
    """Return the largest fraction of the way that survives, from below.

    The surplus is concave, so a chord from a point that survives to the end, which does not, meets zero before it
    does.
    """
    low, low_surplus = ZERO, stress_surplus(before, histories, limits)
    for _ in range(_CHORDS):
        if low_surplus <= 0:
            break
        low += (ONE - low) * low_surplus / (low_surplus - surplus_after)
        low_surplus = stress_surplus(_between(before, after, low), histories, limits)
    return low


def _between(before: Wallet, after: Wallet, fraction: Decimal) -> Wallet:
    start = {one.instrument.symbol: one.contracts for one in before.holdings}
    holdings = []
    for one in after.holdings:
        begun = start.get(one.instrument.symbol, ZERO)
        holdings.append(replace(one, contracts=begun + (one.contracts - begun) * fraction))
    return replace(after, holdings=tuple(holdings))


def leverage(wallet: Wallet) -> Decimal | None:
    """Return gross notional ÷ margin balance; None when there is no balance to divide by."""
    return wallet.gross / wallet.margin_balance if wallet.margin_balance > 0 else None


def margin_line(load: WalletLoad) -> MarginLine:
    """Return how a wallet is told."""
    now = load.before
    return MarginLine(
        venue=now.venue,
        wallet=now.kind,
        currency=now.currency,
        margin_balance=now.margin_balance,
        maintenance_margin=now.maintenance_margin,
        usage_frac=now.maintenance_margin / now.margin_balance if now.margin_balance > 0 else None,
        leverage_after=leverage(load.after),
        stress_surplus=load.surplus_after,
    )


# --- liquidation -------------------------------------------------------------------------------


def joint_liquidation_frac(wallet: Wallet) -> Decimal | None:
    """Return the move against every leg at once at which a wallet is liquidated.

    None when no move does it: no positions, or shorts of a coin that are covered by the coin. Zero or less: it is
    due.
    """
    return _liquidation_frac(wallet.holdings, wallet.margin_balance)


def own_liquidation_frac(wallet: Wallet, symbol: Symbol) -> Decimal | None:
    """Return the move of one leg alone at which the wallet is liquidated, as a venue would tell it."""
    others = sum((one.maintenance_after(ZERO) for one in wallet.holdings if one.instrument.symbol != symbol), ZERO)
    moving = tuple(one for one in wallet.holdings if one.instrument.symbol == symbol)
    return _liquidation_frac(moving, wallet.margin_balance - others)


def _liquidation_frac(moving: tuple[Holding, ...], room: Decimal) -> Decimal | None:
    """Solve room + profit(x) = maintenance(x) for the adverse move x, at the margin tiers that the move reaches.

    Maintenance bends upward from tier to tier, so each straight line of it lies below and its move is too far; the
    line at that move comes nearer, until it is the one that the move lies on.
    """
    if not moving:
        return None
    move = _at_tiers_after(moving, room, ZERO)
    while move is not None and move > 0:
        nearer = _at_tiers_after(moving, room, move)
        if nearer is None or nearer >= move:
            break
        move = nearer
    return move


def _at_tiers_after(moving: tuple[Holding, ...], room: Decimal, move: Decimal) -> Decimal | None:
    """Solve with maintenance taken as the straight line that it is after ``move``."""
    worth = fixed = grows = ZERO
    has_longs = False
    for one in moving:
        direction = sign(one.contracts)
        has_longs |= direction > 0
        notional = one.notional
        reached = notional * (ONE - direction * move) if one.instrument.is_linear else notional
        tier = one.instrument.tier_for(reached)
        in_settle = ONE if one.instrument.is_linear else one.mark_price
        worth += notional / in_settle
        fixed += (notional * tier.maintenance_frac - tier.maintenance_amount_quote) / in_settle
        grows -= direction * notional * tier.maintenance_frac / in_settle
    if moving[0].instrument.is_linear:
        # Loss x·worth, maintenance fixed + x·grows.
        return (room - fixed) / (worth + grows)
    if has_longs:
        # In coins a long loses worth·x ÷ (1 − x); with shorts besides, which lose less, this is on the safe side.
        return (room - fixed) / (room + worth) if room + worth > 0 else ZERO
    # In coins a short loses worth·x ÷ (1 + x), never more than its worth.
    return (room - fixed) / (worth - room) if room < worth else None
