"""The Lambda runtime that a bundle is built for.

Chalice uses the version of the running Python as the functions' runtime, and the packaged bytecode must have the
same version. So the interpreter of the build decides: `make package PYTHON=python3.13` builds for `python3.13`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from infra.errors import InfraError

Architecture = Literal["arm64", "x86_64"]

# glibc of the runtimes' operating systems: Amazon Linux 2 up to Python 3.11, Amazon Linux 2023 from 3.12 (Lambda
# Developer Guide, "Lambda runtimes").
_GLIBC = {"3.11": (2, 26), "3.12": (2, 34), "3.13": (2, 34), "3.14": (2, 34)}
_OLDEST_MANYLINUX = 17


@dataclass(frozen=True, slots=True)
class Runtime:
    """A Python version and an architecture of Lambda."""

    python: str
    """For example "3.11"."""
    architecture: Architecture

    @property
    def glibc(self) -> tuple[int, int]:
        """The newest version of the C library that native code may require."""
        return _GLIBC[self.python]

    @property
    def machine(self) -> str:
        """The architecture as named in wheels and libraries."""
        return "aarch64" if self.architecture == "arm64" else "x86_64"

    @property
    def platforms(self) -> list[str]:
        """The platform tags of compatible wheels, best first (PEP 600)."""
        _, minor = self.glibc
        newest_first = range(minor, _OLDEST_MANYLINUX - 1, -1)
        tags = [f"manylinux_2_{version}_{self.machine}" for version in newest_first]
        return [*tags, f"manylinux2014_{self.machine}"]

    @property
    def cache_tag(self) -> str:
        """The tag in the names of bytecode and extension modules, such as "cpython-311"."""
        return f"cpython-{self.python.replace('.', '')}"


def this_runtime(architecture: Architecture) -> Runtime:
    """Return the runtime of the running interpreter. Raises InfraError if Lambda does not have it."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if python not in _GLIBC:
        raise InfraError(
            f"No Lambda runtime for Python {python} is known here. Build with one of {', '.join(_GLIBC)}:"
            " make package PYTHON=python3.13"
        )
    return Runtime(python, architecture)
