"""How far may prices move before a wallet is liquidated?"""

from decimal import Decimal

from bot.decisions.adverse import adverse_cost
from bot.decisions.wallets import Holding, Wallet
from bot.domain.ids import Symbol
from bot.domain.units import ONE, ZERO, sign

#: Further than this no move is looked for, and to this much it is found.
_FARTHEST = Decimal(10)
_FINE = Decimal("0.000001")


def joint_liquidation_frac(wallet: Wallet) -> Decimal | None:
    """Return the move against every leg at once at which a wallet is liquidated.

    None when no move does it: no positions, or shorts of a coin that are covered by the coin. Zero or less: it is
    due.
    """
    if wallet.pledged and wallet.holdings:
        return _with_pledged(wallet)
    return _liquidation_frac(wallet.holdings, wallet.margin_balance)


def _with_pledged(wallet: Wallet) -> Decimal | None:
    """Find the move by halving: what it costs is convex, and which way each asset goes depends on it."""
    survived, fatal = ZERO, _FARTHEST
    if adverse_cost(wallet, survived) >= wallet.margin_balance:
        return ZERO
    if adverse_cost(wallet, fatal) < wallet.margin_balance:
        return None
    while fatal - survived > _FINE:
        middle = (survived + fatal) / 2
        if adverse_cost(wallet, middle) >= wallet.margin_balance:
            fatal = middle
        else:
            survived = middle
    return survived


def own_liquidation_frac(wallet: Wallet, symbol: Symbol) -> Decimal | None:
    """Return the move of one leg alone at which the wallet is liquidated, as a venue would tell it."""
    return own_liquidation_fracs(wallet).get(symbol)


def own_liquidation_fracs(wallet: Wallet) -> dict[Symbol, Decimal | None]:
    """Return the same for each leg; the others are added up once."""
    needed = {one.instrument.symbol: one.maintenance_after(ZERO) for one in wallet.holdings}
    room = wallet.margin_balance - sum(needed.values(), ZERO)
    return {
        one.instrument.symbol: _liquidation_frac(
            (one,),
            room + needed[one.instrument.symbol],
            wallet.pledged.get(one.instrument.asset, ZERO) * sign(one.contracts),
        )
        for one in wallet.holdings
    }


def _liquidation_frac(moving: tuple[Holding, ...], room: Decimal, pledged: Decimal = ZERO) -> Decimal | None:
    """Solve room + profit(x) = maintenance(x) for the adverse move x, at the margin tiers that the move reaches.

    Maintenance bends upward from tier to tier, so each straight line of it lies below and its move is too far; the
    line at that move comes nearer, until it is the one that the move lies on. ``pledged`` is what coins of a single
    leg's asset count for, + where they fall when the leg loses.
    """
    if not moving:
        return None
    move = _at_tiers_after(moving, room, ZERO, pledged)
    while move is not None and move > 0:
        nearer = _at_tiers_after(moving, room, move, pledged)
        if nearer is None or nearer >= move:
            break
        move = nearer
    return move


def _at_tiers_after(moving: tuple[Holding, ...], room: Decimal, move: Decimal, pledged: Decimal) -> Decimal | None:
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
        # Loss x·(worth + pledged), maintenance fixed + x·grows.
        loses = worth + pledged + grows
        return (room - fixed) / loses if loses > 0 else None
    if has_longs:
        # In coins a long loses worth·x ÷ (1 − x); with shorts besides, which lose less, this is on the safe side.
        return (room - fixed) / (room + worth) if room + worth > 0 else ZERO
    # In coins a short loses worth·x ÷ (1 + x), never more than its worth.
    return (room - fixed) / (worth - room) if room < worth else None
