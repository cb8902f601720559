"""What can a wallet carry?

Spot is never sold: a hedge's losses are paid from the wallet, and what it survives bounds what can be hedged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.decisions.stress import stress_surplus
from bot.decisions.wallets import Holding, Wallet, WalletKey, empty_wallet, leverage, wallets_of
from bot.domain.ids import Asset, Symbol
from bot.domain.market import PriceHistory
from bot.domain.plan import HedgeLeg, MarginLine
from bot.domain.policy import RiskLimits
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO, clamp

#: Chords drawn toward the largest fraction that survives. Within one margin tier the first is exact.
_CHORDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletLoad:
    """One wallet under the plan."""

    #: With the reducing legs done.
    before: Wallet
    #: With every leg done.
    after: Wallet
    #: Σ |notional| of ``after``, in the settlement currency.
    gross_after: Decimal
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
        wallets.setdefault(key, empty_wallet(leg.instrument))
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
        gross_after=gross_after,
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
