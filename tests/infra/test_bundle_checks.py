"""The checks of a bundle find files that must not be deployed."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from infra.bundle_checks import MAX_ZIPPED, check
from infra.errors import InfraError
from infra.runtime import runtime_for

RUNTIME = runtime_for(None, "arm64")
MODULES = ("app.py", "chalice/app.py", "chalicelib/one.py")
Files = dict[str, bytes]


def header(source: bytes) -> bytes:
    return importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + importlib.util.source_hash(source)


def compiled(name: str) -> str:
    path = Path(name)
    return (path.parent / "__pycache__" / f"{path.stem}.{RUNTIME.cache_tag}.pyc").as_posix()


def sound() -> Files:
    files = {name: name.encode() for name in MODULES}
    bytecode = {compiled(name): header(data) + b"code" for name, data in files.items()}
    return files | bytecode | {"chalicelib/openapi.json": b"{}"}


def zipped(files: Files, place: Path) -> Path:
    path = place / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def complaint(files: Files, place: Path) -> str:
    with pytest.raises(InfraError) as caught:
        check(zipped(files, place), RUNTIME, MAGIC_NUMBER)
    return str(caught.value)


def test_valid_bundle_passes(tmp_path: Path) -> None:
    path = zipped(sound(), tmp_path)
    check(path, RUNTIME, MAGIC_NUMBER)
    assert path.exists()


@pytest.mark.parametrize(
    "name", ["boto3/__init__.py", "botocore/data/x.json", "local/gateway/rest.py", "chalicelib/tests/test_one.py"]
)
def test_forbidden_package_or_test_is_named(name: str, tmp_path: Path) -> None:
    assert f"{name} does not belong in a function" in complaint(sound() | {name: b""}, tmp_path)


def test_pip_record_is_named(tmp_path: Path) -> None:
    message = complaint(sound() | {"jwt-2.dist-info/RECORD": b""}, tmp_path)
    assert "jwt-2.dist-info/RECORD is not used by a function" in message


def test_file_of_unknown_type_is_named(tmp_path: Path) -> None:
    assert "jwt/keys.json has an unknown file type" in complaint(sound() | {"jwt/keys.json": b""}, tmp_path)


def test_missing_openapi_document_is_named(tmp_path: Path) -> None:
    files = {name: data for name, data in sound().items() if not name.endswith(".json")}
    assert "chalicelib/openapi.json is missing" in complaint(files, tmp_path)


def test_missing_code_is_named(tmp_path: Path) -> None:
    files = {name: data for name, data in sound().items() if not name.startswith("chalicelib")}
    assert "chalicelib is missing" in complaint(files, tmp_path)


def test_module_without_bytecode_is_named(tmp_path: Path) -> None:
    files = sound()
    del files[compiled("app.py")]
    assert "app.py has no bytecode" in complaint(files, tmp_path)


def test_bytecode_without_a_source_is_named(tmp_path: Path) -> None:
    orphan = compiled("chalicelib/gone.py")
    assert f"{orphan} is bytecode without a source" in complaint(sound() | {orphan: b""}, tmp_path)


@pytest.mark.parametrize(
    "bad",
    [
        b"\0\0\r\n" + header(b"app.py")[4:],
        header(b"app.py")[:4] + b"\3\0\0\0" + header(b"app.py")[8:],
        header(b"app.py")[:4] + b"\0\0\0\0" + header(b"app.py")[8:],
        header(b"another source"),
    ],
    ids=["of another Python", "checked by hash", "checked by time", "of another source"],
)
def test_mismatched_bytecode_is_named(bad: bytes, tmp_path: Path) -> None:
    files = sound() | {compiled("app.py"): bad}
    assert f"{compiled('app.py')} is not the bytecode of app.py" in complaint(files, tmp_path)


def test_unloadable_library_is_named(tmp_path: Path) -> None:
    assert "jwt/fast.so: is not an ELF file" in complaint(sound() | {"jwt/fast.so": b"MZ"}, tmp_path)


def test_oversized_bundle_is_rejected(tmp_path: Path) -> None:
    # Random bytes, which do not compress.
    big = sound() | {"jwt/big.py": os.urandom(MAX_ZIPPED)}
    assert "look for new files" in complaint(big, tmp_path)
