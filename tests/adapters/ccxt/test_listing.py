"""Which contracts are there, and what are they called?"""

from datetime import timedelta
from typing import Any

import pytest
import structlog

from bot.domain.errors import VenueUnavailable
from bot.domain.ids import Asset, Symbol
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.orders import BTC, PEPE
from tests.adapters.ccxt.wire import Scene, failure_of, play, refuses, usual
from tests.builders import dec

INFO, BRACKETS = "GET /fapi/v1/exchangeInfo", "GET /fapi/v1/leverageBracket"
MATIC = Symbol("MATIC/USDT:USDT")


def listed(*rows: Any) -> Any:
    """Return a venue that lists these contracts."""
    wire = usual()
    wire.say(INFO, payloads.EXCHANGE_INFO | {"symbols": list(rows)})
    wire.say(BRACKETS, [payloads.brackets(row["symbol"]) for row in rows])
    return wire


def test_what_trades_is_listed_with_the_accounts_own_fees() -> None:
    async def scene(at: Scene) -> None:
        found = {one.symbol: one for one in await at.venue.fetch_instruments()}
        assert set(found) == {BTC, PEPE, "BTC/USDT:USDT-261225"}
        assert {(one.maker_fee_frac, one.taker_fee_frac) for one in found.values()} == {(dec("0.0002"), dec("0.0005"))}

    play(scene)


def test_what_trades_no_more_keeps_its_name_so_that_a_position_in_it_can_be_read() -> None:
    """Also by a bot that has been started after it was delisted."""
    wire = usual()
    wire.say("GET /fapi/v3/positionRisk", [payloads.position("MATICUSDT", "-10")])

    async def scene(at: Scene) -> None:
        assert at.venue.listing.names[MATIC] == "MATICUSDT"
        assert [one.symbol for one in (await at.venue.fetch_account()).positions] == [MATIC]

    play(scene, wire=wire)


def test_what_vanishes_from_the_listing_keeps_its_name() -> None:
    wire = usual()

    async def scene(at: Scene) -> None:
        at.wire.say(INFO, payloads.EXCHANGE_INFO | {"symbols": [payloads.BTC]})
        assert [one.symbol for one in await at.venue.fetch_instruments()] == [BTC]
        assert at.venue.listing.names[PEPE] == "1000PEPEUSDT"
        at.wire.say("GET /fapi/v3/positionRisk", [payloads.position("1000PEPEUSDT", "-10")])
        assert [one.symbol for one in (await at.venue.fetch_account()).positions] == [PEPE]

    play(scene, wire=wire)


def test_a_contract_that_cannot_be_understood_is_left_out_and_said_so() -> None:
    broken = payloads.contract("ADAUSDT", "ADA", filters=[])
    nameless = {"contractType": "PERPETUAL", "status": "CLOSE"}
    wire = listed(payloads.BTC, broken)
    wire.say(INFO, payloads.EXCHANGE_INFO | {"symbols": [payloads.BTC, broken, nameless]})

    async def scene(at: Scene) -> None:
        with structlog.testing.capture_logs() as lines:
            assert [one.symbol for one in await at.venue.fetch_instruments()] == [BTC]
        assert [(line["code"], line["contract"]) for line in lines] == [("contract_unreadable", "ADAUSDT")]

    play(scene, wire=wire)


def test_an_empty_listing_is_an_error_and_no_market_without_contracts() -> None:
    wire = usual()

    async def scene(at: Scene) -> None:
        for rows in ([], [payloads.SETTLING]):
            at.wire.say(INFO, payloads.EXCHANGE_INFO | {"symbols": rows})
            failure = await failure_of(at.venue.fetch_instruments(), VenueUnavailable)
            assert "the listing is empty" in str(failure)

    play(scene, wire=wire)


@pytest.mark.parametrize("route", [INFO, BRACKETS, "GET /fapi/v1/symbolConfig", "GET /fapi/v1/commissionRate"])
def test_a_listing_of_which_a_part_is_missing_is_unanswered(route: str) -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(route, refuses(-1007, 408))
        await failure_of(at.venue.fetch_instruments(), VenueUnavailable)

    play(scene)


def test_the_limit_of_the_minute_is_what_the_listing_says() -> None:
    wire = usual()
    limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 100}]

    async def scene(at: Scene) -> None:
        at.wire.say(INFO, payloads.EXCHANGE_INFO | {"rateLimits": limits})
        await failure_of(at.venue.fetch_instruments(), VenueUnavailable)
        assert "leaves no room" in str(await failure_of(at.venue.fetch_account(), VenueUnavailable))

    play(scene, wire=wire)


def test_isolated_contracts_are_known_by_name() -> None:
    wire = usual()
    wire.say("GET /fapi/v1/symbolConfig", [payloads.symbol_config("BTCUSDT", "ISOLATED")])

    async def scene(at: Scene) -> None:
        assert at.venue.listing.isolated == {"BTCUSDT"}

    play(scene, wire=wire)


def test_the_index_of_a_coin_is_that_of_its_perpetual_in_usdt() -> None:
    usdc = payloads.contract("BTCUSDC", "BTC", quoteAsset="USDC", marginAsset="USDC")
    only_usdc = payloads.contract("ADAUSDC", "ADA", quoteAsset="USDC", marginAsset="USDC")
    wire = listed(usdc, payloads.BTC, payloads.PEPE, payloads.DATED, only_usdc)

    async def scene(at: Scene) -> None:
        pairs = at.venue.listing.pairs
        assert pairs[Asset("BTC")] == ("BTCUSDT", dec(1))
        assert pairs[Asset("PEPE")] == ("1000PEPEUSDT", dec(1000))
        assert pairs[Asset("ADA")] == ("ADAUSDC", dec(1))

    play(scene, wire=wire)


def test_others_have_their_turn_while_six_hundred_and_fifty_contracts_are_read() -> None:
    wire = listed(*(payloads.contract(f"C{number}USDT", f"C{number}") for number in range(650)))

    async def scene(at: Scene) -> None:
        naps: list[timedelta] = []
        rest = at.clock.sleep

        async def counted(duration: timedelta) -> None:
            naps.append(duration)
            await rest(duration)

        at.venue.listing._clock.sleep = counted
        assert len(await at.venue.fetch_instruments()) == 650
        assert naps == [timedelta(0)] * 33, "after every twenty"

    play(scene, wire=wire)
