"""The API: what each path asks of the bot, and what it answers."""

from decimal import Decimal
from typing import Any

import pytest

from bot.domain import errors
from tests.adapters.web.conftest import BEARER, TOKEN, Client
from tests.adapters.web.fakes import FakeControl, plan_document, resume_document, status_document

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_say_one_word_to_anyone(client: Client, path: str) -> None:
    reply = await client.get(path, headers={"Host": "10.0.0.17:8080"})
    assert reply.status == 200
    assert (await reply.text()).split() == ["alive" if path == "/healthz" else "ready"]


async def test_probes_answer_503_when_it_is_not_so(client: Client, control: FakeControl) -> None:
    control.healthy = (False, "dead")
    control.ready = (False, "late")
    assert (await client.get("/healthz")).status == 503
    reply = await client.get("/readyz")
    assert (reply.status, await reply.text()) == (503, "late\n")


async def test_status_and_plan_are_the_documents_of_the_bot(client: Client) -> None:
    assert await (await client.get("/api/v1/status", headers=BEARER)).json() == status_document()
    assert await (await client.get("/api/v1/plan", headers=BEARER)).json() == plan_document()
    assert await (await client.get("/api/v1/resume-plan", headers=BEARER)).json() == resume_document()


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("halt", {}, ("halt", "api 127.0.0.1", "the owner asked")),
        ("halt", {"why": "holiday"}, ("halt", "api 127.0.0.1", "holiday")),
        ("halt", {"is_hard": True}, ("halt", "api 127.0.0.1", "the owner asked", "hard")),
        ("halt", {"is_hard": False}, ("halt", "api 127.0.0.1", "the owner asked")),
        ("reduce-only", {}, ("reduce-only", "api 127.0.0.1", "the owner asked")),
        ("reduce-only", {"why": "holiday"}, ("reduce-only", "api 127.0.0.1", "holiday")),
        ("flatten", {}, ("flatten", "api 127.0.0.1")),
        ("resume", {}, ("resume", "api 127.0.0.1")),
        ("settle", {"amount_quote": "-125.50"}, ("settle", "api 127.0.0.1", Decimal("-125.50"))),
        ("settle", {"amount_quote": 0.1}, ("settle", "api 127.0.0.1", Decimal("0.1"))),
        ("adopt", {"symbol": "X"}, ("adopt", "api 127.0.0.1", None, "X")),
        ("adopt", {"symbol": "X", "venue": "paper"}, ("adopt", "api 127.0.0.1", "paper", "X")),
        ("confirm-flow", {}, ("confirm-flow", "api 127.0.0.1", None)),
        ("confirm-flow", {"asset": "BTC"}, ("confirm-flow", "api 127.0.0.1", "BTC")),
        ("confirm-flow", {"is_gone": True}, ("confirm-flow", "api 127.0.0.1", None, "gone")),
    ],
)
async def test_a_command_reaches_the_bot_with_its_caller(
    client: Client, control: FakeControl, path: str, body: dict[str, Any], asked: tuple[Any, ...]
) -> None:
    reply = await client.post(f"/api/v1/{path}", json=body, headers=BEARER)
    assert reply.status == 200
    assert (await reply.json())["schema"] == "trimtab.command/1"
    assert control.asked == [asked]


async def test_our_own_clients_are_named(client: Client, control: FakeControl) -> None:
    for name in ("cli", "page", "evil\tname"):
        await client.post("/api/v1/resume", json={}, headers={**BEARER, "X-Trimtab-Client": name})
    assert [asked[1] for asked in control.asked] == ["cli 127.0.0.1", "page 127.0.0.1", "api 127.0.0.1"]


async def test_an_empty_body_counts_as_an_empty_object(client: Client) -> None:
    reply = await client.post("/api/v1/halt", data=b"", headers={**BEARER, "Content-Type": "application/json"})
    assert reply.status == 200


