"""The lock files are exact and complete, and the bundle has the runtime's few packages and no more."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.lock import LOCKS
from scripts.setup import Environment, environments
from tests.local.instance import ROOT

_HASH = r"--hash=sha256:[0-9a-f]{64}"


def locked(path: Path) -> dict[str, str]:
    """Return the versions of the packages for this interpreter. Fails for a line without a version or a hash."""
    versions: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        if line.lstrip().startswith("#"):
            continue
        pin, _, hashes = line.partition(" --hash")
        assert re.fullmatch(rf"(?: *{_HASH})+", f" --hash{hashes}"), line
        requirement = Requirement(re.sub(r" {2,}", " ", pin))
        [specifier] = requirement.specifier
        assert specifier.operator == "==", line
        if requirement.marker is None or requirement.marker.evaluate():
            versions[canonicalize_name(requirement.name)] = specifier.version
    return versions


def pins(name: str) -> dict[str, str]:
    """Return the versions in a lock file, by the name of its source."""
    return locked(ROOT / LOCKS[name])


def direct(name: str) -> set[str]:
    """Return the direct dependencies in a source, with those of the sources that it includes."""
    found: set[str] = set()
    for line in (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found |= direct(Path(text.removeprefix("-r ")).stem)
        elif text and not text.startswith("-c "):
            found.add(canonicalize_name(Requirement(text).name))
    return found


def needed_by(*roots: str) -> set[str]:
    """Return the packages that these and their dependencies need on this Python, themselves included."""
    names: set[str] = set()
    left = [Requirement(root) for root in roots]
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        if name in names and not requirement.extras:
            continue
        names.add(name)
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                left.append(needed)
    return names


@pytest.mark.parametrize("name", LOCKS)
def test_lock_contains_every_direct_dependency_with_version_and_hash(name: str) -> None:
    assert direct(name) <= pins(name).keys()


@pytest.mark.parametrize("name", LOCKS)
def test_requirements_name_no_index_and_no_address(name: str) -> None:
    for path in (ROOT / LOCKS[name], ROOT / "requirements" / f"{name}.in"):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text
        assert "index" not in text


@pytest.mark.parametrize("environment", environments(ROOT, "test"), ids=lambda found: str(found.path.name))
def test_environment_contains_exactly_the_packages_of_its_lock(environment: Environment) -> None:
    paths = [str(path) for path in environment.path.glob("lib/python*/site-packages")]
    found = {canonicalize_name(package.name): package.version for package in metadata.distributions(path=paths)}
    assert found == locked(environment.locks[0])


def test_bundle_contains_pydantic_and_pyjwt_with_their_dependencies_only() -> None:
    assert pins("bundle").keys() == needed_by("pydantic", "PyJWT[crypto]")


@pytest.mark.parametrize("name", ["run", "test"])
def test_application_runs_with_the_packages_of_the_bundle(name: str) -> None:
    assert pins("bundle").items() <= pins(name).items()


def test_tests_run_with_the_packages_of_a_run() -> None:
    assert pins("run").items() <= pins("test").items()


def test_emulated_lambda_runtime_has_the_boto3_of_a_run_and_nothing_of_the_bundle() -> None:
    runtime, run = pins("lambda"), pins("run")
    assert runtime.keys() >= {"awslambdaric", "boto3", "botocore", "urllib3"}
    assert {name: version for name, version in runtime.items() if run.get(name, version) != version} == {}
    assert runtime.keys() - run.keys() == {"awslambdaric", "simplejson", "snapshot-restore-py"}
    assert not runtime.keys() & pins("bundle").keys()
