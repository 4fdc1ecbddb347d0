"""The zip: its contents, its bytecode, and its native libraries."""

from __future__ import annotations

import importlib.util
import marshal
import re
from pathlib import Path
from types import CodeType

import pytest

from infra import bundle_checks
from infra.bundle import prune
from infra.errors import InfraError
from infra.runtime import runtime_for
from tests.infra.checkouts import ROOT, Builds

Files = dict[str, bytes]


def tops(bundle: Files) -> set[str]:
    return {name.partition("/")[0] for name in bundle}


def test_bundle_is_within_the_size_limits(builds: Builds) -> None:
    assert builds.here.bundle.stat().st_size <= 12 * 1024 * 1024


def test_bundle_contains_only_the_code_and_its_dependencies(bundle: Files) -> None:
    listed = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    installed = {
        re.sub("[-_.]+", "-", name.partition("-")[0]).lower()
        for name in tops(bundle)
        if name.endswith(".dist-info")
    }
    assert installed == listed
    packages = {name for name in tops(bundle) if not name.endswith((".dist-info", ".so"))}
    assert packages == {
        *("app.py", "chalicelib", "chalice", "__pycache__"),
        *("annotated_types", "cffi", "cryptography", "jwt", "pycparser", "pydantic", "pydantic_core"),
        *("typing_extensions.py", "typing_inspection"),
    }


def test_bundle_contains_no_sdk_tests_or_tools(bundle: Files) -> None:
    unwanted = re.compile(r"(^|/)(boto3|botocore|tests?|local|infra|bench|moto|pytest|pip|setuptools|bin)(/|$)")
    assert [name for name in bundle if unwanted.search(name)] == []


def test_bundle_contains_only_the_runtime_part_of_chalice(bundle: Files) -> None:
    modules = {name for name in bundle if name.startswith("chalice/") and name.endswith(".py")}
    assert modules == {"chalice/__init__.py", "chalice/app.py"}


def test_every_project_module_is_bundled_unchanged(bundle: Files, builds: Builds) -> None:
    root = builds.here.checkout
    here = {path.relative_to(root).as_posix(): path for path in (root / "chalicelib").rglob("*.py")}
    assert "chalicelib/core/messaging/sender.py" in here
    packed = {name for name in bundle if name.startswith("chalicelib/") and name.endswith(".py")}
    assert packed == set(here)
    assert all(bundle[name] == path.read_bytes() for name, path in here.items())


def test_bundle_contains_no_caches(bundle: Files) -> None:
    assert not [name for name in bundle if "gone" in name]


def test_bytecode_is_unchecked_hash_based(bundle: Files) -> None:
    compiled = [data for name, data in bundle.items() if name.endswith(".pyc")]
    assert len(compiled) == sum(name.endswith(".py") for name in bundle)
    assert {data[:8] for data in compiled} == {importlib.util.MAGIC_NUMBER + b"\1\0\0\0"}


def test_bytecode_matches_its_source(bundle: Files) -> None:
    tag = runtime_for(None, "arm64").cache_tag
    for name in ("app.py", "chalicelib/core/messaging/sender.py", "pydantic/main.py"):
        folder, _, module = name.rpartition("/")
        compiled = bundle[f"{folder + '/' if folder else ''}__pycache__/{module.removesuffix('.py')}.{tag}.pyc"]
        assert compiled[8:16] == importlib.util.source_hash(bundle[name])
        code = marshal.loads(compiled[16:])  # noqa: S302 — bytes built by this test run
        assert isinstance(code, CodeType)
        assert code.co_filename == f"/var/task/{name}"


def test_metadata_and_licences_are_kept(bundle: Files) -> None:
    for top in sorted(tops(bundle)):
        if top.endswith(".dist-info"):
            assert f"{top}/METADATA" in bundle
            assert any(name.startswith(f"{top}/licenses/") for name in bundle)


def test_prune_keeps_code_metadata_and_licences(tmp_path: Path) -> None:
    kept = {"a/__init__.py", "a/b.so", "a-1.dist-info/METADATA", "a-1.dist-info/licenses/LICENSE"}
    gone = {"bin/tool", "a/py.typed", "a/b.pyi", "a/b.h", "a/c.cfg", "a-1.dist-info/RECORD", "a-1.dist-info/WHEEL"}
    for name in kept | gone:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    prune(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == kept


def test_bundle_passes_its_check(builds: Builds) -> None:
    bundle_checks.check(builds.here.bundle, runtime_for(None, "arm64"), importlib.util.MAGIC_NUMBER)


def test_bundle_for_another_architecture_fails_the_check(builds: Builds) -> None:
    with pytest.raises(InfraError, match="is for EM_AARCH64, but the functions run on x86_64"):
        bundle_checks.check(builds.here.bundle, runtime_for(None, "x86_64"), importlib.util.MAGIC_NUMBER)
