"""The npm project of the web page: exact versions, the version of the release, and no type errors."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import pytest

from scripts.node import WEB, node_program
from tests.local.instance import ROOT

PACKAGE = json.loads((ROOT / WEB / "package.json").read_text(encoding="utf-8"))
LOCK = json.loads((ROOT / WEB / "package-lock.json").read_text(encoding="utf-8"))


def test_version_is_that_of_the_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert PACKAGE["version"] == LOCK["version"] == project["version"]


def test_packages_are_exact_and_the_lock_file_has_digests_and_names_no_registry() -> None:
    for version in [*PACKAGE["dependencies"].values(), *PACKAGE["devDependencies"].values()]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    packages = [package for path, package in LOCK["packages"].items() if path]
    assert packages
    assert all("resolved" not in package and package["integrity"] for package in packages)


def test_page_has_no_type_errors() -> None:
    program = node_program(ROOT, WEB)
    if program is None:
        pytest.skip("there is no Node.js with the packages of the web page: see `make setup`")
    compiler = ROOT / WEB / "node_modules" / "typescript" / "bin" / "tsc"
    command = [str(program), str(compiler), "--noEmit", "-p", str(ROOT / WEB)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
