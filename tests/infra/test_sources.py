"""The sources that are copied for Chalice, and the errors of a failed build."""

from __future__ import annotations

import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from infra.__main__ import main
from infra.bundle import add_code
from infra.dependencies import install
from infra.errors import InfraError
from infra.process import run
from infra.runtime import runtime_for
from infra.sources import copy_project
from infra.stage import read_stage
from tests.infra.checkouts import ROOT
from tests.infra.test_bundle_checks import zipped

CONFIG = {"stages": {"dev": {"lambda_architecture": "x86_64"}, "other": {}}}
DEV = read_stage(ROOT, "dev")


@pytest.fixture
def configured(project: Path) -> Path:
    (project / ".chalice" / "config.json").write_text(json.dumps(CONFIG))
    (project / ".chalice" / "policy-api.json").write_text("{}")
    return project


def test_code_and_configuration_are_copied_without_caches(configured: Path, tmp_path: Path) -> None:
    (configured / "chalicelib" / "core" / "__pycache__").mkdir()
    (configured / "chalicelib" / "core" / "__pycache__" / "one.cpython-311.pyc").touch()
    (configured / ".chalice" / "deployments").mkdir()
    (configured / ".chalice" / "deployments" / "old.zip").touch()
    copied = tmp_path / "copy"
    copy_project(configured, DEV, copied)
    assert sorted(path.relative_to(copied).as_posix() for path in copied.rglob("*") if path.is_file()) == [
        ".chalice/config.json",
        ".chalice/policy-api.json",
        "app.py",
        "chalicelib/core/one.py",
        "requirements.txt",
    ]


def test_copied_configuration_has_the_architecture_of_the_build(configured: Path, tmp_path: Path) -> None:
    copy_project(configured, replace(DEV, architecture="arm64"), tmp_path / "copy")
    config = json.loads((tmp_path / "copy" / ".chalice" / "config.json").read_text())
    assert config["stages"] == {"dev": {"lambda_architecture": "arm64"}, "other": {}}


@pytest.mark.parametrize("name", ["notes.txt", "one.py.orig", "data.json"])
def test_unexpected_file_is_rejected_by_name(name: str, configured: Path, tmp_path: Path) -> None:
    (configured / "chalicelib" / name).touch()
    with pytest.raises(InfraError, match=f"chalicelib/{name} is not a Python module"):
        copy_project(configured, DEV, tmp_path / "copy")


def test_symbolic_link_is_rejected_by_name(configured: Path, tmp_path: Path) -> None:
    (configured / "chalicelib" / "linked.py").symlink_to(configured / "app.py")
    with pytest.raises(InfraError, match=r"chalicelib/linked\.py is a symbolic link"):
        copy_project(configured, DEV, tmp_path / "copy")


def test_openapi_document_is_copied_with_the_code(configured: Path, tmp_path: Path) -> None:
    (configured / "chalicelib" / "openapi.json").write_text("{}")
    copy_project(configured, DEV, tmp_path / "copy")
    assert (tmp_path / "copy" / "chalicelib" / "openapi.json").read_text() == "{}"


def test_dependency_cannot_overwrite_project_code(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "app.py").touch()
    with pytest.raises(InfraError, match=r"a dependency contains app\.py, which the project also has"):
        add_code(zipped({"app.py": b"own"}, tmp_path), tree)


def test_dependency_without_a_hash_is_not_installed(tmp_path: Path) -> None:
    wheel = tmp_path / "toy-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1\n")
        archive.writestr("toy-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("toy-1.dist-info/RECORD", "")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"toy @ file://{wheel}\n")
    with pytest.raises(InfraError, match="Hashes are required"):
        install(requirements, tmp_path / "tree", runtime_for(None, "arm64"), sys.executable)


def test_output_of_a_failed_tool_is_quoted(tmp_path: Path) -> None:
    program = "import sys; print('much\\n' * 50); sys.exit('no such wheel')"
    with pytest.raises(InfraError) as caught:
        run([sys.executable, "-c", program], description="Installing", cwd=tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "Installing failed:"
    assert lines[-1] == "    no such wheel"
    assert len(lines) <= 7


def test_tool_environment_excludes_user_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TARGET", "/somewhere")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("CHAT_JWT_SECRET", "a secret of this shell")
    program = (
        "import os, sys; seen = {'PIP_TARGET', 'AWS_PROFILE', 'CHAT_JWT_SECRET'} & set(os.environ);"
        "sys.exit(str(seen) if seen or os.environ['MORE'] != '1' else 0)"
    )
    run([sys.executable, "-c", program], description="Looking", cwd=tmp_path, variables={"MORE": "1"})
    with pytest.raises(InfraError, match="PIP_TARGET"):
        run(
            [sys.executable, "-c", program],
            description="Looking",
            cwd=tmp_path,
            variables={"MORE": "1", "PIP_TARGET": "/x"},
        )


def test_unknown_stage_ends_the_command_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["package", "--stage", "nowhere"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == ".chalice/config.json has no deployable stage 'nowhere'; deployable are: dev, prod\n"


def test_local_stage_cannot_be_packaged(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["package", "--stage", "local"]) == 1
    assert "has no deployable stage 'local'" in capsys.readouterr().err
