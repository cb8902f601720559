"""How do the assets' joint moves look in a document? Shares and volatilities as exact text."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.domain.ids import Asset
from bot.domain.plan import RiskView
from bot.domain.units import edge_text


def risk_entry(view: RiskView | None) -> dict[str, Any] | None:
    """Return the risk of a look; None before the first. What is not known is ``null``."""
    if view is None:
        return None
    return {
        "sigma_annual": _text(view.sigma_annual),
        "sigma_target_annual": _text(view.sigma_target_annual),
        "shares": _shares(view.shares_actual),
        "target_shares": _shares(view.shares_target),
        "effective_bets": _text(view.effective_bets_actual),
        "target_effective_bets": _text(view.effective_bets_target),
        "correlated_pairs": [
            {"assets": [first, second], "correlation": edge_text(correlation)}
            for first, second, correlation in view.correlated_pairs
        ],
        "missing": list(view.missing),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else edge_text(value)


def _shares(shares: Mapping[Asset, Decimal] | None) -> dict[str, str] | None:
    return None if shares is None else {asset: edge_text(share) for asset, share in shares.items()}
