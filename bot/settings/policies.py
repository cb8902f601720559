"""What do the settings mean for the decisions? Settings in, ``Policy`` out; the engine never sees settings."""

from bot.domain.ids import Asset
from bot.domain.policy import (
    BandPolicy,
    CadencePolicy,
    ExecutionPolicy,
    FlowPolicy,
    Policy,
    RiskLimits,
    StopPolicy,
    WatchIntervals,
)
from bot.settings.model import Settings


def policy_of(settings: Settings) -> Policy:
    """Return the policy that the owner has asked for."""
    return Policy(
        targets={Asset(asset): weight for asset, weight in settings.targets.items()},
        scope=settings.scope,
        bands=BandPolicy(
            absolute_frac=settings.band,
            relative_frac=settings.band_relative,
            total_frac=settings.band_total,
            destination=settings.rebalance_to,
            edge_inset_frac=settings.edge_inset,
        ),
        stops=_stops(settings),
        limits=_limits(settings),
        execution=_execution(settings),
        cadence=CadencePolicy(
            cron=settings.cadence,
            timezone=settings.timezone,
            move_sigmas=settings.look.move_sigmas,
            misfire_grace=settings.look.misfire_grace,
        ),
        flows=FlowPolicy(settle=settings.flow_settle),
        watch=WatchIntervals(
            protection=settings.watch.protection,
            reconcile=settings.watch.reconcile,
            prices=settings.watch.prices,
        ),
        contract_kinds=settings.contracts.general,
        asset_contract_kinds={Asset(asset): kinds for asset, kinds in settings.contracts.by_asset.items()},
        aliases=settings.aliases,
        foreign_symbols=settings.foreign,
        external_max_age=settings.risk.external_max_age,
    )


def _stops(settings: Settings) -> StopPolicy:
    stop = settings.stop
    return StopPolicy(
        anchor=stop.anchor,
        min_distance_frac=stop.min_distance,
        daily_sigmas=stop.daily_sigmas,
        floor_sigmas=stop.floor_sigmas,
        liquidation_buffer_frac=stop.liquidation_buffer,
        reanchor_frac=stop.reanchor,
        deadline=stop.deadline,
        ceiling_duration=stop.ceiling_duration,
    )


def _limits(settings: Settings) -> RiskLimits:
    risk = settings.risk
    return RiskLimits(
        max_leverage=settings.leverage,
        stress_frac=risk.stress,
        stress_maintenance_multiple=risk.stress_maintenance_multiple,
        max_order_frac=risk.max_order,
        max_turnover_frac=risk.max_turnover,
        max_increasing_orders_per_minute=risk.max_increasing_orders_per_minute,
        max_reducing_orders_per_minute=risk.max_reducing_orders_per_minute,
        max_mark_index_frac=risk.max_mark_index,
        max_last_mark_frac=risk.max_last_mark,
        max_index_spread_frac=risk.max_index_spread,
        max_quote_age=risk.max_quote_age,
        max_account_age=risk.max_account_age,
        max_funding_annual=settings.funding.max_annual,
        max_depeg_frac=risk.max_depeg,
    )


def _execution(settings: Settings) -> ExecutionPolicy:
    execution = settings.execution
    return ExecutionPolicy(
        max_slippage_frac=execution.max_slippage,
        max_reduce_slippage_frac=execution.max_reduce_slippage,
        max_rounds=execution.max_rounds,
        validity=execution.validity,
        settle_delay=execution.settle_delay,
        call_timeout=execution.call_timeout,
    )
