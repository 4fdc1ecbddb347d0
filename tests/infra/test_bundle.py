"""The zip: what is in it and what is not, bytecode that is used, libraries that load."""

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
from infra.runtime import this_runtime
from tests.infra.checkouts import ROOT, Builds

Files = dict[str, bytes]


def tops(bundle: Files) -> set[str]:
    return {name.partition("/")[0] for name in bundle}


def test_the_bundle_is_small_enough(builds: Builds) -> None:
    assert builds.here.bundle.stat().st_size <= 12 * 1024 * 1024


def test_it_holds_our_code_the_listed_dependencies_and_nothing_else(bundle: Files) -> None:
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


def test_there_is_no_sdk_no_test_and_no_tool(bundle: Files) -> None:
    unwanted = re.compile(r"(^|/)(boto3|botocore|tests?|local|infra|bench|moto|pytest|pip|setuptools|bin)(/|$)")
    assert [name for name in bundle if unwanted.search(name)] == []


def test_of_chalice_there_is_what_runs_on_lambda_only(bundle: Files) -> None:
    modules = {name for name in bundle if name.startswith("chalice/") and name.endswith(".py")}
    assert modules == {"chalice/__init__.py", "chalice/app.py"}


def test_every_module_of_ours_is_in_it_as_it_is_in_the_checkout(bundle: Files, builds: Builds) -> None:
    root = builds.here.checkout
    here = {path.relative_to(root).as_posix(): path for path in (root / "chalicelib").rglob("*.py")}
    assert "chalicelib/core/messaging/sender.py" in here
    packed = {name for name in bundle if name.startswith("chalicelib/") and name.endswith(".py")}
    assert packed == set(here)
    assert all(bundle[name] == path.read_bytes() for name, path in here.items())


def test_no_caches_of_this_machine_get_in(bundle: Files) -> None:
    assert not [name for name in bundle if "gone" in name]


def test_bytecode_goes_by_hash_and_is_never_checked(bundle: Files) -> None:
    compiled = [data for name, data in bundle.items() if name.endswith(".pyc")]
    assert len(compiled) == sum(name.endswith(".py") for name in bundle)
    assert {data[:8] for data in compiled} == {importlib.util.MAGIC_NUMBER + b"\1\0\0\0"}


def test_bytecode_is_that_of_the_sources_beside_it(bundle: Files) -> None:
    tag = this_runtime("arm64").cache_tag
    for name in ("app.py", "chalicelib/core/messaging/sender.py", "pydantic/main.py"):
        folder, _, module = name.rpartition("/")
        compiled = bundle[f"{folder + '/' if folder else ''}__pycache__/{module.removesuffix('.py')}.{tag}.pyc"]
        assert compiled[8:16] == importlib.util.source_hash(bundle[name])
        code = marshal.loads(compiled[16:])  # noqa: S302 — bytes that this test run has made
        assert isinstance(code, CodeType)
        assert code.co_filename == f"/var/task/{name}"


def test_metadata_stays_for_scanners_and_licences_stay(bundle: Files) -> None:
    for top in sorted(tops(bundle)):
        if top.endswith(".dist-info"):
            assert f"{top}/METADATA" in bundle
            assert any(name.startswith(f"{top}/licenses/") for name in bundle)


def test_pruning_leaves_code_metadata_and_licences(tmp_path: Path) -> None:
    kept = {"a/__init__.py", "a/b.so", "a-1.dist-info/METADATA", "a-1.dist-info/licenses/LICENSE"}
    gone = {"bin/tool", "a/py.typed", "a/b.pyi", "a/b.h", "a/c.cfg", "a-1.dist-info/RECORD", "a-1.dist-info/WHEEL"}
    for name in kept | gone:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    prune(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == kept


def test_the_bundle_passes_its_own_check(builds: Builds) -> None:
    bundle_checks.check(builds.here.bundle, this_runtime("arm64"))


def test_a_bundle_for_one_processor_does_not_pass_for_another(builds: Builds) -> None:
    with pytest.raises(InfraError, match="is for EM_AARCH64, the functions run on x86_64"):
        bundle_checks.check(builds.here.bundle, this_runtime("x86_64"))
