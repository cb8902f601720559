"""What has the owner asked for? Values the settings are turned into; every default is the safe one.

Fractions, never percentages: 0.05 is 5 %. All of them are named here; what they are about has a file each, and
``whole`` puts them together.
"""

from bot.domain.policy.bands import BandPolicy, Destination
from bot.domain.policy.carry import BasisPolicy, ChoicePolicy, FundingPolicy, RollPolicy
from bot.domain.policy.execution import VALIDITY_SENT, ExecutionPolicy, ExecutionStyle
from bot.domain.policy.looks import CadencePolicy, CostGatePolicy, DcaPolicy, VolatilityPolicy
from bot.domain.policy.margin import MarginBound, MarginPolicy, MarginRung
from bot.domain.policy.protection import BreakerPolicy, LossMeasure, RiskLimits, StopAnchor, StopPolicy
from bot.domain.policy.trading_state import TradingState
from bot.domain.policy.whole import CASH, FlowPolicy, Policy, Scope, WatchIntervals

__all__ = [
    "CASH",
    "VALIDITY_SENT",
    "BandPolicy",
    "BasisPolicy",
    "BreakerPolicy",
    "CadencePolicy",
    "ChoicePolicy",
    "CostGatePolicy",
    "DcaPolicy",
    "Destination",
    "ExecutionPolicy",
    "ExecutionStyle",
    "FlowPolicy",
    "FundingPolicy",
    "LossMeasure",
    "MarginBound",
    "MarginPolicy",
    "MarginRung",
    "Policy",
    "RiskLimits",
    "RollPolicy",
    "Scope",
    "StopAnchor",
    "StopPolicy",
    "TradingState",
    "VolatilityPolicy",
    "WatchIntervals",
]
