"""Has the owner moved something?

A change of holdings that our own coin-settled futures do not explain, and that is larger than the policy's bounds,
is an owner flow: it waits for the owner's word, or for time. A futures wallet that holds more or less than our
ledger explains is a question; it is never booked by guess.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from bot.decisions.exposure import folded, measure_holdings, traded_terms
from bot.domain.books import LegLedger
from bot.domain.events import FlowSuspected, HoldingsAccepted, WalletAnchored
from bot.domain.ids import Asset, Currency, VenueId
from bot.domain.plan import WalletQuestion
from bot.domain.policy import Policy
from bot.domain.portfolio import AccountState, WalletBalance, WalletKind
from bot.domain.snapshot import Snapshot
from bot.domain.units import ZERO

#: Venues round each booking: this much, and this share of the balance, is no difference.
_TOLERANCE = Decimal("0.01")
_TOLERANCE_FRAC = Decimal("0.000001")

#: What is learned about a holding.
HoldingFact = HoldingsAccepted | FlowSuspected
#: One line of one futures wallet.
WalletLine = tuple[VenueId, WalletKind, Currency]


# --- coins -------------------------------------------------------------------------------------


def owned_holdings(snapshot: Snapshot, policy: Policy) -> dict[Asset, Decimal]:
    """Return the holdings of the targeted assets without what our coin-settled futures have brought or cost.

    Raises:
        IncompleteData: a contract that has been traded has no terms or no price.
    """
    holdings = measure_holdings(snapshot, policy)
    owned = {asset: holdings.get(asset, ZERO) for asset in policy.assets}
    for leg, ledger in snapshot.books.ledgers.items():
        instrument, mark_price = traded_terms(leg, snapshot)
        if not instrument.is_linear and instrument.asset in owned:
            owned[instrument.asset] -= _coin_profit(instrument.contract_size, ledger, mark_price)
        for currency, paid in ledger.fees_paid.items():
            asset, ratio = folded(currency, policy)
            if asset in owned:
                owned[asset] += paid * ratio
    return owned


def _coin_profit(contract_size: Decimal, ledger: LegLedger, price: Decimal) -> Decimal:
    """Return what an inverse contract has brought in its coin, before fees."""
    traded = (ledger.inverse_contract_value - ledger.contracts / price) * contract_size
    return traded + ledger.funding


def judge_flows(
    snapshot: Snapshot, policy: Policy, *, index_prices: Mapping[Asset, Decimal], value_quote: Decimal
) -> tuple[HoldingFact, ...]:
    """Return what is learned about the owner's holdings: accepted, or suspected and waiting."""
    accepted: dict[str, dict[Asset, Decimal]] = {}
    suspected: list[FlowSuspected] = []
    for asset, owned in owned_holdings(snapshot, policy).items():
        bound = policy.flows.min_value_frac * value_quote / index_prices[asset]
        how = _judge_holding(asset, owned, bound, snapshot, policy)
        if how == "suspected":
            before = snapshot.books.accepted_holdings[asset]
            suspected.append(FlowSuspected(at=snapshot.at, asset=asset, from_base=before, to_base=owned))
        elif how:
            accepted.setdefault(how, {})[asset] = owned
    return (
        *(HoldingsAccepted(at=snapshot.at, holdings_base=held, how=how) for how, held in accepted.items()),
        *suspected,
    )


def _judge_holding(asset: Asset, owned: Decimal, bound_base: Decimal, snapshot: Snapshot, policy: Policy) -> str:
    """Return how the holding is accepted, ``suspected``, or nothing where there is nothing new to say."""
    before = snapshot.books.accepted_holdings.get(asset)
    flow = snapshot.books.flows.get(asset)
    if before is None:
        return "start"
    bound = max(bound_base, policy.flows.min_asset_frac * abs(before))
    if abs(owned - before) <= bound:
        return "drifted" if flow is not None or _is_worth_a_line(before, owned) else ""
    if flow is None or abs(owned - flow.to_base) > bound:
        # A flow that goes on moving begins to wait anew; its last digits moving does not count.
        return "suspected"
    return "settled" if snapshot.at - flow.since >= policy.flows.settle else ""


def _is_worth_a_line(before: Decimal, owned: Decimal) -> bool:
    """Return True for a change that belongs in the journal: rounding does not."""
    return abs(owned - before) > max(abs(before), abs(owned)) * _TOLERANCE_FRAC


def pending_flows(snapshot: Snapshot, facts: Iterable[HoldingFact]) -> frozenset[Asset]:
    """Return the assets with a flow that waits, once ``facts`` are known."""
    pending = set(snapshot.books.flows)
    for fact in facts:
        if isinstance(fact, FlowSuspected):
            pending.add(fact.asset)
        else:
            pending -= set(fact.holdings_base)
    return frozenset(pending)


