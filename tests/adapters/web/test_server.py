"""The server listens, says where, and stops; the data folder tells commands how to reach it."""

import os
import resource
import stat
from pathlib import Path

import aiohttp
import pytest

from bot.adapters.web.folder import (
    create_token,
    read_address,
    read_token,
    remove_address,
    write_address,
)
from bot.adapters.web.server import WebServer
from bot.domain.errors import ConfigError
from tests.adapters.web.fakes import FakeControl


@pytest.mark.asyncio
async def test_it_listens_on_a_free_port_and_stops() -> None:
    server = WebServer(FakeControl(), "127.0.0.1", 0, "canary-token")
    await server.start()
    url = f"http://127.0.0.1:{server.port}/healthz"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as reply:
            assert reply.status == 200
        await server.stop()
        await server.stop()
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(url)


@pytest.mark.asyncio
async def test_a_taken_port_is_one_clear_line() -> None:
    first = WebServer(FakeControl(), "127.0.0.1", 0, "canary-token")
    await first.start()
    second = WebServer(FakeControl(), "127.0.0.1", first.port, "canary-token")
    with pytest.raises(ConfigError, match=rf"cannot listen on 127.0.0.1:{first.port} .*TRIMTAB_HTTP__PORT"):
        await second.start()
    await first.stop()


@pytest.mark.asyncio
async def test_metrics_are_absent_where_nobody_renders_them() -> None:
    server = WebServer(FakeControl(), "127.0.0.1", 0, "canary-token")
    await server.start()
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"http://127.0.0.1:{server.port}/metrics", headers={"Authorization": "Bearer canary-token"}
        ) as reply,
    ):
        assert reply.status == 404
    await server.stop()


def test_the_token_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    assert read_token(tmp_path) is None
    token = create_token(tmp_path)
    assert len(token) >= 40
    assert create_token(tmp_path) == read_token(tmp_path) == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_a_token_that_could_not_be_written_leaves_nothing_that_keeps_the_next_start_from_making_one(
    tmp_path: Path,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            create_token(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_token(tmp_path) is None
    assert create_token(tmp_path) == read_token(tmp_path)


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    create_token(tmp_path)
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others: delete it"):
        read_token(tmp_path)


def test_an_empty_token_file_is_refused(tmp_path: Path) -> None:
    create_token(tmp_path)
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ConfigError, match="is empty: delete it"):
        create_token(tmp_path)


def test_the_address_is_written_read_and_taken_back(tmp_path: Path) -> None:
    assert read_address(tmp_path) is None
    write_address(tmp_path, "0.0.0.0", 8080)  # noqa: S104 - written down, not bound
    address = read_address(tmp_path)
    assert address is not None
    assert (address.url, address.pid) == ("http://127.0.0.1:8080", os.getpid())
    assert stat.S_IMODE((tmp_path / "http.json").stat().st_mode) == 0o600
    write_address(tmp_path, "::1", 8081)
    address = read_address(tmp_path)
    assert address is not None
    assert address.url == "http://[::1]:8081"
    remove_address(tmp_path)
    remove_address(tmp_path)
    assert read_address(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"host": "x", "port": "y", "pid": 1}'])
def test_a_broken_address_file_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "http.json").write_text(text)
    assert read_address(tmp_path) is None
