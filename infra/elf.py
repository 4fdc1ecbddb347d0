"""Check that a Lambda runtime can load native libraries: their architecture, C library and other dependencies.

A wheel for this machine would pass every test here and fail at the first event on AWS; the ELF file shows that in
advance (System V ABI, ELF; "Symbol Versioning" in the Linux Standard Base).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import PurePath

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from infra.runtime import Runtime

_MACHINES = {"aarch64": "EM_AARCH64", "x86_64": "EM_X86_64"}
# Parts of glibc and GCC's runtime library, which every Lambda runtime has.
_PROVIDED_LIBRARIES = re.compile(
    r"(libc|libm|libpthread|libdl|librt|libutil|libgcc_s|ld-linux-[a-z0-9-]+)\.so\.[0-9]+"
)
_EXTENSION = re.compile(r"\.(cpython-\d+)-([a-z0-9_]+)-linux-gnu\.so$")
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)")


def problems(libraries: Mapping[str, bytes], runtime: Runtime) -> list[str]:
    """Return the reasons why libraries (path → content) cannot be loaded."""
    bundled = {PurePath(path).name for path in libraries}
    return [
        f"{path}: {problem}"
        for path, data in libraries.items()
        for problem in _problems(path, data, runtime, bundled)
    ]


def _problems(path: str, data: bytes, runtime: Runtime, bundled: set[str]) -> Iterable[str]:
    try:
        elf = ELFFile(BytesIO(data))
    except ELFError:
        yield "is not an ELF file"
        return
    if elf["e_machine"] != _MACHINES[runtime.machine]:
        yield f"is for {elf['e_machine']}, but the functions run on {runtime.machine}"
    named = _EXTENSION.search(path)
    if named and (named[1] != runtime.cache_tag or named[2] != runtime.machine):
        yield f"is for {named[1]} on {named[2]}, but the functions run {runtime.cache_tag} on {runtime.machine}"
    newest = max(_glibc_versions(elf), default=(0, 0))
    if newest > runtime.glibc:
        yield f"needs glibc {_dotted(newest)}, but python{runtime.python} has {_dotted(runtime.glibc)}"
    for needed in _needed_libraries(elf):
        if not _PROVIDED_LIBRARIES.fullmatch(needed) and needed not in bundled:
            yield f"needs {needed}, which is neither in the runtime nor in the bundle"


def _glibc_versions(elf: ELFFile) -> Iterable[tuple[int, int]]:
    for section in elf.iter_sections():
        if not isinstance(section, GNUVerNeedSection):
            continue
        for _, versions in section.iter_versions():
            for version in versions:
                if match := _GLIBC.match(version.name):
                    yield int(match[1]), int(match[2])


def _needed_libraries(elf: ELFFile) -> Iterable[str]:
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            for tag in section.iter_tags("DT_NEEDED"):
                yield tag.needed  # type: ignore[attr-defined]  # set by pyelftools on reading


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