@pytest.mark.parametrize(
    ("path", "raw", "status", "code"),
    [
        ("halt", b"{", 400, "bad_json"),
        ("halt", b"\xff\xfe", 400, "bad_json"),
        ("halt", b"[" * 60_000, 400, "bad_json"),
        ("settle", b'{"amount_quote": NaN}', 400, "bad_json"),
        ("halt", b"[]", 400, "bad_body"),
        ("halt", b'{"hard": true}', 400, "unknown_key"),
        ("halt", b'{"is_hard": "yes"}', 400, "bad_value"),
        ("halt", b'{"is_hard": 1}', 400, "bad_value"),
        ("reduce-only", b'{"is_hard": true}', 400, "unknown_key"),
        ("flatten", b'{"why": "x"}', 400, "unknown_key"),
        ("resume", b'{"why": "x"}', 400, "unknown_key"),
        ("halt", b'{"why": 7}', 400, "bad_value"),
        ("halt", b'{"why": "a\\nb"}', 400, "bad_value"),
        ("halt", b'{"why": "' + b"x" * 201 + b'"}', 400, "bad_value"),
        ("settle", b"{}", 400, "missing_key"),
        ("settle", b'{"amount_quote": "much"}', 400, "bad_value"),
        ("settle", b'{"amount_quote": "Infinity"}', 400, "bad_value"),
        ("settle", b'{"amount_quote": true}', 400, "bad_value"),
        ("settle", b'{"amount_quote": []}', 400, "bad_value"),
        ("settle", b'{"amount_quote": "1e999999"}', 400, "bad_value"),
        ("settle", b'{"amount_quote": 1e-999999}', 400, "bad_value"),
        ("adopt", b"{}", 400, "missing_key"),
        ("adopt", b'{"symbol": ""}', 400, "bad_value"),
        ("adopt", b'{"symbol": " "}', 400, "missing_key"),
        ("halt", b'{"why": "' + b"x" * 70_000 + b'"}', 413, "body_too_large"),
    ],
)
async def test_a_bad_body_is_one_clear_error(
    client: Client, control: FakeControl, path: str, raw: bytes, status: int, code: str
) -> None:
    reply = await client.post(f"/api/v1/{path}", data=raw, headers={**BEARER, "Content-Type": "application/json"})
    document = await reply.json()
    assert (reply.status, document["code"]) == (status, code)
    assert document["schema"] == "trimtab.error/1"
    assert document["message"]
    assert control.asked == []


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (errors.ConfigError("DOGE is not one of the targets"), 400, "bad_value"),
        (errors.StaleData(), 503, "data_unusable"),
        (errors.VenueUnavailable(), 503, "venue_unavailable"),
        (errors.VenueOutcomeUnknown(), 503, "venue_unavailable"),
        (errors.VenueRefused(code="x"), 409, "venue_refused"),
        (errors.JournalError(), 503, "journal_unusable"),
        (errors.InvariantViolated(), 500, "invariant_violated"),
        (errors.DataFolderInUse(), 409, "refused"),
        (errors.CommandRefused("it is halted"), 409, "refused"),
    ],
)
async def test_a_failure_of_the_bot_has_a_code_and_its_sentence(
    client: Client, control: FakeControl, failure: errors.BotError, status: int, code: str
) -> None:
    control.fail_with(failure)
    reply = await client.get("/api/v1/plan", headers=BEARER)
    assert reply.status == status
    assert await reply.json() == {"schema": "trimtab.error/1", "code": code, "message": str(failure)}


async def test_a_bug_is_not_explained_to_the_caller(client: Client, control: FakeControl) -> None:
    control.fail_with(RuntimeError(f"inner workings with {TOKEN}"))
    reply = await client.get("/api/v1/plan", headers=BEARER)
    assert reply.status == 500
    assert "inner workings" not in await reply.text()


