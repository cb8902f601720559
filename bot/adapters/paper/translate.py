"""What do the embedded exchange's records mean to the bot? Pure; decides nothing."""

from datetime import datetime
from decimal import Decimal

from bot.domain.events import FundingSettled
from bot.domain.ids import TradeId, VenueId, VenueOrderId
from bot.domain.instruments import Instrument, MarginTier
from bot.domain.market import Quote
from bot.domain.orders import Fill, VenueOrder
from bot.domain.transfers import VenueTransfer
from bot.exchange.contracts import Contract
from bot.exchange.moments import from_us
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import BookTop, FundingPayment, Trade
from bot.exchange.transfers import ExchangeTransfer

PAPER = VenueId("paper")


def to_instrument(contract: Contract, *, maker_fee_frac: Decimal, taker_fee_frac: Decimal) -> Instrument:
    """Return a contract with its terms."""
    return Instrument(
        venue=PAPER,
        symbol=contract.symbol,
        asset=contract.asset,
        quote=contract.quote,
        settle=contract.settle,
        kind=contract.kind,
        contract_size=contract.size,
        tick_size=contract.tick,
        lot_size=contract.lot,
        min_contracts=contract.lot,
        max_contracts=contract.max_contracts,
        min_notional_quote=contract.min_notional_quote,
        maker_fee_frac=maker_fee_frac,
        taker_fee_frac=taker_fee_frac,
        margin_tiers=tuple(
            MarginTier(
                notional_cap_quote=tier.cap_quote,
                maintenance_frac=tier.maintenance_frac,
                maintenance_amount_quote=tier.deduction_quote,
                max_leverage=tier.max_leverage,
            )
            for tier in contract.tiers
        ),
        expires_at=None if contract.expires_us is None else from_us(contract.expires_us),
    )


def to_transfer(transfer: ExchangeTransfer) -> VenueTransfer:
    """Return a transfer as the bot knows it."""
    return VenueTransfer(
        venue=PAPER,
        transfer_id=transfer.transfer_id,
        venue_transfer_id=str(transfer.id),
        currency=transfer.currency,
        source=transfer.source,
        target=transfer.target,
        amount=transfer.amount,
        state=transfer.state,
        at=transfer.at,
    )


def to_order(order: ExchangeOrder) -> VenueOrder:
    """Return an order as the bot knows it."""
    return VenueOrder(
        venue=PAPER,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        venue_order_id=VenueOrderId(str(order.id)),
        side=order.side,
        type=order.type,
        contracts=order.contracts,
        filled_contracts=order.filled,
        price=order.price,
        trigger_price=order.trigger_price,
        reduce_only=order.reduce_only,
        state=order.state,
        created_at=order.created_at,
    )


def to_quote(top: BookTop) -> Quote:
    """Return the top of a book as the bot knows it."""
    return Quote(
        venue=PAPER,
        symbol=top.symbol,
        bid_price=top.bid_price,
        ask_price=top.ask_price,
        mark_price=top.mark_price,
        index_price=top.index_price,
        last_price=top.last_price,
        bid_contracts=top.bid_contracts,
        ask_contracts=top.ask_contracts,
        as_of=top.as_of,
    )


def to_fill(trade: Trade) -> Fill:
    """Return a trade as the bot knows it."""
    return Fill(
        venue=PAPER,
        symbol=trade.symbol,
        trade_id=TradeId(str(trade.id)),
        client_order_id=trade.client_order_id,
        venue_order_id=None if trade.order_id is None else VenueOrderId(str(trade.order_id)),
        side=trade.side,
        contracts=trade.contracts,
        price=trade.price,
        fee_paid=trade.fee_paid,
        fee_currency=trade.currency,
        is_maker=trade.is_maker,
        forced=trade.forced,
        filled_at=trade.at,
    )


def to_funding(payment: FundingPayment, now: datetime) -> FundingSettled:
    """Return a payment of funding, heard of at ``now`` as the bot knows it."""
    return FundingSettled(
        at=now,
        venue=PAPER,
        symbol=payment.symbol,
        transaction_id=str(payment.id),
        currency=payment.currency,
        amount=payment.amount,
        rate=payment.rate,
        notional_quote=payment.notional_quote,
        settled_at=payment.at,
    )
