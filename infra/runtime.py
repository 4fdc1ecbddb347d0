"""The Lambda runtime that a bundle is built for.

Chalice takes the version of the Python it runs under as the functions' runtime, and the bytecode we ship must be
that version's. So the interpreter that builds decides: `make package PYTHON=python3.13` builds for `python3.13`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from infra.errors import InfraError

Architecture = Literal["arm64", "x86_64"]

# glibc of the runtimes' operating systems: Amazon Linux 2 up to Python 3.11, Amazon Linux 2023 from 3.12 on
# (Lambda developer guide, "Lambda runtimes").
_GLIBC = {"3.11": (2, 26), "3.12": (2, 34), "3.13": (2, 34), "3.14": (2, 34)}
_OLDEST_MANYLINUX = 17


@dataclass(frozen=True, slots=True)
class Runtime:
    """A Python version and a processor, as Lambda has them."""

    python: str
    """Like "3.11"."""
    architecture: Architecture

    @property
    def glibc(self) -> tuple[int, int]:
        """The newest version of the C library that native code may ask for."""
        return _GLIBC[self.python]

    @property
    def machine(self) -> str:
        """The processor as wheels and libraries name it."""
        return "aarch64" if self.architecture == "arm64" else "x86_64"

    @property
    def platforms(self) -> list[str]:
        """The platform tags of wheels that fit, best first (PEP 600)."""
        _, minor = self.glibc
        newest_first = range(minor, _OLDEST_MANYLINUX - 1, -1)
        return [*(f"manylinux_2_{each}_{self.machine}" for each in newest_first), f"manylinux2014_{self.machine}"]

    @property
    def cache_tag(self) -> str:
        """What stands in the names of this version's bytecode and extension modules, like "cpython-311"."""
        return f"cpython-{self.python.replace('.', '')}"


def this_runtime(architecture: Architecture) -> Runtime:
    """The runtime of the running interpreter. Raises InfraError if Lambda has none."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if python not in _GLIBC:
        raise InfraError(
            f"There is no Lambda runtime known here for Python {python}. Build with one of {', '.join(_GLIBC)}:"
            " make package PYTHON=python3.13"
        )
    return Runtime(python, architecture)
