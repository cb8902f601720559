"""What do the settings mean for the decisions? Settings in, ``Policy`` out; the engine never sees settings."""

from bot.domain.ids import Asset
from bot.domain.policy import (
    BandPolicy,
    BasisPolicy,
    BreakerPolicy,
    CadencePolicy,
    ChoicePolicy,
    CostGatePolicy,
    DcaPolicy,
    ExecutionPolicy,
    FlowPolicy,
    FundingPolicy,
    MarginPolicy,
    Policy,
    RiskLimits,
    RollPolicy,
    StopPolicy,
    VolatilityPolicy,
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
        margin=_margin(settings),
        choice=ChoicePolicy(
            horizon=settings.choice.horizon,
            margin=settings.choice.switch_multiple,
            indifference=settings.choice.indifference,
            half_life=settings.choice.half_life,
            min_depth_frac=settings.choice.min_depth,
        ),
        basis=BasisPolicy(alert_frac=settings.basis.alert, alert_annual=settings.basis.alert_annual),
        roll=RollPolicy(
            passive_before=settings.roll.passive_before,
            spread_before=settings.roll.spread_before,
            outright_before=settings.roll.outright_before,
            max_cost_frac=settings.roll.max_cost,
            max_leg_gap_frac=settings.roll.max_leg_gap,
            leg_gap_deadline=settings.roll.leg_gap_deadline,
        ),
        volatility=_volatility(settings),
        dca=None
        if settings.dca.tranches is None
        else DcaPolicy(tranches=settings.dca.tranches, interval=settings.dca.interval),
        cost_gate=None
        if settings.cost_gate.horizon is None
        else CostGatePolicy(risk_aversion=settings.cost_gate.risk_aversion, horizon=settings.cost_gate.horizon),
        flows=FlowPolicy(settle=settings.flow_settle),
        funding=FundingPolicy(gap_alert=settings.funding.gap_alert),
        breaker=BreakerPolicy(
            max_day_frac=settings.breaker.max_day,
            max_drawdown_frac=settings.breaker.max_drawdown,
            max_cost_frac=settings.breaker.max_cost,
        ),
        watch=WatchIntervals(
            protection=settings.watch.protection,
            reconcile=settings.watch.reconcile,
            prices=settings.watch.prices,
            margin=settings.watch.margin,
            roll=settings.watch.roll,
            basis=settings.watch.basis,
            funding=settings.watch.funding,
            breaker=settings.watch.breaker,
        ),
        contract_kinds=settings.contracts.general,
        asset_contract_kinds={Asset(asset): kinds for asset, kinds in settings.contracts.by_asset.items()},
        tenors=settings.tenors,
        aliases=settings.aliases,
        foreign_symbols=settings.foreign,
        heartbeat=settings.alerts.heartbeat,
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
        take_profit_frac=stop.take_profit,
    )


def _margin(settings: Settings) -> MarginPolicy:
    margin = settings.margin
    return MarginPolicy(
        warn=margin.warn,
        transfer=margin.transfer,
        cancel=margin.cancel,
        reduce=margin.reduce,
        flatten=margin.flatten,
        hysteresis_frac=margin.hysteresis,
        release_after=margin.release_after,
        transfer_assets=margin.transfer_assets,
        max_pledged_frac=margin.max_pledged,
        min_transfer_quote=margin.min_transfer,
        max_transfer_day_quote=margin.max_transfer_day,
        sweep_after=margin.sweep_back,
    )


def _volatility(settings: Settings) -> VolatilityPolicy | None:
    volatility = settings.volatility
    if volatility.reference is None:
        return None
    return VolatilityPolicy(
        reference_annual=volatility.reference,
        base_interval=volatility.interval,
        min_interval=volatility.min_interval,
        max_interval=volatility.max_interval,
        min_action_frac=volatility.min_action,
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
        max_basis_annual=risk.max_basis_annual,
        max_last_mark_frac=risk.max_last_mark,
        max_index_spread_frac=risk.max_index_spread,
        max_leap_frac=risk.max_leap,
        leap_settle=risk.leap_settle,
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
        increase_settle_delay=execution.increase_settle_delay,
        lost_after=execution.lost_after,
        call_timeout=execution.call_timeout,
        style=execution.style,
        twap_depths=execution.twap_depths,
        work_interval=execution.work_interval,
        chase_deadline=execution.chase_deadline,
        chase_adverse_frac=execution.chase_adverse,
        twap_duration=execution.twap_duration,
        twap_slices=execution.twap_slices,
        twap_drift_frac=execution.twap_drift,
    )