async def test_unknown_paths_and_methods_are_json_too(client: Client) -> None:
    missing = await client.get("/api/v1/nothing", headers=BEARER)
    assert (missing.status, (await missing.json())["code"]) == (404, "no_such_path")
    wrong = await client.get("/api/v1/halt", headers=BEARER)
    assert (wrong.status, (await wrong.json())["code"]) == (405, "wrong_method")
    assert wrong.headers["Allow"] == "POST"


#: What the watchers tell, as far as it is measured.
WATCHED = {
    "rolls": [{"venue": "paper", "symbol": "BTC/USDT:USDT-260327", "expires_at": "2026-03-27T08:00:00Z"}],
    "rolling": [{"venue": "paper", "symbol": "BTC/USDT:USDT-260327", "missing": "0.004"}],
    "basis": [
        {
            "venue": "paper",
            "symbol": "BTC/USDT:USDT-260327",
            "basis": "0.0042",
            "annual": "0.0613",
            "z_score": "-1.2",
        },
        {"venue": "paper", "symbol": "BTC/USDT:USDT", "basis": "0.0001", "annual": None, "z_score": None},
    ],
    "funding": [{"venue": "paper", "symbol": "BTC/USDT:USDT", "paid_annual": "-0.11"}],
    "breaker": {
        "losses": [{"measure": "cost", "loss_frac": "0.012", "limit_frac": "0.03"}],
        "tripped": None,
    },
}


async def test_metrics_are_prometheus_text(client: Client, control: FakeControl) -> None:
    control.document |= WATCHED
    reply = await client.get("/metrics", headers=BEARER)
    text = await reply.text()
    assert reply.headers["Content-Type"].startswith("text/plain")
    for line in (
        'bot_gap_frac{asset="ETH"} 0.091',
        'bot_weight_frac{asset="BTC"} 0.482',
        'bot_margin_usage_frac{currency="USDT",venue="paper",wallet="linear_futures"} 0.007083333333',
        "bot_unprotected_positions 1.0",
        "bot_unknown_orders 1.0",
        'bot_trading_state{state="normal"} 1.0',
        'bot_trading_state{state="halted"} 0.0',
        'bot_open_alerts{severity="warning"} 1.0',
        "bot_capacity_short_quote 1240.5",
        "bot_portfolio_value_quote 10000.0",
        "bot_last_cycle_at_seconds 1.77243831e+09",
        'bot_orders{state="filled"} 3.0',
        'bot_basis_annual{symbol="BTC/USDT:USDT-260327",venue="paper"} 0.0613',
        'bot_basis_z_score{symbol="BTC/USDT:USDT-260327",venue="paper"} -1.2',
        'bot_funding_paid_annual{symbol="BTC/USDT:USDT",venue="paper"} -0.11',
        'bot_roll_missing_base{symbol="BTC/USDT:USDT-260327",venue="paper"} 0.004',
        'bot_next_expiry_at_seconds{symbol="BTC/USDT:USDT-260327",venue="paper"} 1.7745984e+09',
        'bot_liquidation_distance_frac{currency="USDT",venue="paper"} 0.241',
        'bot_loss_frac{measure="cost"} 0.012',
        "bot_breaker_tripped 0.0",
    ):
        assert line in text.splitlines()
    assert [line for line in text.splitlines() if line.startswith("bot_tasks ")]


async def test_what_is_not_known_has_no_sample(client: Client, control: FakeControl) -> None:
    control.document |= {"portfolio_value_quote": None, "last_look_at": None, "assets": []}
    control.document |= {"basis": WATCHED["basis"]}
    control.document["margin"][0]["usage_frac"] = None
    text = await (await client.get("/metrics", headers=BEARER)).text()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    for name in (
        "bot_portfolio_value_quote",
        "bot_last_cycle_at",
        "bot_gap_frac",
        "bot_margin_usage_frac",
        "bot_loss_frac",
        'bot_basis_annual{symbol="BTC/USDT:USDT",',
    ):
        assert not [line for line in samples if line.startswith(name)]
