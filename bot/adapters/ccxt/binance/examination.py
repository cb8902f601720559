"""Is the account fit to be traded by the bot? What the key may do, the clock, and what the names and sizes mean."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.translate import Row
from bot.adapters.ccxt.calls import Calls
from bot.domain.findings import Finding
from bot.domain.ids import Symbol
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.units import ONE, decimal_text

#: A machine whose clock is further off than this is not kept in time.
_CLOCK_MS = 1_000
#: What a coin may cost more or less by a contract's mark and index than on the spot market; a wrong unit differs by ten
#: times.
_UNITS = Decimal("0.1")
#: What is said of a key of the test network.
NOT_TOLD = Finding(level="ok", subject="key", sentence="is one of the test network, which does not tell what it may do")


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
            mend="allow universal transfers, or set TRIMTAB_MARGIN__TRANSFER_ASSETS=off to do without",
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
    off_ms, way = abs(ahead_ms), "behind" if ahead_ms < 0 else "ahead of"
    if off_ms <= _CLOCK_MS:
        return Finding(level="ok", subject="clock", sentence=f"is {off_ms} ms {way} the venue's")
    return Finding(
        level="warn",
        subject="clock",
        sentence=f"is {off_ms / 1000:.1f} s {way} the venue's; looks are at the wrong time by that much",
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


def of_wallets(unread: Iterable[str]) -> Iterator[Finding]:
    """Yield what is to be said of wallets that hold something and are not read."""
    names = ", ".join(unread)
    if names:
        yield Finding(
            level="fail",
            subject="wallets",
            sentence=f"{names}: something lies there, and only Spot, Funding and USDⓈ-M Futures are read",
            mend="move it to the spot wallet, or keep it in another account and declare the coins in"
            " TRIMTAB_EXTERNAL_HOLDINGS",
        )


def of_units(
    instruments: Iterable[Instrument], quotes: Iterable[Quote], spot_prices: Mapping[Symbol, Decimal]
) -> Iterator[Finding]:
    """Yield what is to be said of the size of one contract: its coins cost what they do on the spot market, or not."""
    by_symbol = {quote.symbol: quote for quote in quotes}
    for one in instruments:
        quote, spot = by_symbol.get(one.symbol), spot_prices.get(one.symbol)
        if quote is None:
            continue
        told = f"one contract of {one.symbol} is {one.contract_size.normalize():f} {one.asset}"
        worth = f"worth {decimal_text(one.notional_quote(ONE, quote.mark_price))} {one.quote}"
        is_comparable = spot is not None and spot > 0
        reference = spot if spot is not None and spot > 0 else quote.index_price
        if any(abs(price / reference - 1) > _UNITS for price in (quote.mark_price, quote.index_price)):
            mark, index = decimal_text(quote.mark_price), decimal_text(quote.index_price)
            on_spot = f" and {decimal_text(reference)} on the spot market" if is_comparable else ""
            yield Finding(
                level="fail",
                subject="units",
                sentence=f"a coin of {one.symbol} costs {mark} by its mark, {index} by its index{on_spot}",
                mend="leave the asset out of TRIMTAB_TARGETS and report this",
            )
        elif is_comparable:
            yield Finding(level="ok", subject="units", sentence=f"{told}, {worth}")
        else:
            yield Finding(
                level="warn",
                subject="units",
                sentence=f"{told}, {worth}; there is no spot market to compare that with",
                mend="compare it with the venue's own page before you trade",
            )
