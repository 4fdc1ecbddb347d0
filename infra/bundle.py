"""The Lambda bundle: the code and its dependencies in one zip, with identical bytes for identical content.

It contains all bytecode, marked as not to be validated against its source ("unchecked-hash", PEP 552): /var/task
is read-only on Lambda, so without it every cold start would compile every imported module.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infra.errors import InfraError
from infra.process import run

TASK_ROOT = "/var/task"
"""Where Lambda unpacks a bundle: tracebacks show it instead of a directory of this machine."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE_MODE, _LIBRARY_MODE = 0o100644, 0o100755
# Files that a running function does not use: type hints, C headers, and records of pip and packaging tools.
# METADATA and licences are kept: vulnerability scanners read the former, the latter are required.
_UNUSED_SUFFIXES = {".pyi", ".h", ".cfg"}
_UNUSED_NAMES = {"py.typed"}
_KEPT_DIST_INFO = {"METADATA", "licenses"}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip and its contents."""

    path: Path
    sizes: dict[str, int]
    """Path → uncompressed bytes."""

    @property
    def size(self) -> int:
        """The size of the zip in bytes."""
        return self.path.stat().st_size

    @property
    def digest(self) -> str:
        """The SHA-256 digest of the zip in hexadecimal."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def by_package(self) -> dict[str, int]:
        """Return uncompressed bytes by top-level package, largest first; other files count as "(others)"."""
        total: dict[str, int] = {}
        for path, size in self.sizes.items():
            top, _, inside = path.partition("/")
            name = top if inside and not top.endswith(".dist-info") and top != "__pycache__" else "(others)"
            total[name] = total.get(name, 0) + size
        return dict(sorted(total.items(), key=lambda entry: (-entry[1], entry[0])))


def add_code(chalice_zip: Path, tree: Path) -> None:
    """Unpack Chalice's zip into the tree. Raises InfraError if a dependency has the same file."""
    with zipfile.ZipFile(chalice_zip) as archive:
        if conflicts := [name for name in archive.namelist() if (tree / name).exists()]:
            raise InfraError(
                f"a dependency contains {conflicts[0]}, which the project also has: rename one of them"
            )
        archive.extractall(tree)


def prune(tree: Path) -> None:
    """Remove the files that a running function does not use."""
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not _is_used(path.relative_to(tree)):
            path.unlink()


def _is_used(path: Path) -> bool:
    top = path.parts[0]
    if top == "bin":
        return False
    if top.endswith(".dist-info"):
        return path.parts[1] in _KEPT_DIST_INFO
    return path.suffix not in _UNUSED_SUFFIXES and path.name not in _UNUSED_NAMES


def compile_tree(tree: Path, python: str) -> None:
    """Compile all sources by the interpreter `python`, with Lambda's paths in the bytecode.

    Raises InfraError if a file does not compile.

    Runs in a subprocess, one file after the other: the state of a process affects the bytes that it writes.
    """
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", TASK_ROOT]
    run(
        [python, "-S", "-s", "-m", "compileall", "-q", "-f", *options, str(tree)],
        description="Compiling the bundle",
        cwd=tree,
    )


def write_zip(tree: Path, to: Path) -> Bundle:
    """Zip the tree in sorted order, without times and owners."""
    files = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()}
    sizes: dict[str, int] = {}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on any machine
            entry.external_attr = (_LIBRARY_MODE if PurePosixPath(name).suffix == ".so" else _FILE_MODE) << 16
            data = files[name].read_bytes()
            archive.writestr(entry, data)
            sizes[name] = len(data)
    return Bundle(to, sizes)
