"""What becomes of a stream when something fails that nobody thought of?"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from structlog.testing import capture_logs

from bot.domain.hints import AccountHint, Hint
from bot.domain.ids import Symbol
from tests.adapters.ccxt.wire import Scene, play


def test_a_stream_that_fails_for_a_mistake_of_ours_is_told_of_and_opened_again_after_longer_and_longer() -> None:
    opened_at: list[datetime] = []
    hints: list[Hint] = []

    async def scene(at: Scene) -> None:
        def wanted() -> Sequence[Symbol]:
            opened_at.append(at.clock.now())
            raise KeyError("canary-listen-key")

        market, _ = at.venue.streams(wanted, hints.append)
        listening = asyncio.ensure_future(market())
        await asyncio.sleep(16)
        assert not listening.done(), "the task lives, and with it the bot"
        listening.cancel()

    with capture_logs() as said:
        play(scene, ws_url="ws://127.0.0.1:1")
    told = [line for line in said if line["code"] == "stream_failed"]
    pauses = [round((after - before).total_seconds()) for before, after in pairwise(opened_at)]
    assert pauses == [1, 2, 4, 8]
    assert len(told) == len(opened_at)
    assert (told[0]["log_level"], told[0]["stream"], told[0]["reason"]) == ("error", "market", "KeyError")
    assert "test_streams.py" in told[0]["where"]
    assert "canary" not in str(said)
    assert all(isinstance(hint, AccountHint) for hint in hints)
    assert len(hints) == len(opened_at)
