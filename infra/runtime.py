"""The Lambda runtime that a bundle is built for: a Python version and an architecture.

The packaged bytecode must have the version of the runtime, so an interpreter of this version writes it
(`interpreters.py`). The stage names the version, or else the Python that builds decides.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from infra.errors import InfraError

Architecture = Literal["arm64", "x86_64"]
RuntimeName = Literal["python3.11", "python3.12", "python3.13", "python3.14"]
OLDEST_RECOMMENDED = "3.12"
DEPRECATION = {"3.11": "2027-06-30"}
"""When AWS stops to patch a runtime; new functions cannot be created a month later, and existing ones cannot be
updated two months later (Lambda Developer Guide, "Lambda runtimes")."""

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
    def name(self) -> str:
        """The name in templates, such as "python3.11"."""
        return f"python{self.python}"

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

    def warning(self) -> str | None:
        """Return a warning if AWS ends this runtime soon."""
        if self.python not in DEPRECATION:
            return None
        return (
            f"{self.name} runs on Amazon Linux 2, which has ended, and AWS ends it on {DEPRECATION[self.python]}:"
            f" set infra.runtime to python{OLDEST_RECOMMENDED} or newer"
        )


def runtime_for(name: RuntimeName | None, architecture: Architecture) -> Runtime:
    """Return the runtime of this name, or by default that of the running interpreter.

    Raises InfraError if Lambda does not have it.
    """
    python = f"{sys.version_info[0]}.{sys.version_info[1]}" if name is None else name.removeprefix("python")
    if python not in _GLIBC:
        raise InfraError(
            f"No Lambda runtime for Python {python} is known here. Set infra.runtime in .chalice/config.json to"
            f" one of {', '.join(f'python{version}' for version in _GLIBC)}"
        )
    return Runtime(python, architecture)
