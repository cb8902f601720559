"""Is the account fit to be traded by the bot? What the key may do, the clock, and what the names and sizes mean."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.translate import Row
from bot.adapters.ccxt.calls import Calls
from bot.domain.findings import Finding
from bot.domain.instruments import Instrument
from bot.domain.market import Quote

#: A machine whose clock is further off than this is not kept in time.
_CLOCK_MS = 1_000
#: What a contract's mark may differ from its coin's index; a wrong unit differs by ten times.
_UNITS = Decimal("0.1")


async def examine_key(calls: Calls) -> list[Finding]:
    """Return what is to be said of the key.

    Raises:
        VenueUnavailable: it was not answered.
        BadPayload: the answer cannot be understood.
    """
    row: Row = await calls.read("sapiGetAccountApiRestrictions", weight=0)
    return list(_of_key(row))


def _of_key(row: Row) -> Iterator[Finding]:
    subject = "key"
    if translate.is_set(row, "enableWithdrawals"):
        yield Finding(
            level="warn",
            subject=subject,
            sentence="THIS KEY MAY WITHDRAW. Whoever gets hold of it can empty the account; Trimtab never withdraws",
            mend="make a key without withdrawals, and delete this one",
        )
    else:
        yield Finding(level="ok", subject=subject, sentence="may not withdraw")
    if translate.is_set(row, "enableFutures"):
        yield Finding(level="ok", subject=subject, sentence="may trade futures")
    else:
        yield Finding(
            level="fail",
            subject=subject,
            sentence="may not trade futures",
            mend="enable futures for the key at the venue; a key made before the futures account cannot have it",
        )
    if not translate.is_set(row, "permitsUniversalTransfer"):
        yield Finding(
            level="warn",
            subject=subject,
            sentence="may not move collateral between wallets: the margin ladder cannot send for cash",
            mend="allow universal transfers, or set TRIMTAB_MARGIN__TRANSFER_ASSETS= to do without",
        )
    if not translate.is_set(row, "ipRestrict"):
        yield Finding(
            level="warn",
            subject=subject,
            sentence="is not bound to an address: it works from anywhere",
            mend="restrict the key to the address of this machine",
        )


def of_clock(ahead_ms: int) -> Finding:
    """Return what is to be said of the machine's clock. Requests are stamped with the venue's time in any case."""
    if abs(ahead_ms) <= _CLOCK_MS:
        return Finding(level="ok", subject="clock", sentence=f"is {ahead_ms} ms ahead of the venue's")
    return Finding(
        level="warn",
        subject="clock",
        sentence=f"is {ahead_ms / 1000:.1f} s ahead of the venue's; looks are at the wrong time by that much",
        mend="keep the machine's clock in time (NTP)",
    )


def of_margin_mode(isolated: Iterable[str]) -> Finding:
    """Return what is to be said of contracts whose margin is isolated."""
    names = sorted(isolated)
    if not names:
        return Finding(level="ok", subject="account", sentence="is in one-way mode, single-asset mode and cross margin")
    return Finding(
        level="fail",
        subject="account",
        sentence=f"margin is isolated in {', '.join(names[:5])}: nothing is opened there",
        mend="set these contracts to cross margin",
    )


def of_units(instruments: Iterable[Instrument], quotes: Iterable[Quote]) -> Iterator[Finding]:
    """Yield what is to be said of the size of one contract: worth one coin of its index, or misread by a multiple."""
    by_symbol = {quote.symbol: quote for quote in quotes}
    for one in instruments:
        quote = by_symbol.get(one.symbol)
        if quote is None:
            continue
        worth = one.notional_quote(Decimal(1), quote.mark_price) / one.contract_size
        if abs(worth / quote.index_price - 1) <= _UNITS:
            told = f"one contract of {one.symbol} is {one.contract_size.normalize():f} {one.asset}"
            yield Finding(level="ok", subject="units", sentence=f"{told}, worth {worth:f} USD")
        else:
            yield Finding(
                level="fail",
                subject="units",
                sentence=f"a coin of {one.symbol} is worth {worth:f} by its mark, {quote.index_price:f} by its index",
                mend="leave the asset out of TRIMTAB_TARGETS and report this",
            )
