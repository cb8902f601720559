"""Which collateral goes back? What the bot has moved into a futures wallet, once it has long been needed no more.

Off unless the owner asks for it. Never more than was moved in, never so much that the wallet would soon ask for it
again: what is left must survive half as much again as a warning takes, and the move that new hedges are tried with. All
of it is read from the journal, so that a restart sends nothing twice.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from bot.decisions.collateral import transfer_step
from bot.decisions.margin_ladder import shortage
from bot.decisions.wallets import Wallet
from bot.domain.books import Books
from bot.domain.policy import MarginBound, MarginPolicy, MarginRung
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferDraft, TransferState
from bot.domain.units import ONE, ZERO, floor_to_step

#: So much better than the bound of a warning the wallet must be afterwards.
_AMPLE = Decimal("1.5")


def plan_sweep(
    wallet: Wallet,
    books: Books,
    policy: MarginPolicy,
    *,
    stress_frac: Decimal,
    usd_price: Decimal,
    is_coin: bool,
    now: datetime,
) -> TransferDraft | None:
    """Return the transfer back to the spot wallet; None where none is due.

    ``stress_frac`` is the move against every leg that new hedges are tried with, ``usd_price`` what one unit of the
    wallet's currency is worth, ``is_coin`` says that it is a targeted coin.
    """
    if policy.sweep_after is None or not _is_due(wallet, books, policy, now):
        return None
    moved_in = books.transferred.get((wallet.venue, wallet.kind, wallet.currency), ZERO)
    to_spare = -shortage(wallet, MarginRung.WARN, ample(policy, stress_frac))
    amount = floor_to_step(max(ZERO, min(moved_in, to_spare)), transfer_step(is_coin=is_coin))
    if amount == 0 or amount * usd_price < policy.min_transfer_quote:
        return None
    return TransferDraft(
        venue=wallet.venue,
        currency=wallet.currency,
        source=wallet.kind,
        target=WalletKind.SPOT,
        amount=amount,
        why=f"its margin has been calm for {policy.sweep_after}",
    )


def ample(policy: MarginPolicy, stress_frac: Decimal) -> MarginPolicy:
    """Return a policy that warns of a wallet which has not ample room."""
    warn = MarginBound(
        usage_frac=policy.warn.usage_frac / _AMPLE,
        distance_frac=min(ONE, max(policy.warn.distance_frac * _AMPLE, stress_frac)),
    )
    return replace(policy, warn=warn)


def _is_due(wallet: Wallet, books: Books, policy: MarginPolicy, now: datetime) -> bool:
    """Return True when every wallet has been calm, and this one left alone, for as long as the owner says."""
    since = books.margin_calm_since
    if policy.sweep_after is None or since is None or books.margin_rungs:
        return False
    touched = [
        one
        for one in books.transfers.values()
        if one.intent.venue == wallet.venue
        and one.intent.currency == wallet.currency
        and wallet.kind in (one.intent.source, one.intent.target)
    ]
    if any(not one.state.is_final for one in touched):
        return False
    # One that was refused is tried again after as long a wait as one that has arrived.
    newest = max((one.changed_at for one in touched if one.state is not TransferState.ABSENT), default=since)
    return now - max(since, newest) >= policy.sweep_after
