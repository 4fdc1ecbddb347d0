"""The import contract: the order of the packages, and the imports that each may have."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import chalicelib.awshttp

ROOT = Path(__file__).parents[2]


@functools.cache
def import_statements(file: Path) -> Sequence[ast.Import | ast.ImportFrom]:
    """Return the import statements of a file, in functions and under TYPE_CHECKING as well."""
    text = file.read_text()
    if "import" not in text:
        return ()
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(file: Path) -> Iterator[str]:
    for node in import_statements(file):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif node.level == 0:
            yield node.module or ""


def files(*places: str) -> list[Path]:
    return [file for place in places for file in sorted((ROOT / place).rglob("*.py"))]


KERNEL_TO_REALTIME = {"kernel", "model", "protocol", "ports", "log", "realtime"}
CORE_PACKAGES = {
    "kernel": set[str](),
    "model": {"kernel"},
    "protocol": {"kernel", "model"},
    "ports": {"kernel", "model"},
    "log": {"kernel", "model", "ports"},
    "hooks": {"kernel", "model", "protocol", "ports"},
    "realtime": {"kernel", "model", "protocol", "ports", "log"},
    "conversations": {*KERNEL_TO_REALTIME, "hooks"},
    "messaging": {*KERNEL_TO_REALTIME, "hooks", "conversations"},
    "publishing": {"kernel", "model", "protocol", "ports", "log"},
    "privacy": {*KERNEL_TO_REALTIME, "conversations"},
    "sessions": {*KERNEL_TO_REALTIME, "conversations", "messaging"},
}
"""The packages of the core, and the other packages of the core that each may import."""
PACKAGES = {
    "core": {"identity"},
    "identity": {"core.kernel", "core.model.actors"},
    "awshttp": set[str](),
    "aws": {"core.kernel", "core.model", "core.ports", "awshttp", "identity"},
    "webhooks": {"core.kernel", "core.model", "core.ports"},
    "settings": {"core.kernel", "identity"},
    "observability": {"core.kernel", "settings"},
    "edge": {"core", "identity", "observability", "settings", "bootstrap"},
    "bootstrap": {"core", "identity", "aws", "webhooks", "observability", "settings"},
}
"""The packages of the product, and the others that each may import. Nothing imports `app`."""


def imported_modules(file: Path) -> Iterator[str]:
    """Return the full names of the product's modules that a file imports."""
    for node in import_statements(file):
        if isinstance(node, ast.ImportFrom):
            assert node.level <= 1, f"{file}: a package imports from another one by its full name"
            package = ".".join(file.relative_to(ROOT).parts[:-1])
            base = ".".join(filter(None, [package, node.module])) if node.level else node.module or ""
            for name in node.names:
                path = ROOT / base.replace(".", "/") / name.name
                is_module = path.with_suffix(".py").exists() or path.is_dir()
                yield f"{base}.{name.name}" if is_module else base


@pytest.mark.parametrize("package", sorted(CORE_PACKAGES))
def test_core_package_imports_only_packages_below_it(package: str) -> None:
    allowed = {package, *CORE_PACKAGES[package]}
    for file in files(f"chalicelib/core/{package}"):
        for module in imported_modules(file):
            if module.startswith("chalicelib.core."):
                assert module.split(".")[2] in allowed, f"{file.name} imports {module}"


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_package_imports_only_allowed_packages(package: str) -> None:
    allowed = [f"chalicelib.{name}" for name in (package, *PACKAGES[package])]
    places = [f"chalicelib/{package}"] if (ROOT / "chalicelib" / package).is_dir() else []
    for file in files(*places) or [ROOT / "chalicelib" / f"{package}.py"]:
        for module in imported_modules(file):
            if module.startswith("chalicelib."):
                assert any(f"{module}.".startswith(f"{name}.") for name in allowed), (
                    f"{file.name} imports {module}"
                )


def test_contract_contains_every_package() -> None:
    core = {path.name for path in (ROOT / "chalicelib/core").iterdir() if path.is_dir()} - {"__pycache__"}
    product = {path.stem for path in (ROOT / "chalicelib").iterdir() if path.suffix in ("", ".py")}
    assert core == set(CORE_PACKAGES)
    assert product - {"__pycache__", "__init__"} == set(PACKAGES)


def test_http_client_imports_only_the_standard_library_and_itself() -> None:
    for file in files("chalicelib/awshttp"):
        for name in imports(file):
            assert name.partition(".")[0] in {*sys.stdlib_module_names, "chalicelib"}, (
                f"{file.name} imports {name}"
            )


def test_core_of_the_client_imports_only_itself_and_pure_modules() -> None:
    allowed = {
        "__future__",
        "collections.abc",
        "bisect",
        "collections",
        "dataclasses",
        "datetime",
        "enum",
        "json",
        "math",
        "operator",
        "typing",
    }
    core = files("clients/python/src/serverless_chat/core")
    assert core
    for file in core:
        assert set(imports(file)) <= allowed, f"{file.name} imports {set(imports(file)) - allowed}"


def test_private_modules_of_the_http_client_are_imported_only_by_itself_and_its_own_tests() -> None:
    private = {f"chalicelib.awshttp.{file.stem}" for file in files("chalicelib/awshttp")}
    inside = {*files("chalicelib/awshttp"), *files("tests/unit/awshttp")}
    outside = files("chalicelib", "bench", "infra", "local", "scripts", "specs", "tests")
    for file in [*outside, ROOT / "app.py"]:
        # A file that imports one contains its name, or imports it from the package.
        if file not in inside and "awshttp" in file.read_text():
            imported = {*imports(file), *imported_modules(file)}
            assert not private & imported, f"{file} imports a private module"


def test_public_names_of_http_client_are_its_imports() -> None:
    face = {
        name.asname or name.name
        for node in ast.parse((ROOT / "chalicelib/awshttp/__init__.py").read_text()).body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert face == set(chalicelib.awshttp.__all__)


def test_core_imports_only_pydantic_and_the_standard_library() -> None:
    allowed = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "typing_extensions", "chalicelib"}
    for file in files("chalicelib/core"):
        for name in imports(file):
            assert name.partition(".")[0] in allowed, f"{file.name} imports {name}"


def test_only_the_edge_imports_chalice() -> None:
    knowing = {
        file.relative_to(ROOT).as_posix()
        for file in [*files("chalicelib"), ROOT / "app.py"]
        if any(name.partition(".")[0] == "chalice" for name in imports(file))
    }
    expected = {f"chalicelib/edge/{name}.py" for name in ("callers", "http", "responses", "rest/public")}
    assert knowing == {"app.py", *expected}


def test_only_the_aws_package_imports_the_sdk() -> None:
    for file in files("chalicelib"):
        known = {name.partition(".")[0] for name in imports(file)}
        if known & {"boto3", "botocore", "urllib3"}:
            assert file.parent.name == "aws", file


def test_deployed_code_imports_no_development_code() -> None:
    forbidden = {"local", "specs", "tests", "bench", "moto", "pytest", "boto3", "websockets", "aiohttp", "httpx"}
    forbidden.add("serverless_chat")
    for file in [*files("chalicelib"), ROOT / "app.py"]:
        assert not {name.partition(".")[0] for name in imports(file)} & forbidden, file


def test_importing_the_app_loads_neither_sdk_nor_cryptography() -> None:
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
