"""How is the bot kept from trading in a dry run? Twice: the port refuses, and the transport has no way out.

The port says *refused*, which is what it is: proved not sent. Whatever came past it, by whatever mistake, would be
stopped where requests leave.
"""

from decimal import Decimal

from bot.adapters.ccxt.binance.venue import BinanceUsdm
from bot.adapters.ccxt.client import BinanceClient, reads_only
from bot.domain.errors import VenueRefused
from bot.domain.ids import ClientOrderId, Symbol
from bot.domain.orders import OrderIntent, VenueOrder
from bot.domain.transfers import TransferIntent, VenueTransfer
from bot.ports import Clock

_CODE = "dry_run"


class DryBinanceUsdm(BinanceUsdm):
    """The account as it is, and nothing that changes it."""

    def __init__(self, client: BinanceClient, clock: Clock) -> None:
        client.allows = reads_only
        super().__init__(client, clock)

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        """Refuse."""
        raise VenueRefused(f"dry-run: {intent.side} {intent.contracts} {intent.symbol} is not sent", code=_CODE)

    async def submit_spread(
        self, near: OrderIntent, far: OrderIntent, *, limit_spread_price: Decimal
    ) -> tuple[VenueOrder, VenueOrder]:
        """Refuse."""
        raise VenueRefused(f"dry-run: {near.symbol} to {far.symbol} at {limit_spread_price} is not sent", code=_CODE)

    async def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder:
        """Refuse."""
        raise VenueRefused(f"dry-run: {client_order_id} of {symbol} is not cancelled", code=_CODE)

    async def transfer(self, intent: TransferIntent) -> VenueTransfer:
        """Refuse."""
        raise VenueRefused(f"dry-run: {intent.amount} {intent.currency} are not moved", code=_CODE)
