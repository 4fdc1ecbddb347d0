"""The requirement files are exact and complete, and Lambda gets the runtime's few and no more."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.local.instance import ROOT

FILES = ("requirements.txt", "requirements-local.txt", "requirements-dev.txt", "requirements-store.txt")
# Any pip below 26.3 will do for Chalice; the one that comes with Python stays.
NOT_PINNED = {"pip"}


def pins(file: str) -> dict[str, str]:
    """Package → version. Fails where a line is neither an exact pin nor a hash nor a comment."""
    found: dict[str, str] = {}
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)((?: +--hash=sha256:[0-9a-f]{64})*) *", line)
        if match is None:
            assert line.split(">")[0] in NOT_PINNED, f"{file}: {line}"
            continue
        found[canonicalize_name(match[1])] = match[2]
        assert bool(match[3]) == (file == "requirements.txt"), f"{file}: hashes are for the runtime: {line}"
    return found


def needed_by(*roots: str) -> set[str]:
    """The packages that these and their dependencies need on this Python, themselves included."""
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


def test_lambda_gets_pydantic_and_pyjwt_with_what_they_need_and_nothing_else() -> None:
    assert pins("requirements.txt").keys() == needed_by("pydantic", "PyJWT[crypto]")


def test_a_run_has_all_that_it_needs() -> None:
    needed = needed_by("chalice", "boto3", "websockets", "aiohttp") - needed_by("pydantic", "PyJWT[crypto]")
    assert pins("requirements-local.txt").keys() == needed - NOT_PINNED


def test_everything_pinned_for_tests_brings_what_it_needs() -> None:
    outer = pins("requirements.txt") | pins("requirements-local.txt")
    own = pins("requirements-dev.txt")
    assert not own.keys() & outer.keys()
    assert needed_by(*own) - NOT_PINNED <= own.keys() | outer.keys()


@pytest.mark.parametrize("file", FILES[:3])
def test_this_environment_is_the_one_that_the_files_describe(file: str) -> None:
    for name, version in pins(file).items():
        assert metadata.version(name) == version, name


def test_the_store_is_pinned_exactly() -> None:
    assert pins("requirements-store.txt")["ministack"] == "1.5.33"


def test_what_judges_the_template_is_pinned_exactly() -> None:
    assert pins("requirements-lint.txt").keys() >= {"cfn-lint", "aws-sam-translator", "pydantic", "boto3"}


def test_the_stand_in_for_lambda_has_the_boto3_of_this_environment_and_nothing_of_the_bundle() -> None:
    runtime, here = pins("requirements-lambda.txt"), pins("requirements-local.txt")
    assert runtime.keys() >= {"awslambdaric", "boto3", "botocore", "urllib3"}
    assert {name: here[name] for name in runtime.keys() & here.keys()} == {
        name: version for name, version in runtime.items() if name in here
    }
    assert runtime.keys() - here.keys() == {"awslambdaric", "simplejson", "snapshot-restore-py"}
    assert not runtime.keys() & pins("requirements.txt").keys()