def accept_flows(snapshot: Snapshot, policy: Policy, asset: Asset | None) -> tuple[HoldingsAccepted, ...]:
    """Return the fact by which the owner accepts the present holdings of one asset, or of all."""
    owned = owned_holdings(snapshot, policy)
    chosen = owned if asset is None else {asset: owned[asset]}
    return (HoldingsAccepted(at=snapshot.at, holdings_base=chosen, how="confirmed"),)


# --- futures wallets ---------------------------------------------------------------------------


def judge_wallets(snapshot: Snapshot, policy: Policy) -> tuple[tuple[WalletAnchored, ...], tuple[WalletQuestion, ...]]:
    """Compare futures wallets with the ledger: the first time to anchor them, then to ask.

    Not judged where the owner trades reserved symbols, whose profit is in the same wallet.
    """
    anchors: list[WalletAnchored] = []
    questions: list[WalletQuestion] = []
    for line, balance, baseline in _baselines(snapshot, policy):
        before = snapshot.books.wallet_baselines.get(line)
        if before is None:
            anchors.append(_anchor(line, baseline, snapshot, "start"))
        elif abs(baseline - before) > _TOLERANCE + abs(balance) * _TOLERANCE_FRAC:
            venue, wallet, currency = line
            questions.append(
                WalletQuestion(venue=venue, wallet=wallet, currency=currency, difference=baseline - before)
            )
    return tuple(anchors), tuple(questions)


def anchor_wallets(snapshot: Snapshot, policy: Policy, *, why: str) -> tuple[WalletAnchored, ...]:
    """Return the facts by which the present wallets are taken as explained."""
    return tuple(_anchor(line, baseline, snapshot, why) for line, _, baseline in _baselines(snapshot, policy))


def _anchor(line: WalletLine, baseline: Decimal, snapshot: Snapshot, why: str) -> WalletAnchored:
    venue, wallet, currency = line
    return WalletAnchored(at=snapshot.at, venue=venue, wallet=wallet, currency=currency, baseline=baseline, why=why)


def _baselines(snapshot: Snapshot, policy: Policy) -> Iterator[tuple[WalletLine, Decimal, Decimal]]:
    """Yield each futures wallet with its balance and what our ledger does not explain of it: the owner's deposit.

    A line that was anchored and that a completely read venue no longer lists is empty, and said so. Of a line with an
    open transfer of ours it is not known yet what it should hold.
    """
    if policy.foreign_symbols:
        return
    in_doubt = {
        (one.intent.venue, wallet, one.intent.currency)
        for one in snapshot.books.open_transfers()
        for wallet in (one.intent.source, one.intent.target)
    }
    for account in snapshot.accounts.values():
        balances: dict[WalletLine, Decimal] = {
            (line.venue, line.wallet, line.currency): line.balance
            for line in account.balances
            if _is_settled_from(line, account)
        }
        gone = [line for line in snapshot.books.wallet_baselines if line[0] == account.venue]
        for line in (*balances, *(one for one in gone if one not in balances)):
            if line in in_doubt:
                continue
            balance = balances.get(line, ZERO)
            brought = snapshot.books.transferred.get(line, ZERO)
            yield line, balance, balance - brought - _booked(line, account, snapshot)


def _is_settled_from(line: WalletBalance, account: AccountState) -> bool:
    """Return True for a line that futures settle from; the coins of a unified account are holdings."""
    if line.wallet is WalletKind.UNIFIED:
        return any(line.currency == one.currency for one in account.margins if one.wallet is WalletKind.UNIFIED)
    return line.wallet is not WalletKind.SPOT


def _booked(line: WalletLine, account: AccountState, snapshot: Snapshot) -> Decimal:
    """Return the realised profit + funding − fees of our futures in one wallet, in its currency.

    What is realised is what was traded, less the open position at its entry price; mark plays no part.
    """
    entries = {position.symbol: position.entry_price for position in account.positions}
    booked = ZERO
    for leg, ledger in snapshot.books.ledgers.items():
        if leg[0] != account.venue:
            continue
        booked -= ledger.fees_paid.get(line[2], ZERO)
        instrument, mark_price = traded_terms(leg, snapshot)
        if instrument.settle != line[2]:
            continue
        entry = entries.get(leg[1], mark_price)
        if instrument.is_linear:
            traded = ledger.cash_contract_value + ledger.contracts * entry
            booked += traded * instrument.contract_size + ledger.funding
        else:
            booked += _coin_profit(instrument.contract_size, ledger, entry)
    return booked
