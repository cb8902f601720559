"""Which figures does a monitoring system read? The status document, turned into Prometheus samples at each scrape.

The only place where figures become floats. What is not known has no sample: missing is not zero. ``prometheus_client``
is imported at the first scrape, because a bot that nobody scrapes need not carry it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.ports import Control

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

_TRADING_STATES = ("normal", "reduce_only", "halted")
_SEVERITIES = ("warning", "critical")

#: A sample: its labels, and its value as the document has it.
_Sample = tuple[tuple[str, ...], Any]


class Metrics:
    """The body of ``/metrics``."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._registry: CollectorRegistry | None = None

    def render(self) -> tuple[bytes, str]:
        """Return the exposition text and its content type."""
        from prometheus_client import CollectorRegistry, ProcessCollector
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        if self._registry is None:
            self._registry = CollectorRegistry()
            self._registry.register(_StatusCollector(self._control.status))
            ProcessCollector(registry=self._registry)
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class _StatusCollector:
    """Reads the status once per scrape."""

    def __init__(self, status: Callable[[], Mapping[str, Any]]) -> None:
        self._status = status

    def describe(self) -> Iterable["Metric"]:
        """Name nothing beforehand: registering must not read a status."""
        return ()

    def collect(self) -> Iterator["Metric"]:
        """Return every figure of the present status."""
        status = self._status()
        yield from _bot_figures(status)
        yield from _asset_figures(status["assets"])
        yield from _account_figures(status)
        yield from _watcher_figures(status)
        yield _single("bot_tasks", "Tasks on the event loop; should stay the same.", len(asyncio.all_tasks()))


def _bot_figures(status: Mapping[str, Any]) -> Iterator["Metric"]:
    severities = Counter(alert["severity"] for alert in status["alerts"])
    state = status["trading_state"]
    yield _gauge("bot_info", "Always 1.", ("version", "mode"), [((status["version"], status["mode"]), 1)])
    yield _single("bot_ready", "1 when the last look is recent, all is reconciled and protected.", status["is_ready"])
    yield _gauge(
        "bot_trading_state",
        "1 for the state in force.",
        ("state",),
        [((name,), name == state) for name in _TRADING_STATES],
    )
    yield _single(
        "bot_last_cycle_at_seconds",
        "When the last look ended, epoch seconds.",
        _epoch(status["last_look_at"]),
    )
    yield _single("bot_portfolio_value_quote", "Portfolio value in USD.", status["portfolio_value_quote"])
    yield _single(
        "bot_capacity_short_quote",
        "USD of collateral missing to hold the targets.",
        status["capacity_short_quote"],
    )
    yield _gauge(
        "bot_open_alerts",
        "Alerts that are open.",
        ("severity",),
        [((name,), severities[name]) for name in _SEVERITIES],
    )
    yield _single("bot_locked_symbols", "Contracts where journal and venue do not add up.", len(status["locks"]))
    yield _single("bot_journal_sequence", "Number of the newest fact.", status["journal"]["sequence"])


def _asset_figures(assets: list[Mapping[str, Any]]) -> Iterator["Metric"]:
    for name, help_text, key in (
        ("bot_weight_frac", "Net exposure as a fraction of the portfolio's value.", "weight"),
        ("bot_target_weight_frac", "Target weight.", "target_weight"),
        ("bot_gap_frac", "Weight less target.", "gap"),
        ("bot_band_frac", "Half-width of the no-trade band.", "band"),
        ("bot_index_price", "Index price in USD.", "index_price"),
    ):
        yield _gauge(name, help_text, ("asset",), [((row["asset"],), row[key]) for row in assets])


def _account_figures(status: Mapping[str, Any]) -> Iterator["Metric"]:
    positions = status["positions"]
    yield _single("bot_positions", "Open futures positions.", len(positions))
    yield _single(
        "bot_unprotected_positions",
        "Positions without a stop of their size.",
        sum(not position["is_protected"] for position in positions),
    )
    yield _gauge(
        "bot_position_notional_quote",
        "Unsigned notional at mark.",
        ("venue", "symbol"),
        [((row["venue"], row["symbol"]), row["notional_quote"]) for row in positions],
    )
    yield _gauge(
        "bot_margin_usage_frac",
        "Maintenance margin as a fraction of the margin balance; 1 is liquidation.",
        ("venue", "wallet", "currency"),
        [((row["venue"], row["wallet"], row["currency"]), row["usage_frac"]) for row in status["margin"]],
    )
    yield _single("bot_unknown_orders", "Orders whose outcome is not proved.", status["unknown_orders"])
    yield _gauge(
        "bot_orders",
        "Orders that are working or ended within the last two days, by state.",
        ("state",),
        [((state,), count) for state, count in status["orders_by_state"].items()],
    )


def _watcher_figures(status: Mapping[str, Any]) -> Iterator["Metric"]:
    """Yield what the watchers have measured last."""
    yield _by_leg("bot_basis_frac", "Mark over index, less 1.", status["basis"], "basis")
    yield _by_leg("bot_basis_annual", "The same a year, for contracts that expire.", status["basis"], "annual")
    yield _by_leg("bot_basis_z_score", "Standard deviations from the mean of a week.", status["basis"], "z_score")
    yield _by_leg(
        "bot_funding_paid_annual",
        "Funding a year as a fraction of the position's worth, + when paid by us.",
        status["funding"],
        "paid_annual",
    )
    yield _by_leg(
        "bot_roll_missing_base",
        "What a roll that is under way has closed and not opened.",
        status["rolling"],
        "missing",
    )
    yield _gauge(
        "bot_next_expiry_at_seconds",
        "When the contract of a position expires, epoch seconds.",
        ("venue", "symbol"),
        [((row["venue"], row["symbol"]), _epoch(row["expires_at"])) for row in status["rolls"]],
    )
    yield _gauge(
        "bot_liquidation_distance_frac",
        "Move against every leg at once that liquidates a wallet which is not calm.",
        ("venue", "currency"),
        [((row["venue"], row["currency"]), row["liquidation_distance_frac"]) for row in status["margin_rungs"]],
    )
    breaker = status["breaker"] or {"losses": (), "tripped": None}
    yield _gauge(
        "bot_loss_frac",
        "What the overlay has lost beside the coins alone, by measure, as a fraction of the portfolio's value.",
        ("measure",),
        [((one["measure"],), one["loss_frac"]) for one in breaker["losses"]],
    )
    yield _single("bot_breaker_tripped", "1 while the loss breaker allows reductions only.", bool(breaker["tripped"]))


def _by_leg(name: str, help_text: str, rows: Iterable[Mapping[str, Any]], key: str) -> "Metric":
    samples = [((row["venue"], row["symbol"]), row[key]) for row in rows]
    return _gauge(name, help_text, ("venue", "symbol"), samples)


def _single(name: str, help_text: str, value: Any) -> "Metric":
    return _gauge(name, help_text, (), [((), value)])


def _gauge(name: str, help_text: str, labels: tuple[str, ...], samples: Iterable[_Sample]) -> "Metric":
    from prometheus_client.metrics_core import GaugeMetricFamily

    family = GaugeMetricFamily(name, help_text, labels=labels)
    for values, figure in samples:
        if figure is not None:
            family.add_metric([str(value) for value in values], float(figure))
    return family


def _epoch(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
