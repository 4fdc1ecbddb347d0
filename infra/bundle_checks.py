"""Checks of a bundle: only runtime files, matching bytecode, loadable libraries, and limited size."""

from __future__ import annotations

import _imp
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from infra import elf
from infra.errors import InfraError
from infra.runtime import Runtime
from infra.sources import DATA_FILES

MAX_ZIPPED = 12 * 1024 * 1024
MAX_UNZIPPED = 250 * 1024 * 1024
"""Lambda's limit (Lambda Developer Guide, "Lambda quotas")."""
REQUIRED = {"app.py", "chalicelib", "chalice"}
# The runtime provides boto3; the others are tools that a careless dependency could add.
_FORBIDDEN = {
    "boto3",
    "botocore",
    "s3transfer",
    "moto",
    "pytest",
    "hypothesis",
    "pip",
    "setuptools",
    "local",
    "infra",
    "specs",
}
_TEST_DIRECTORIES = {"test", "tests", "testing"}
_ALLOWED_SUFFIXES = {".py", ".pyc", ".so"}
_UNCHECKED_HASH_FLAG = 0b01
"""PEP 552: the flags of hash-based bytecode that is not validated."""


def check(path: Path, runtime: Runtime, magic: bytes) -> None:
    """Raise InfraError with all problems of the bundle at `path`; `magic` is the magic number of its bytecode."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    problems = [
        *_check_names(files),
        *_check_bytecode(files, runtime, magic),
        *elf.problems({name: data for name, data in files.items() if name.endswith(".so")}, runtime),
        *_check_sizes(path.stat().st_size, sum(map(len, files.values()))),
    ]
    if problems:
        raise InfraError(
            "\n".join(["the bundle cannot be deployed:", *(f"    {problem}" for problem in problems)])
        )


def _check_names(files: Iterable[str]) -> Iterable[str]:
    files = list(files)
    missing = (REQUIRED - {name.partition("/")[0] for name in files}) | (DATA_FILES - set(files))
    yield from (f"{name} is missing" for name in sorted(missing))
    for name in files:
        path = PurePosixPath(name)
        # Modules like numpy.testing are code; a directory of tests below chalicelib would be the project's own.
        if path.parts[0] in _FORBIDDEN or _TEST_DIRECTORIES & set(path.parts[:-1]):
            yield f"{name} does not belong in a function"
        elif path.parts[0].endswith(".dist-info"):
            if path.parts[1] not in ("METADATA", "licenses"):
                yield f"{name} is not used by a function"
        elif path.suffix not in _ALLOWED_SUFFIXES and name not in DATA_FILES:
            yield f"{name} has an unknown file type: if it is needed, allow it in infra/bundle_checks.py"


def _check_bytecode(files: dict[str, bytes], runtime: Runtime, magic: bytes) -> Iterable[str]:
    """Check that bytecode has the expected header: magic number, flags and source hash, 16 bytes (PEP 552)."""
    expected = magic + _UNCHECKED_HASH_FLAG.to_bytes(4, "little")
    compiled = {name for name in files if name.endswith(".pyc")}
    for name, source in files.items():
        if not name.endswith(".py"):
            continue
        path = PurePosixPath(name)
        cached = str(path.parent / "__pycache__" / f"{path.stem}.{runtime.cache_tag}.pyc")
        if cached not in files:
            yield f"{name} has no bytecode"
            continue
        compiled.discard(cached)
        if files[cached][:16] != expected + _source_hash(source, magic):
            yield f"{cached} is not the bytecode of {name} for Python {runtime.python}"
    yield from (f"{name} is bytecode without a source" for name in sorted(compiled))


def _source_hash(source: bytes, magic: bytes) -> bytes:
    """Return `importlib.util.source_hash` of an interpreter: its magic number is the key of the hash."""
    return _imp.source_hash(int.from_bytes(magic, "little"), source)


def _check_sizes(zipped: int, unzipped: int) -> Iterable[str]:
    if zipped > MAX_ZIPPED:
        yield f"the zip has {zipped / 1e6:.2f} MB, over the limit of {MAX_ZIPPED / 1e6:.2f}: look for new files"
    if unzipped > MAX_UNZIPPED:
        yield f"unpacked it has {unzipped / 1e6:.0f} MB; Lambda's limit is {MAX_UNZIPPED / 1e6:.0f}"
