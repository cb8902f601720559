"""Who is let in, and what is kept from those who are not."""

import re
from pathlib import Path

import pytest

from bot.adapters.web.guard import Guard
from tests.adapters.web.conftest import BEARER, TOKEN, Client
from tests.adapters.web.fakes import FakeControl

pytestmark = pytest.mark.asyncio

COMMANDS = ["halt", "resume", "settle", "adopt", "confirm-flow"]
GUARDED = [
    "/metrics",
    "/api/v1/status",
    "/api/v1/plan",
    "/api/v1/nothing",
    "/%61pi/v1/status",
    "/static/none.js",
]


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        TOKEN,
        "Bearer \u00e9",
    ],
)
async def test_without_the_token_nothing_is_said(
    client: Client, control: FakeControl, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    reply = await client.get(path, headers=headers)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert (await reply.json())["code"] == "token_needed"
    assert control.asked == []


@pytest.mark.parametrize("command", COMMANDS)
async def test_without_the_token_nothing_is_done(client: Client, control: FakeControl, command: str) -> None:
    assert (await client.post(f"/api/v1/{command}", json={})).status == 401
    assert control.asked == []


@pytest.mark.parametrize("query", ["?token=x", "?TOKEN=x", "?access_token=x", f"?x={TOKEN}", f"?{TOKEN}", "?api_key=x"])
@pytest.mark.parametrize("path", ["/", "/api/v1/status"])
async def test_a_token_in_the_address_is_refused(client: Client, path: str, query: str) -> None:
    reply = await client.get(path + query, headers=BEARER)
    assert (reply.status, (await reply.json())["code"]) == (400, "token_in_query")
    assert TOKEN not in await reply.text()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1@evil", "a b", "[::2]:80"])
@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/static/page.js"])
async def test_a_foreign_name_is_not_served(client: Client, path: str, host: str) -> None:
    reply = await client.get(path, headers={**BEARER, "Host": host})
    assert reply.status == 403
    assert (await reply.json())["code"] == "host_not_allowed"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:8080", "[::1]:8080", "bot.example"])
async def test_own_names_are_served_on_any_port(client: Client, host: str) -> None:
    assert (await client.get("/api/v1/status", headers={**BEARER, "Host": host})).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_command_from_a_foreign_page_is_refused(
    client: Client, control: FakeControl, headers: dict[str, str]
) -> None:
    reply = await client.post("/api/v1/halt", json={}, headers={**BEARER, **headers})
    assert (reply.status, (await reply.json())["code"]) == (403, "foreign_origin")
    assert control.asked == []


async def test_a_command_from_our_own_page_is_taken(client: Client) -> None:
    origin = f"http://127.0.0.1:{client.port}"
    reply = await client.post(
        "/api/v1/halt", json={}, headers={**BEARER, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
    )
    assert reply.status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
async def test_a_command_is_taken_as_json_only(client: Client, control: FakeControl, kind: str) -> None:
    reply = await client.post("/api/v1/halt", data=b"{}", headers={**BEARER, "Content-Type": kind})
    assert (reply.status, (await reply.json())["code"]) == (415, "json_needed")
    assert control.asked == []


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/healthz", "/nothing"])
async def test_every_answer_is_dressed(client: Client, path: str) -> None:
    reply = await client.get(path, headers={"Origin": "https://evil.example"})
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["Server"] == "trimtab"
    assert "Set-Cookie" not in reply.headers
    assert not [name for name in reply.headers if name.startswith("Access-Control-")]


async def test_a_preflight_is_not_answered(client: Client) -> None:
    reply = await client.options(
        "/api/v1/halt", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert reply.status == 403
    assert not [name for name in reply.headers if name.startswith("Access-Control-")]


async def test_the_page_is_static_and_holds_no_data(client: Client, control: FakeControl) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/static/page.css", "text/css"),
        ("/static/page.js", "text/javascript"),
        ("/static/icon.svg", "image/svg+xml"),
    ):
        reply = await client.get(path)
        assert (reply.status, reply.content_type) == (200, kind)
        text = await reply.text()
        assert TOKEN not in text
        again = await client.get(path, headers={"If-None-Match": reply.headers["ETag"]})
        assert again.status == 304
    assert control.asked == []


@pytest.mark.parametrize("path", ["/static/", "/static/../server.py", "/static/%2e%2e/server.py", "/static/none.js"])
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    assert (await client.get(path, headers=BEARER)).status == 404


async def test_the_page_has_nothing_inline_and_writes_no_markup() -> None:
    folder = Path(__file__).parents[3] / "bot/adapters/web/static"
    page = (folder / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=|javascript:|https?://", page)
    script = (folder / "page.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|localStorage|cookie", script)


async def test_an_empty_token_is_never_served_with() -> None:
    with pytest.raises(ValueError, match="everybody"):
        Guard(token="", host="127.0.0.1", allowed_hosts=frozenset(), public_paths=frozenset(), redact=str)
