"""Has the owner moved something?

A change of holdings that our own coin-settled futures do not explain, and that is larger than the policy's
bounds, is an owner
flow: it waits for the owner's word, or for time. A futures wallet that holds more or less than our ledger explains is a
question; it is never booked by guess.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from bot.decisions.exposure import measure_holdings
from bot.domain.books import LegLedger
from bot.domain.events import Fact, FlowSuspected, HoldingsAccepted, WalletAnchored
from bot.domain.ids import Asset
from bot.domain.instruments import Instrument
from bot.domain.plan import WalletQuestion
from bot.domain.policy import Policy
from bot.domain.portfolio import AccountState, WalletBalance, WalletKind
from bot.domain.snapshot import Snapshot
from bot.domain.units import ZERO

#: Venues round each booking: this much, and this share of the balance, is no difference.
_TOLERANCE = Decimal("0.01")
_TOLERANCE_FRAC = Decimal("0.000001")


def owned_holdings(snapshot: Snapshot, policy: Policy) -> dict[Asset, Decimal]:
    """Return the holdings of the targeted assets without what our coin-settled futures have brought or cost."""
    holdings = measure_holdings(snapshot, policy)
    owned = {asset: holdings.get(asset, ZERO) for asset in policy.assets}
    for leg, ledger in snapshot.books.ledgers.items():
        instrument = snapshot.instruments[leg]
        if not instrument.is_linear and instrument.asset in owned:
            owned[instrument.asset] -= _coin_profit(instrument, ledger, snapshot.quotes[leg].mark_price)
    return owned


def _coin_profit(instrument: Instrument, ledger: LegLedger, price: Decimal) -> Decimal:
    traded = (ledger.inverse_contract_value - ledger.contracts / price) * instrument.contract_size
    return traded + ledger.funding - ledger.fees_paid.get(instrument.settle, ZERO)


def judge_flows(
    snapshot: Snapshot, policy: Policy, *, index_prices: Mapping[Asset, Decimal], value_quote: Decimal
) -> tuple[Fact, ...]:
    """Return what is learned about the owner's holdings: accepted, or suspected and waiting."""
    now, books = snapshot.at, snapshot.books
    accepted: dict[str, dict[Asset, Decimal]] = {}
    suspected: list[Fact] = []
    for asset, owned in owned_holdings(snapshot, policy).items():
        before = books.accepted_holdings.get(asset)
        if before is None:
            accepted.setdefault("start", {})[asset] = owned
        elif _is_flow(before, owned, index_prices[asset], value_quote, policy):
            flow = books.flows.get(asset)
            if flow is None or flow.to_base != owned:
                suspected.append(FlowSuspected(at=now, asset=asset, from_base=before, to_base=owned))
            elif now - flow.since >= policy.flows.settle:
                accepted.setdefault("settled", {})[asset] = owned
        elif (owned != before and _is_drift(before, owned)) or asset in books.flows:
            accepted.setdefault("drifted", {})[asset] = owned
    facts: list[Fact] = [
        HoldingsAccepted(at=now, holdings_base=holdings, how=how) for how, holdings in accepted.items()
    ]
    return (*facts, *suspected)


def _is_flow(before: Decimal, owned: Decimal, index_price: Decimal, value_quote: Decimal, policy: Policy) -> bool:
    change = abs(owned - before)
    bound = max(policy.flows.min_value_frac * value_quote / index_price, policy.flows.min_asset_frac * abs(before))
    return change > bound


def _is_drift(before: Decimal, owned: Decimal) -> bool:
    """Return True for a change that is worth a line in the journal: rounding is not."""
    return abs(owned - before) > max(abs(before), abs(owned)) * _TOLERANCE_FRAC


def accept_flows(snapshot: Snapshot, policy: Policy, asset: Asset | None) -> tuple[Fact, ...]:
    """Return the fact by which the owner accepts the present holdings of one asset, or of all."""
    owned = owned_holdings(snapshot, policy)
    chosen = owned if asset is None else {asset: owned[asset]}
    return (HoldingsAccepted(at=snapshot.at, holdings_base=chosen, how="confirmed"),)


def judge_wallets(snapshot: Snapshot, policy: Policy) -> tuple[tuple[WalletAnchored, ...], tuple[WalletQuestion, ...]]:
    """Compare futures wallets with the ledger: the first time to anchor them, then to ask.

    Not judged where the owner trades reserved symbols, whose profit is in the same wallet.
    """
    anchors, questions = [], []
    for line, baseline in _baselines(snapshot, policy):
        before = snapshot.books.wallet_baselines.get((line.venue, line.wallet, line.currency))
        if before is None:
            anchors.append(_anchor(line, baseline, snapshot.at, "start"))
        elif abs(baseline - before) > _TOLERANCE + abs(line.balance) * _TOLERANCE_FRAC:
            questions.append(
                WalletQuestion(
                    venue=line.venue,
                    wallet=line.wallet,
                    currency=line.currency,
                    difference=baseline - before,
                )
            )
    return tuple(anchors), tuple(questions)


def anchor_wallets(snapshot: Snapshot, policy: Policy, *, why: str) -> tuple[WalletAnchored, ...]:
    """Return the facts by which the present wallets are taken as explained."""
    return tuple(_anchor(line, baseline, snapshot.at, why) for line, baseline in _baselines(snapshot, policy))


def _anchor(line: WalletBalance, baseline: Decimal, at: datetime, why: str) -> WalletAnchored:
    return WalletAnchored(
        at=at, venue=line.venue, wallet=line.wallet, currency=line.currency, baseline=baseline, why=why
    )


def _baselines(snapshot: Snapshot, policy: Policy) -> Iterator[tuple[WalletBalance, Decimal]]:
    """Yield each futures wallet with what our ledger does not explain of it: the owner's deposit."""
    if policy.foreign_symbols:
        return
    for account in snapshot.accounts.values():
        for line in account.balances:
            if line.wallet is not WalletKind.SPOT:
                yield line, line.balance - _booked(line, account, snapshot)


def _booked(line: WalletBalance, account: AccountState, snapshot: Snapshot) -> Decimal:
    """Return the realised profit + funding − fees of our futures in one wallet, in its currency.

    What is realised is what was traded, less the open position at its entry price; mark plays no part.
    """
    entries = {position.symbol: position.entry_price for position in account.positions}
    booked = ZERO
    for (venue, symbol), ledger in snapshot.books.ledgers.items():
        instrument = snapshot.instruments[venue, symbol]
        if venue != line.venue or instrument.settle != line.currency:
            continue
        entry = entries.get(symbol, snapshot.quotes[venue, symbol].mark_price)
        if instrument.is_linear:
            traded = (ledger.cash_contract_value + ledger.contracts * entry) * instrument.contract_size
            booked += traded + ledger.funding - ledger.fees_paid.get(instrument.settle, ZERO)
        else:
            booked += _coin_profit(instrument, ledger, entry)
    return booked
