"""The zip and its bytecode depend only on the content of the files; a failed build changes nothing."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from infra.build import package
from infra.bundle import compile_tree, write_zip
from infra.errors import InfraError
from infra.runtime import runtime_for
from tests.infra.checkouts import ROOT

NAMES = [f"{folder}/{letter}.py" for folder in ("a", "b") for letter in "abcdefgh"]


def written(directory: Path, names: list[str], time: int) -> Path:
    """Return the directory, with these files created in this order."""
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"NAME = {name!r}\n")
        os.utime(path, (time, time))
    return directory


def bytecode(directory: Path, name: str) -> bytes:
    path = directory / name
    tag = runtime_for(None, "arm64").cache_tag
    return (path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").read_bytes()


def test_zip_is_independent_of_the_order_and_times_of_files(tmp_path: Path) -> None:
    shuffled = random.Random(1).sample(NAMES, len(NAMES))
    first = write_zip(written(tmp_path / "first", shuffled, 1_000_000_000), tmp_path / "first.zip")
    second = write_zip(written(tmp_path / "second", shuffled[::-1], 1_500_000_000), tmp_path / "second.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    with zipfile.ZipFile(first.path) as archive:
        assert archive.namelist() == sorted(NAMES)


def test_files_are_readable_and_libraries_executable_by_all(tmp_path: Path) -> None:
    bundle = write_zip(written(tmp_path / "tree", ["a.py", "b.so"], 1_000_000_000), tmp_path / "bundle.zip")
    with zipfile.ZipFile(bundle.path) as archive:
        modes = {entry.filename: oct(entry.external_attr >> 16) for entry in archive.infolist()}
    assert modes == {"a.py": "0o100644", "b.so": "0o100755"}


def test_bytecode_is_independent_of_the_directory_of_the_build(tmp_path: Path) -> None:
    here = written(tmp_path / "here", ["a.py"], 1_000_000_000)
    there = written(tmp_path / "another" / "place", ["a.py"], 1_500_000_000)
    for directory in (here, there):
        compile_tree(directory, sys.executable)
    assert bytecode(here, "a.py") == bytecode(there, "a.py")
    assert b"/var/task/a.py" in bytecode(here, "a.py")


def test_compiled_tree_has_unchecked_bytecode(tmp_path: Path) -> None:
    tree = written(tmp_path / "tree", ["a.py"], 1_000_000_000)
    compile_tree(tree, sys.executable)
    source_hash = importlib.util.source_hash((tree / "a.py").read_bytes())
    assert bytecode(tree, "a.py")[:16] == importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + source_hash


def test_failed_build_keeps_the_previous_output(project: Path, tmp_path: Path) -> None:
    shutil.copyfile(ROOT / ".chalice" / "config.json", project / ".chalice" / "config.json")
    (project / "chalicelib" / "notes.txt").touch()
    out = tmp_path / "out"
    out.mkdir()
    (out / "deployment.zip").write_bytes(b"the previous bundle")
    with pytest.raises(InfraError, match="is not a Python module"):
        package(project, "dev", out)
    assert (out / "deployment.zip").read_bytes() == b"the previous bundle"
