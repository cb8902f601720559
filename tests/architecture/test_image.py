"""What the image and the compose file promise to whoever runs them. Facts, read from the files."""

import json
import re
import tomllib

import pytest

from tests.architecture.files import read

SECRET_NAMES = re.compile(r"(?i)(api_?key|api_?secret|passphrase|password|token)\s*[=:]\s*\S")


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with their arguments, comments and line ends removed."""
    lines = "\n".join(line for line in read("Dockerfile").splitlines() if not line.lstrip().startswith("#"))
    found = []
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, arguments = line.strip().partition(" ")
            found.append((name.upper(), arguments.strip()))
    return found


def final_stage() -> list[tuple[str, str]]:
    """Return the instructions of what is shipped."""
    whole = instructions()
    last = max(index for index, (name, _) in enumerate(whole) if name == "FROM")
    return whole[last:]


def only(name: str) -> str:
    """Return the arguments of an instruction that the final stage has once."""
    (arguments,) = [arguments for instruction, arguments in final_stage() if instruction == name]
    return arguments


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in only("ENV").split())


def test_it_is_built_in_stages_on_a_slim_base_of_one_minor_version() -> None:
    bases = [arguments.split()[0] for name, arguments in instructions() if name == "FROM"]
    assert len(bases) >= 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.1[1-9]-slim", bases[0])


def test_the_base_is_a_python_that_the_project_supports() -> None:
    minor = re.search(r"python:3\.(\d+)", read("Dockerfile"))
    wanted = re.search(r">=3\.(\d+)", tomllib.loads(read("pyproject.toml"))["project"]["requires-python"])
    assert minor is not None
    assert wanted is not None
    assert int(minor[1]) >= int(wanted[1])


def test_dependencies_are_installed_by_hash_and_nothing_else_is() -> None:
    commands = " && ".join(arguments for name, arguments in instructions() if name == "RUN")
    installs = [command for command in commands.split("&&") if re.search(r"\bpip\b.*\binstall\b", command)]
    assert installs
    for command in installs:
        assert "--no-deps" in command
        assert "--require-hashes" in command or "/tmp/wheel/" in command, command  # noqa: S108 - read, not written


def test_it_runs_as_a_numeric_user_without_rights() -> None:
    assert only("USER") == "10001:10001"


def test_its_data_lies_on_a_volume() -> None:
    assert only("VOLUME") == "/data"
    assert environment()["TRIMTAB_DATA_DIR"] == "/data"
    assert any("install -d -o 10001 -g 10001 -m 0700 /data" in arguments for _, arguments in final_stage())


def test_it_writes_nothing_beside_its_data() -> None:
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert any("compileall" in arguments for name, arguments in instructions() if name == "RUN")


def test_it_is_stopped_by_the_signal_that_it_handles() -> None:
    assert only("STOPSIGNAL") == "SIGTERM"


def test_the_daemon_is_process_one_without_a_shell() -> None:
    assert json.loads(only("ENTRYPOINT")) == ["trimtab"]
    assert json.loads(only("CMD")) == ["run"]


def test_it_says_whether_it_is_healthy() -> None:
    check = only("HEALTHCHECK")
    command = json.loads(check[check.index("CMD ") + 4 :])
    assert command[0] == "python"
    assert "/healthz" in command[-1]
    compile(command[-1], "healthcheck", "exec")


def test_it_listens_where_a_published_port_leads_to() -> None:
    assert environment()["TRIMTAB_HTTP__HOST"] == "0.0.0.0"  # noqa: S104 - compared, not bound
    assert only("EXPOSE") == "8080"


@pytest.mark.parametrize("name", ["Dockerfile", "docker-compose.yml"])
def test_no_secret_is_written_into(name: str) -> None:
    assert not SECRET_NAMES.search(read(name))


def test_only_what_is_named_enters_the_build() -> None:
    rules = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        "!pyproject.toml", "!requirements.lock", "!requirements-alerts.lock", "!requirements-build.lock", "!README.md",
            "!LICENSE", "!bot/",
    }  # fmt: skip
