"""The locks install the same bytes anywhere: pinned, hashed, closed, and without the address of an index."""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.files import read

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-alerts.lock", "requirements-build.lock")


def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Return each requirement of a lock with its hashes."""
    found = []
    for entry in read(lock).replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.startswith("#"):
            continue
        requirement, *hashes = entry.split("--hash=")
        found.append((Requirement(requirement.strip()), [value.strip() for value in hashes]))
    return found


def applies(marker: Marker | None, extra: str = "") -> bool:
    return marker is None or marker.evaluate({"extra": extra})


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_no_host_and_no_folder(lock: str) -> None:
    text = read(lock)
    assert not re.search(r"://|--(extra-)?index|--find[-]links|--trusted-host|^-|\bfile:|\s/\w|@", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_exactly_and_hashed(lock: str) -> None:
    requirements = entries(lock)
    assert requirements
    for requirement, hashes in requirements:
        assert re.fullmatch(r"==[^*,=]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_closed(lock: str) -> None:
    """Whatever a locked package needs here is locked too, so that nobody has to be asked."""
    locked = {canonicalize_name(requirement.name): requirement for requirement, _ in entries(lock)}
    for requirement in locked.values():
        if not applies(requirement.marker):
            continue
        for text in metadata.requires(requirement.name) or ():
            needed = Requirement(text)
            if applies(needed.marker):
                assert canonicalize_name(needed.name) in locked, f"{requirement.name} needs {needed}"


@pytest.mark.parametrize(
    ("lock", "extra"),
    [("requirements.lock", ""), ("requirements-dev.lock", "dev"), ("requirements-alerts.lock", "alerts")],
)
def test_a_lock_satisfies_the_project(lock: str, extra: str) -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else ())]
    locked = {canonicalize_name(requirement.name): requirement for requirement, _ in entries(lock)}
    for requirement in map(Requirement, wanted):
        pin = next(iter(locked[canonicalize_name(requirement.name)].specifier)).version
        assert requirement.specifier.contains(pin), requirement


@pytest.mark.parametrize("larger", ["requirements-dev.lock", "requirements-alerts.lock"])
def test_all_locks_pin_the_same_versions(larger: str) -> None:
    development = {(requirement.name, str(requirement.specifier)) for requirement, _ in entries(larger)}
    assert {
        (requirement.name, str(requirement.specifier)) for requirement, _ in entries("requirements.lock")
    } <= development


def test_the_library_for_the_venues_is_pinned_exactly() -> None:
    dependencies = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    assert [name for name in dependencies if name.startswith("ccxt")] == ["ccxt==4.5.90"]
