"""The package of the JavaScript client."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from scripts.node import CLIENT
from tests.clients.js.node_tests import ROOT

PACKAGE = json.loads((ROOT / CLIENT / "package.json").read_text(encoding="utf-8"))
LOCK = json.loads((ROOT / CLIENT / "package-lock.json").read_text(encoding="utf-8"))


def test_client_has_the_version_of_the_server() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert PACKAGE["version"] == LOCK["version"] == project["version"]


def test_client_has_no_runtime_dependency() -> None:
    assert not PACKAGE.keys() & {"dependencies", "peerDependencies", "optionalDependencies", "bundledDependencies"}


def test_entry_points_are_those_of_the_build() -> None:
    build = (ROOT / CLIENT / "build.mjs").read_text(encoding="utf-8")
    entries = json.loads(build.partition("const ENTRIES = ")[2].partition(";")[0])
    exported = [Path(entry["default"]).stem for entry in PACKAGE["exports"].values()]
    typed = [Path(entry["types"]).name.removesuffix(".d.ts") for entry in PACKAGE["exports"].values()]
    assert exported == typed == entries


def test_lock_file_names_no_registry_and_has_digests() -> None:
    packages = {name: entry for name, entry in LOCK["packages"].items() if name}
    assert packages
    assert all("resolved" not in entry and entry["integrity"] for entry in packages.values())


def test_core_imports_only_itself() -> None:
    for file in (ROOT / CLIENT / "src" / "core").glob("*.ts"):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if " from " in line]
        assert all(' from "./' in line for line in lines if line.startswith(("import", "export", "}")))
