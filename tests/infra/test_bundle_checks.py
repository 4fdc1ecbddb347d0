"""The check of a bundle finds what should not be deployed."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from pathlib import Path

import pytest

from infra.bundle_checks import MAX_ZIPPED, check
from infra.errors import InfraError
from infra.runtime import this_runtime

RUNTIME = this_runtime("arm64")
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
        check(zipped(files, place), RUNTIME)
    return str(caught.value)


def test_a_sound_bundle_passes(tmp_path: Path) -> None:
    path = zipped(sound(), tmp_path)
    check(path, RUNTIME)
    assert path.exists()


@pytest.mark.parametrize(
    "name", ["boto3/__init__.py", "botocore/data/x.json", "local/gateway/rest.py", "chalicelib/tests/test_one.py"]
)
def test_what_has_no_place_in_a_function_is_named(name: str, tmp_path: Path) -> None:
    assert f"{name} has no place in a function" in complaint(sound() | {name: b""}, tmp_path)


def test_what_pip_notes_for_itself_is_named(tmp_path: Path) -> None:
    assert "jwt-2.dist-info/RECORD is of no use" in complaint(sound() | {"jwt-2.dist-info/RECORD": b""}, tmp_path)


def test_a_file_of_an_unknown_kind_is_named(tmp_path: Path) -> None:
    assert "jwt/keys.json is of a kind nobody has thought of" in complaint(
        sound() | {"jwt/keys.json": b""}, tmp_path
    )


def test_a_missing_openapi_document_is_named(tmp_path: Path) -> None:
    files = {name: data for name, data in sound().items() if not name.endswith(".json")}
    assert "chalicelib/openapi.json is missing" in complaint(files, tmp_path)


def test_missing_code_is_named(tmp_path: Path) -> None:
    files = {name: data for name, data in sound().items() if not name.startswith("chalicelib")}
    assert "chalicelib is missing" in complaint(files, tmp_path)


def test_a_module_without_bytecode_is_named(tmp_path: Path) -> None:
    files = sound()
    del files[compiled("app.py")]
    assert "app.py has no bytecode" in complaint(files, tmp_path)


def test_bytecode_of_nothing_is_named(tmp_path: Path) -> None:
    orphan = compiled("chalicelib/gone.py")
    assert f"{orphan} is the bytecode of nothing" in complaint(sound() | {orphan: b""}, tmp_path)


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
def test_bytecode_that_would_not_be_used_is_named(bad: bytes, tmp_path: Path) -> None:
    files = sound() | {compiled("app.py"): bad}
    assert f"{compiled('app.py')} is not what app.py compiles to" in complaint(files, tmp_path)


def test_a_library_that_would_not_load_is_named(tmp_path: Path) -> None:
    assert "jwt/fast.so: is no ELF file" in complaint(sound() | {"jwt/fast.so": b"MZ"}, tmp_path)


def test_a_bundle_that_grew_is_refused(tmp_path: Path) -> None:
    # Random bytes, as they cannot be compressed.
    big = sound() | {"jwt/big.py": os.urandom(MAX_ZIPPED)}
    assert "are allowed: what came in?" in complaint(big, tmp_path)
