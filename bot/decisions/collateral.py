"""Which collateral is moved, and which not yet?

From the spot wallet to a futures wallet that asks for it: as much as takes it off the ladder, and as gives its stops
the room without which legs would be cut; bounded by what is there, by what the owner allows in a day, and for a
targeted coin by the share that may be pledged. One transfer at a time, and after one that did not arrive the next only
after a wait: all of it read from the journal, so that a restart moves nothing twice.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from bot.decisions.margin_ladder import MarginHealth, missing_cash, rank, surplus_after
from bot.decisions.wallets import Wallet, coins_pledged
from bot.domain.books import Books
from bot.domain.policy import MarginBound, MarginPolicy, MarginRung
from bot.domain.portfolio import AccountState, WalletKind
from bot.domain.transfers import Transfer, TransferDraft, TransferState
from bot.domain.units import ZERO, ceil_to_step, floor_to_step

_DAY = timedelta(days=1)
_CASH_STEP = Decimal("0.01")
_COIN_STEP = Decimal("0.00000001")
#: Cash is asked for while there is still so much more room than is needed: it has to come before the cut.
_AHEAD = Decimal("1.1")


def ask_in_time(policy: MarginPolicy, needed_frac: Decimal) -> MarginPolicy:
    """Return a policy that moves collateral before a leg has to be cut for its stop's sake.

    ``needed_frac`` is the move against every leg that the wallet must survive for that.
    """
    nearest = needed_frac * _AHEAD

    def at_least(bound: MarginBound) -> MarginBound:
        return replace(bound, distance_frac=max(bound.distance_frac, nearest))

    return replace(policy, warn=at_least(policy.warn), transfer=at_least(policy.transfer))


def is_room_coming(wallet: Wallet, books: Books, needed_frac: Decimal, now: datetime) -> bool:
    """Return True while so much is on its way that the wallet will survive a move of ``needed_frac``."""
    coming = on_the_way(wallet, books, now)
    return coming > 0 and surplus_after(wallet, needed_frac) + coming >= 0


def plan_transfer(
    health: MarginHealth,
    account: AccountState,
    books: Books,
    policy: MarginPolicy,
    *,
    usd_price: Decimal,
    is_coin: bool,
    now: datetime,
) -> TransferDraft | None:
    """Return the transfer that a wallet needs now; None when it needs none, may have none, or has to wait for one.

    ``usd_price`` is what one unit of the wallet's currency is worth, ``is_coin`` says that it is a targeted coin.
    """
    wallet = health.wallet
    if rank(health.rung) < rank(MarginRung.TRANSFER) or wallet.currency not in policy.transfer_assets:
        return None
    mine = _transfers_to(wallet, books)
    if any(not one.state.is_final for one in mine) or not _may_try(mine, policy, now):
        return None
    step = transfer_step(is_coin=is_coin)
    wanted = ceil_to_step(missing_cash(wallet, MarginRung.WARN, policy), step)
    free = _spot_balance(account, wallet)
    allowed = min(free, _left_of_the_day(mine, policy, usd_price, now))
    if is_coin:
        allowed = min(allowed, _left_to_pledge(account, wallet, policy))
    amount = floor_to_step(min(wanted, allowed), step)
    if amount * usd_price < policy.min_transfer_quote:
        return None
    return TransferDraft(
        venue=wallet.venue,
        currency=wallet.currency,
        source=WalletKind.SPOT,
        target=wallet.kind,
        amount=amount,
        why=f"its margin asks for {wanted.normalize():f}",
    )


def transfer_step(*, is_coin: bool) -> Decimal:
    """Return what amounts of a transfer are multiples of."""
    return _COIN_STEP if is_coin else _CASH_STEP


def on_the_way(wallet: Wallet, books: Books, now: datetime) -> Decimal:
    """Return what open transfers will bring to a wallet; one that is overdue may have arrived, or never left."""
    return sum(
        (
            one.intent.amount
            for one in _transfers_to(wallet, books)
            if not one.state.is_final and not one.is_overdue(now)
        ),
        ZERO,
    )


def _transfers_to(wallet: Wallet, books: Books) -> list[Transfer]:
    """Return our transfers into a wallet, oldest first."""
    return [
        one
        for one in books.transfers.values()
        if (one.intent.venue, one.intent.target, one.intent.currency) == (wallet.venue, wallet.kind, wallet.currency)
    ]


def _may_try(mine: list[Transfer], policy: MarginPolicy, now: datetime) -> bool:
    """Return True when no wait is on: one that grows with each transfer in a row that did not arrive."""
    failures: list[Transfer] = []
    for one in mine:
        failures = [] if one.state is TransferState.DONE else [*failures, one]
    waits = policy.retry_waits
    return not failures or now >= failures[-1].changed_at + waits[min(len(failures), len(waits)) - 1]


def _left_of_the_day(mine: Iterable[Transfer], policy: MarginPolicy, usd_price: Decimal, now: datetime) -> Decimal:
    if policy.max_transfer_day_quote is None:
        return Decimal("Infinity")
    moved = sum(
        (one.intent.amount for one in mine if one.state is TransferState.DONE and now - one.changed_at < _DAY), ZERO
    )
    return max(ZERO, policy.max_transfer_day_quote / usd_price - moved)


def _spot_balance(account: AccountState, wallet: Wallet) -> Decimal:
    return sum(
        (
            line.balance
            for line in account.balances
            if line.wallet is WalletKind.SPOT and line.currency == wallet.currency
        ),
        ZERO,
    )


def _left_to_pledge(account: AccountState, wallet: Wallet, policy: MarginPolicy) -> Decimal:
    held = sum((line.equity for line in account.balances if line.currency == wallet.currency), ZERO)
    pledged = coins_pledged(account, wallet.currency)
    return max(ZERO, held * policy.max_pledged_frac - pledged)
