"""Bundles for other Python versions than the running one, each built by its own interpreter."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path

import pytest

from infra.build import package
from infra.errors import InfraError
from infra.interpreters import find_interpreter
from infra.runtime import Runtime
from tests.infra.checkouts import ROOT, copy_checkout

pytestmark = pytest.mark.skipif(
    not os.environ.get("CHAT_BUILD_RUNTIMES"), reason="takes long: part of make test-all"
)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_bundle_fits_the_runtime_of_the_stage(version: str, tmp_path: Path) -> None:
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        pytest.skip(f"Python {version} is the running one")
    try:
        find_interpreter(Runtime(version, "arm64"))
    except InfraError:
        pytest.skip(f"Python {version} is not installed")
    checkout = tmp_path / "checkout"
    copy_checkout(ROOT, checkout)
    path = checkout / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["infra"]["runtime"] = f"python{version}"
    path.write_text(json.dumps(config))
    built = package(checkout, "dev", tmp_path / "out")  # checks the bytecode and the libraries
    tag = built.runtime.cache_tag
    with zipfile.ZipFile(built.bundle.path) as archive:
        names = archive.namelist()
    assert f"__pycache__/app.{tag}.pyc" in names
    compiled = [name for name in names if name.endswith(".so") and ".cpython-" in name]
    assert compiled and all(f".{tag}-aarch64-" in name for name in compiled)
    assert f'"Runtime": "python{version}"' in built.template.read_text()
