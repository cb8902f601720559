"""In which contract is a hedge opened?

Among the perpetuals that the owner allows: the first kind of the owner's preference, then the venues in the order
they are configured, then the symbol. The same answer for the same inputs, always.
"""

from bot.domain.ids import Asset
from bot.domain.instruments import Instrument
from bot.domain.policy import Policy
from bot.domain.snapshot import Snapshot


def choose_instrument(asset: Asset, snapshot: Snapshot, policy: Policy) -> Instrument | None:
    """Return the contract for new exposure in ``asset``; None when there is none to be had."""
    kinds = policy.kinds_for(asset)
    venues = list(snapshot.accounts)
    candidates = [
        instrument
        for instrument in snapshot.instruments.values()
        if instrument.asset == asset
        and instrument.is_perpetual
        and instrument.kind in kinds
        and instrument.venue in snapshot.accounts
        and instrument.symbol not in policy.foreign_symbols
    ]
    return min(
        candidates,
        key=lambda one: (kinds.index(one.kind), venues.index(one.venue), one.symbol),
        default=None,
    )


def choose_instruments(snapshot: Snapshot, policy: Policy) -> dict[Asset, Instrument]:
    """Return the contract for new exposure in each asset; assets without one are left out."""
    chosen = {asset: choose_instrument(asset, snapshot, policy) for asset in policy.assets}
    return {asset: instrument for asset, instrument in chosen.items() if instrument is not None}
