"""Which facts does the journal keep? All of them are named here; what they are about has a file each.

Every fact is in the past tense, complete in itself, and carries when it happened. ``folding.apply`` folds them into
the state that decisions need; nothing else may change that state. Fields may be added with a default, never renamed.
"""

from bot.domain.events.carry import BasisNoted, CarryNoted, FundingDue, FundingJudged, FundingSettled
from bot.domain.events.corrections import CorrectionEnded, CorrectionStarted, TrancheTaken
from bot.domain.events.fact import Fact
from bot.domain.events.holdings import FlowSuspected, HedgeProfitSettled, HoldingsAccepted
from bot.domain.events.losses import BreakerTripped, OverlayMeasured
from bot.domain.events.orders import (
    CancelRequested,
    ContractTermsNoted,
    OrderChanged,
    OrderIntended,
    PositionAdopted,
    SymbolLocked,
    SymbolUnlocked,
    TradeFilled,
)
from bot.domain.events.process import BotStarted, BotStopped, JournalOpened, LookTaken
from bot.domain.events.protection import CeilingReleased, CeilingSet, LegProtected, LegUnprotected, StopFired
from bot.domain.events.rolls import RollEnded, RollFolded, RollMoved
from bot.domain.events.steering import CommandGiven, FlattenEnded, FlattenStarted, TradingStateSet
from bot.domain.events.wallets import MarginRungChanged, TransferChanged, TransferIntended, WalletAnchored

__all__ = [
    "BasisNoted",
    "BotStarted",
    "BotStopped",
    "BreakerTripped",
    "CancelRequested",
    "CarryNoted",
    "CeilingReleased",
    "CeilingSet",
    "CommandGiven",
    "ContractTermsNoted",
    "CorrectionEnded",
    "CorrectionStarted",
    "Fact",
    "FlattenEnded",
    "FlattenStarted",
    "FlowSuspected",
    "FundingDue",
    "FundingJudged",
    "FundingSettled",
    "HedgeProfitSettled",
    "HoldingsAccepted",
    "JournalOpened",
    "LegProtected",
    "LegUnprotected",
    "LookTaken",
    "MarginRungChanged",
    "OrderChanged",
    "OrderIntended",
    "OverlayMeasured",
    "PositionAdopted",
    "RollEnded",
    "RollFolded",
    "RollMoved",
    "StopFired",
    "SymbolLocked",
    "SymbolUnlocked",
    "TradeFilled",
    "TradingStateSet",
    "TrancheTaken",
    "TransferChanged",
    "TransferIntended",
    "WalletAnchored",
]
