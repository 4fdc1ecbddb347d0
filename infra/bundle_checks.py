"""What may be in a bundle: runtime code only, bytecode that fits, libraries that load, and not too much of it."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from infra import elf
from infra.errors import InfraError
from infra.runtime import Runtime
from infra.sources import DATA_FILES

MAX_ZIPPED = 12 * 1024 * 1024
MAX_UNZIPPED = 250 * 1024 * 1024
"""Lambda's own limit (Lambda developer guide, "Lambda quotas")."""
REQUIRED = {"app.py", "chalicelib", "chalice"}
# boto3 is the runtime's; the others are tools that would come in by a careless dependency.
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
"""PEP 552: the flags of bytecode that goes by a hash, which nobody checks."""


def check(path: Path, runtime: Runtime) -> None:
    """Raises InfraError that lists all that is wrong with the bundle at `path`."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    problems = [
        *_check_names(files),
        *_check_bytecode(files, runtime),
        *elf.problems({name: data for name, data in files.items() if name.endswith(".so")}, runtime),
        *_check_sizes(path.stat().st_size, sum(map(len, files.values()))),
    ]
    if problems:
        raise InfraError(
            "\n".join(["the bundle is not fit to be deployed:", *(f"    {each}" for each in problems)])
        )


def _check_names(files: Iterable[str]) -> Iterable[str]:
    files = list(files)
    missing = (REQUIRED - {name.partition("/")[0] for name in files}) | (DATA_FILES - set(files))
    yield from (f"{each} is missing" for each in sorted(missing))
    for name in files:
        path = PurePosixPath(name)
        # numpy.testing and the like are code; a directory of tests below chalicelib would be ours.
        if path.parts[0] in _FORBIDDEN or _TEST_DIRECTORIES & set(path.parts[:-1]):
            yield f"{name} has no place in a function"
        elif path.parts[0].endswith(".dist-info"):
            if path.parts[1] not in ("METADATA", "licenses"):
                yield f"{name} is of no use to a function"
        elif path.suffix not in _ALLOWED_SUFFIXES and name not in DATA_FILES:
            yield f"{name} is of a kind nobody has thought of: say in infra/bundle.py whether it is needed"


def _check_bytecode(files: dict[str, bytes], runtime: Runtime) -> Iterable[str]:
    """Bytecode is a magic number, flags and a hash of the source, 16 bytes, before the code (PEP 552)."""
    expected = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH_FLAG.to_bytes(4, "little")
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
        if files[cached][:16] != expected + importlib.util.source_hash(source):
            yield f"{cached} is not what {name} compiles to under Python {runtime.python}"
    yield from (f"{name} is the bytecode of nothing" for name in sorted(compiled))


def _check_sizes(zipped: int, unzipped: int) -> Iterable[str]:
    if zipped > MAX_ZIPPED:
        yield f"it has {zipped / 1e6:.2f} MB, {MAX_ZIPPED / 1e6:.2f} are allowed: what came in?"
    if unzipped > MAX_UNZIPPED:
        yield f"unpacked it has {unzipped / 1e6:.0f} MB, Lambda takes {MAX_UNZIPPED / 1e6:.0f}"
