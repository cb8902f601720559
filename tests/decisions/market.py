"""A small market that the tests of decisions share: three linear perpetuals at round prices."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.decisions.cycle import decide
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.plan import AssetLine, Decision, HedgeLeg, Rule
from bot.domain.policy import BandPolicy, Destination, Policy
from bot.domain.portfolio import AccountState
from bot.domain.snapshot import Snapshot
from tests.builders import (
    NOW,
    dec,
    make_account,
    make_balance,
    make_instrument,
    make_policy,
    make_quote,
    make_snapshot,
)

PRICES = {"BTC": 50_000, "ETH": 2_500, "SOL": 100}
TARGETS = {"BTC": "0.5", "ETH": "0.3", "SOL": "0.2"}
BTC, ETH, SOL = (make_instrument(asset) for asset in PRICES)
LINEAR = {"BTC": BTC, "ETH": ETH, "SOL": SOL}


def linear_market(*assets: str, **changes: Any) -> list[tuple[Instrument, Quote]]:
    """Return contracts and quotes; ``changes`` go into every quote."""
    return [(LINEAR[asset], make_quote(LINEAR[asset], PRICES[asset], **changes)) for asset in assets or PRICES]


def coins_worth(worth: Mapping[str, int | str | Decimal]) -> list[Any]:
    """Return spot balances that are worth so many dollars."""
    return [make_balance(asset, Decimal(usd) / PRICES[asset]) for asset, usd in worth.items()]


def snapshot_worth(worth: Mapping[str, int | str | Decimal], positions: Iterable[Any] = (), **changes: Any) -> Snapshot:
    """Return a snapshot of spot coins worth so many dollars, with ample margin."""
    account = changes.pop("account", None) or make_account(coins_worth(worth), positions)
    return make_snapshot(account, changes.pop("market", None) or linear_market(), **changes)


def to_target(**bands: Any) -> BandPolicy:
    """Return bands of one point that are corrected to the target."""
    values: dict[str, Any] = {
        "absolute_frac": dec("0.01"),
        "relative_frac": dec(1),
        "destination": Destination.TARGET,
        "total_frac": None,
    }
    return BandPolicy(**{**values, **bands})


def three_assets(**changes: Any) -> Policy:
    """Return a policy for the three assets, to target."""
    return make_policy(TARGETS, **{"bands": to_target(), **changes})


def decide_now(snapshot: Snapshot, policy: Policy | None = None) -> Decision:
    """Decide at the moment of the builders."""
    return decide(snapshot, policy or three_assets(), NOW)


def orders_of(decision: Decision) -> dict[str, tuple[str, Decimal]]:
    """Return side and notional per asset."""
    return {leg.instrument.asset: (leg.side.value, leg.notional_quote) for leg in decision.legs}


def line_of(decision: Decision, asset: str) -> AssetLine:
    """Return one asset's row."""
    return next(line for line in decision.lines if line.asset == asset)


def rules_of(decision: Decision, asset: str) -> set[Rule]:
    """Return the rules that were held against an asset."""
    return {refusal.rule for refusal in decision.refusals if refusal.asset == asset}


def signed(legs: Iterable[HedgeLeg]) -> Decimal:
    """Return Σ signed coins."""
    return sum((leg.amount_base * leg.side.sign for leg in legs), Decimal(0))


def with_margins(account: AccountState, margins: Iterable[Any]) -> AccountState:
    """Return an account with other margin wallets."""
    return make_account(account.balances, account.positions, margins)
