"""Is the account fit to be traded by the bot? What ``check`` has to say of key, clock, modes, wallets and units."""

from collections.abc import Sequence
from typing import Any

import pytest

from bot.adapters.ccxt.binance.examination import of_clock
from bot.domain.errors import VenueUnavailable
from bot.domain.findings import Finding
from bot.domain.ids import Asset
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.wire import Scene, Wire, failure_of, play, refuses, usual

RIGHTS, SPOT = "GET /sapi/v1/account/apiRestrictions", "GET /api/v3/ticker/price"
BTC, PEPE = Asset("BTC"), Asset("PEPE")


def venue(**rights: bool) -> Wire:
    """Return a venue where all is well, but for what the key may do."""
    wire = usual()
    wire.say(RIGHTS, payloads.KEY | rights)
    wire.say(SPOT, {"symbol": "BTCUSDT", "price": "50990.00000000"})
    wire.say("GET /fapi/v1/ticker/bookTicker", payloads.book("BTCUSDT"))
    wire.say("GET /fapi/v1/premiumIndex", payloads.premium("BTCUSDT"))
    wire.say("GET /fapi/v2/ticker/price", payloads.last("BTCUSDT"))
    return wire


def findings_of(wire: Wire, assets: Sequence[Asset] = (BTC,), **changes: Any) -> list[Finding]:
    found: list[Finding] = []

    async def scene(at: Scene) -> None:
        found.extend(await at.venue.examine(assets))

    play(scene, wire=wire, **changes)
    return found


def told(found: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(one.level, one.subject) for one in found]


def test_an_account_that_is_fit_gets_no_warning() -> None:
    found = findings_of(venue())
    assert told(found) == [("ok", "key"), ("ok", "key"), ("ok", "clock"), ("ok", "account"), ("ok", "units")]
    assert found[-1].sentence == "one contract of BTC/USDT:USDT is 1 BTC, worth 51000.12345678 USDT"


def test_a_key_that_may_withdraw_is_a_loud_warning() -> None:
    found = findings_of(venue(enableWithdrawals=True))
    assert found[0].level == "warn"
    assert found[0].sentence.startswith("THIS KEY MAY WITHDRAW")
    assert found[0].mend == "make a key without withdrawals, and delete this one"


@pytest.mark.parametrize(
    ("right", "allowed", "level", "words"),
    [
        ("enableFutures", False, "fail", "may not trade futures"),
        ("permitsUniversalTransfer", False, "warn", "may not move collateral between wallets"),
        ("ipRestrict", False, "warn", "is not bound to an address"),
    ],
)
def test_what_a_key_lacks_is_told_with_its_mend(right: str, allowed: bool, level: str, words: str) -> None:
    (one,) = [one for one in findings_of(venue(**{right: allowed})) if words in one.sentence]
    assert (one.level, one.subject) == (level, "key")
    assert one.mend


def test_a_key_whose_rights_are_not_told_is_not_waved_through() -> None:
    wire = venue()
    wire.say(RIGHTS, {"ipRestrict": True})

    async def scene(at: Scene) -> None:
        failure = await failure_of(at.venue.examine([BTC]), VenueUnavailable)
        assert "enableWithdrawals is neither true nor false" in str(failure)

    play(scene, wire=wire)


@pytest.mark.parametrize(("ahead_ms", "level"), [(0, "ok"), (900, "ok"), (-4000, "warn"), (4000, "warn")])
def test_a_clock_that_is_off_is_told_and_harms_no_request(ahead_ms: int, level: str) -> None:
    wire = venue()
    wire.say("GET /fapi/v1/time", {"serverTime": payloads.NOW_MS - ahead_ms})
    (clock,) = [one for one in findings_of(wire) if one.subject == "clock"]
    assert clock.level == level
    stamped = int(wire.sent(RIGHTS)[0].params["timestamp"])
    assert abs(stamped - (payloads.NOW_MS - ahead_ms)) < 1000


@pytest.mark.parametrize(
    ("ahead_ms", "told"),
    [
        (0, "is 0 ms ahead of the venue's"),
        (-300, "is 300 ms behind the venue's"),
        (180_000, "is 180.0 s ahead of the venue's; looks are at the wrong time by that much"),
        (-180_000, "is 180.0 s behind the venue's; looks are at the wrong time by that much"),
    ],
)
def test_a_clock_is_ahead_or_behind_and_never_by_less_than_nothing(ahead_ms: int, told: str) -> None:
    assert of_clock(ahead_ms).sentence == told


