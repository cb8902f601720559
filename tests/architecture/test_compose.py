"""What the compose file promises. Its lines are compared as text: a parser for YAML is no dependency of the bot."""

import re
import textwrap

import pytest

from tests.architecture.files import read


def service() -> str:
    """Return the only service, unindented, without comments."""
    text = re.sub(r"(?m)^\s*#.*\n", "", read("docker-compose.yml"))
    found = re.search(r"(?m)^services:\n  trimtab:\n((?:    .*\n|\n)+)", text)
    assert found is not None
    return textwrap.dedent(found[1])


def block(key: str) -> str:
    """Return what stands below a key."""
    found = re.search(rf"(?m)^{key}:\n((?:[ \t]+.*\n)+)", service())
    assert found is not None, key
    return textwrap.dedent(found[1])


def test_it_is_published_on_loopback_only() -> None:
    published = re.findall(r'(?m)^- "?([^"\n]+)"?$', block("ports"))
    assert published == ["127.0.0.1:8080:8080"]


def test_it_comes_back_after_a_crash_and_a_reboot() -> None:
    assert "\nrestart: unless-stopped\n" in service()


def test_its_health_is_asked_for() -> None:
    assert "/healthz" in block("healthcheck")


def test_its_logs_are_rotated() -> None:
    logging = block("logging")
    assert "driver: json-file" in logging
    assert re.search(r"max-size: \d+m", logging)
    assert re.search(r'max-file: "\d+"', logging)


@pytest.mark.parametrize(
    "line",
    [
        "read_only: true",
        "cap_drop:\n  - ALL",
        "security_opt:\n  - no-new-privileges:true",
        "init: true",
        "mem_limit: 512m",
    ],
)
def test_it_is_confined(line: str) -> None:
    assert f"\n{line}\n" in service()


def test_only_the_volume_and_a_small_folder_in_memory_can_be_written() -> None:
    assert block("volumes") == "- data:/data\n"
    assert block("tmpfs").startswith("- /tmp:rw,noexec,nosuid,nodev,size=")


def test_it_needs_no_configuration_and_takes_one() -> None:
    assert block("env_file") == "- path: .env\n  required: false\n"


def test_it_has_time_to_end_in_good_order() -> None:
    period = re.search(r"stop_grace_period: (\d+)s", service())
    assert period is not None
    assert int(period[1]) > 10
