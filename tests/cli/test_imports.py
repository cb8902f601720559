"""What a command does not need is not imported."""

import json
import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "alembic", "apscheduler", "ccxt", "numpy", "rich", "sqlalchemy", "structlog")


def modules_after(code: str) -> set[str]:
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys, json\n{code}\nsys.stderr.write(json.dumps(sorted(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return {name.partition(".")[0] for name in json.loads(ended.stderr)}


@pytest.mark.parametrize("words", ['["--help"]', '["run", "--help"]', '["--version"]'])
def test_help_pays_for_nothing(words: str) -> None:
    loaded = modules_after(f"from bot.cli.app import run_command_line\nrun_command_line({words})")
    assert loaded.isdisjoint(HEAVY)


def test_the_web_server_does_not_know_metrics_engine_or_rich() -> None:
    loaded = modules_after(
        "import bot.adapters.web.server\n"
        "assert not [m for m in sys.modules if m.startswith(('bot.engine', 'bot.cli', 'bot.adapters.metrics'))]"
    )
    assert "prometheus_client" not in loaded