def test_isolated_margin_of_a_target_fails_and_that_of_other_contracts_does_not_matter() -> None:
    wire = venue()
    wire.say("GET /fapi/v1/symbolConfig", [payloads.symbol_config("1000PEPEUSDT", "ISOLATED")])
    assert ("ok", "account") in told(findings_of(wire))
    wire = venue()
    wire.say("GET /fapi/v1/symbolConfig", [payloads.symbol_config("BTCUSDT", "ISOLATED")])
    (one,) = [one for one in findings_of(wire) if one.subject == "account"]
    assert (one.level, one.sentence) == ("fail", "margin is isolated in BTC/USDT:USDT: nothing is opened there")


def test_a_wallet_that_is_not_read_and_holds_something_fails() -> None:
    wire = venue()
    rows = [*payloads.WALLETS, {"activate": True, "balance": "3", "walletName": "Options"}]
    wire.say("GET /sapi/v1/asset/wallet/balance", rows)
    (one,) = [one for one in findings_of(wire) if one.subject == "wallets"]
    assert one.level == "fail"
    assert one.sentence.startswith("Options: something lies there")


def of_pepe(spot: str | None) -> Finding:
    wire = venue()
    wire.say("GET /fapi/v1/ticker/bookTicker", payloads.book("1000PEPEUSDT", "0.0123450", "0.0123460"))
    wire.say("GET /fapi/v1/premiumIndex", payloads.premium("1000PEPEUSDT", "0.0124", "0.0123"))
    wire.say("GET /fapi/v2/ticker/price", payloads.last("1000PEPEUSDT", "0.0123"))
    wire.answer(SPOT, refuses(-1121))
    if spot is not None:
        wire.say(SPOT, {"symbol": "PEPEUSDT", "price": spot})
    (one,) = [one for one in findings_of(wire, (PEPE,)) if one.subject == "units"]
    assert wire.sent(SPOT)[0].params["symbol"] == "PEPEUSDT"
    return one


def test_a_contract_of_a_thousand_coins_is_proved_against_the_spot_market() -> None:
    one = of_pepe("0.00001235")
    assert one.level == "ok"
    assert one.sentence == "one contract of 1000PEPE/USDT:USDT is 1000 PEPE, worth 0.0124 USDT"


@pytest.mark.parametrize("spot", ["0.0123", "0.000123", "0.00000123"])
def test_a_unit_that_is_wrong_by_ten_or_a_thousand_times_fails(spot: str) -> None:
    one = of_pepe(spot)
    assert one.level == "fail"
    assert f"costs 0.0000124 by its mark, 0.0000123 by its index and {spot} on the spot market" in one.sentence


@pytest.mark.parametrize("mark", ["510000", "5100"])
def test_a_mark_that_is_ten_times_its_index_or_a_tenth_fails_also_without_a_spot_market(mark: str) -> None:
    wire = venue()
    wire.answer(SPOT, refuses(-1121))
    wire.say("GET /fapi/v1/premiumIndex", payloads.premium("BTCUSDT", mark, "51000"))
    (one,) = [one for one in findings_of(wire) if one.subject == "units"]
    assert (one.level, one.sentence) == (
        "fail",
        f"a coin of BTC/USDT:USDT costs {mark} by its mark, 51000 by its index",
    )


@pytest.mark.parametrize("spot", [None, "0"])
def test_a_unit_that_cannot_be_compared_is_a_warning(spot: str | None) -> None:
    one = of_pepe(spot)
    assert one.level == "warn"
    assert "no spot market to compare that with" in one.sentence


def test_a_target_that_is_not_quoted_has_no_units_to_tell() -> None:
    wire = venue()
    for route in ("GET /fapi/v1/ticker/bookTicker", "GET /fapi/v1/premiumIndex", "GET /fapi/v2/ticker/price"):
        wire.answer(route, refuses(-1121))
    assert "units" not in [one.subject for one in findings_of(wire)]


def test_a_key_of_the_test_network_is_not_asked_what_it_may() -> None:
    wire = venue()
    found = findings_of(wire, is_testnet=True)
    assert "test network" in found[0].sentence
    assert wire.sent(RIGHTS) == []
