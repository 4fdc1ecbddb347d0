"""Who may know whom: the core knows neither AWS nor Chalice, runtime code knows no development code."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def files(*places: str) -> list[Path]:
    return [file for place in places for file in sorted((ROOT / place).rglob("*.py"))]


@pytest.mark.parametrize("file", files("chalicelib/core"), ids=lambda file: file.stem)
def test_the_core_knows_only_pydantic_identity_and_the_standard_library(file: Path) -> None:
    allowed = {*sys.stdlib_module_names, "pydantic", "pydantic_core"}
    for name in imports(file):
        ours = name.startswith("chalicelib.identity.")
        assert ours or name.partition(".")[0] in allowed, name


def test_chalice_is_known_at_the_edge_only() -> None:
    knowing = {
        file.relative_to(ROOT).as_posix()
        for file in [*files("chalicelib"), ROOT / "app.py"]
        if any(name.partition(".")[0] == "chalice" for name in imports(file))
    }
    assert knowing == {"app.py", "chalicelib/edge/http.py", "chalicelib/edge/rest.py"}


def test_the_sdk_is_known_in_one_package_only() -> None:
    for file in files("chalicelib"):
        known = {name.partition(".")[0] for name in imports(file)}
        if known & {"boto3", "botocore", "urllib3"}:
            assert file.parent.name == "aws", file


def test_what_is_deployed_imports_nothing_of_development() -> None:
    forbidden = {"local", "specs", "tests", "bench", "moto", "pytest", "boto3", "websockets", "aiohttp"}
    for file in [*files("chalicelib"), ROOT / "app.py"]:
        assert not {name.partition(".")[0] for name in imports(file)} & forbidden, file


def test_importing_the_app_does_nothing_and_loads_neither_sdk_nor_cryptography() -> None:
    program = (
        "import json, sys; import app; "
        "print(json.dumps(sorted(m for m in sys.modules if m.partition('.')[0] in "
        "('boto3', 'botocore', 'urllib3', 'cryptography', 'jwt'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []
