"""Does the venue take a request? Every reason why not, in the order in which they are looked at."""

from decimal import Decimal

from bot.domain.orders import OrderType, TimeInForce
from bot.exchange.contracts import Contract
from bot.exchange.floor import Floor
from bot.exchange.moments import MINUTE_US
from bot.exchange.orders import OrderRequest, RefusalCode, Refused

#: So long before its expiry a contract can only be closed.
CLOSE_ONLY_US = 10 * MINUTE_US


def accept(request: OrderRequest, floor: Floor) -> Contract:
    """Return the contract of a request that may be placed.

    Raises:
        Refused: it may not; nothing has changed.
    """
    contract = floor.contracts.get(request.symbol)
    if contract is None:
        raise Refused(RefusalCode.UNKNOWN_SYMBOL, f"{request.symbol} is not listed")
    check_arrival(request, floor)
    check_expiry(contract, floor, reduce_only=request.reduce_only)
    _check_form(request)
    check_amount(request, contract)
    if request.price is not None:
        _check_price(request, request.price, contract, floor)
    if request.trigger_price is not None:
        _check_trigger(request, request.trigger_price, contract, floor)
    if request.reduce_only:
        check_reduces(request, contract, floor)
    else:
        check_notional(request, contract, floor)
        check_margin(request, contract, floor)
    return contract


def check_arrival(request: OrderRequest, floor: Floor) -> None:
    """Refuse what comes late, twice, or when nothing is taken any more."""
    if request.valid_until is not None and floor.now > request.valid_until:
        raise Refused(
            RefusalCode.TOO_LATE,
            f"arrived at {floor.now.isoformat()}, valid until {request.valid_until.isoformat()}",
        )
    if floor.has_ended:
        raise Refused(RefusalCode.MARKET_CLOSED, "the market data is at its end")
    if request.client_order_id is not None and floor.has_open_order_named(request.client_order_id):
        raise Refused(RefusalCode.DUPLICATE, f"an open order has the id {request.client_order_id}")
    if len(floor.open_orders) >= floor.config.max_open_orders:
        raise Refused(RefusalCode.TOO_MANY_ORDERS, f"{len(floor.open_orders)} orders are open")


def check_expiry(contract: Contract, floor: Floor, *, reduce_only: bool) -> None:
    """Refuse what comes after a contract's end, and what opens in its last minutes. What rests by then may trade."""
    if floor.has_expired(contract):
        raise Refused(RefusalCode.EXPIRED, f"{contract.symbol} has expired")
    if contract.expires_us is None:
        return
    if floor.now_us >= contract.expires_us - CLOSE_ONLY_US and not reduce_only:
        raise Refused(RefusalCode.CLOSE_ONLY, f"{contract.symbol} is about to expire and can only be closed")


def _check_form(request: OrderRequest) -> None:
    has_price, has_trigger = request.price is not None, request.trigger_price is not None
    if has_price != (request.type is OrderType.LIMIT):
        raise Refused(RefusalCode.BAD_REQUEST, f"a price does not go with {request.type}, or is missing")
    if has_trigger != (request.type is OrderType.STOP_MARKET):
        raise Refused(RefusalCode.BAD_REQUEST, f"a trigger does not go with {request.type}, or is missing")


def check_amount(request: OrderRequest, contract: Contract) -> None:
    """Refuse what is not on the lot, or too much."""
    if not contract.is_on_lot(request.contracts) or request.contracts > contract.max_contracts:
        raise Refused(
            RefusalCode.BAD_AMOUNT,
            f"{request.contracts} contracts: must be a multiple of {contract.lot}, at most {contract.max_contracts}",
        )


def _check_price(request: OrderRequest, price: Decimal, contract: Contract, floor: Floor) -> None:
    if not contract.is_on_tick(price):
        raise Refused(RefusalCode.BAD_PRICE, f"price {price} is not a multiple of {contract.tick}")
    mark = floor.mark_of(contract)
    # Binding on the side where it would cost: a buyer may bid as low as he likes.
    if (price - mark) * request.side.sign > mark * contract.price_bound_frac:
        raise Refused(
            RefusalCode.PRICE_BOUND,
            f"price {price} is more than {contract.price_bound_frac} beyond mark {mark}",
        )
    if request.time_in_force is TimeInForce.POST_ONLY:
        last = floor.last_of(contract)
        touch, _ = floor.book.top(contract, request.side, last, floor.now_us)
        if (price - touch) * request.side.sign >= 0:
            raise Refused(RefusalCode.WOULD_TAKE, f"post-only at {price} would trade at {touch}")


def _check_trigger(request: OrderRequest, trigger: Decimal, contract: Contract, floor: Floor) -> None:
    if not contract.is_on_tick(trigger):
        raise Refused(RefusalCode.BAD_PRICE, f"trigger {trigger} is not a multiple of {contract.tick}")
    mark = floor.mark_of(contract)
    if (mark - trigger) * request.side.sign >= 0:
        raise Refused(RefusalCode.WOULD_TRIGGER, f"trigger {trigger} would be met at once by mark {mark}")


def check_reduces(request: OrderRequest, contract: Contract, floor: Floor) -> None:
    """Refuse a reduce-only order that has no position to reduce."""
    if floor.accounts.contracts_of(contract.symbol) * request.side.sign >= 0:
        raise Refused(RefusalCode.REDUCE_ONLY, f"{request.side} {request.symbol} would not reduce a position")


def check_notional(request: OrderRequest, contract: Contract, floor: Floor) -> None:
    """Refuse what is too small."""
    price = request.price or request.trigger_price or floor.mark_of(contract)
    notional = contract.notional_quote(request.contracts, price)
    if notional < contract.min_notional_quote:
        raise Refused(RefusalCode.MIN_NOTIONAL, f"notional {notional} is below {contract.min_notional_quote}")


def check_margin(request: OrderRequest, contract: Contract, floor: Floor) -> None:
    """Refuse what the wallet cannot put up initial margin and the fee for."""
    price = request.price or request.trigger_price or floor.last_of(contract)
    needed = floor.margin.needed(contract, request.side, request.contracts, price)
    if needed == 0:
        return
    fee = contract.notional_quote(request.contracts, price) * floor.config.taker_fee_frac
    needed += contract.to_settle(fee, price)
    free = floor.margin.free(contract.wallet, floor, floor.open_orders.values())
    if needed > free:
        raise Refused(RefusalCode.NO_MARGIN, f"{needed:.8f} {contract.settle} of margin needed, {free:.8f} free")
