"""Native libraries that do not load on Lambda are found: modified copies of real ones."""

from __future__ import annotations

import pytest

from infra import elf
from infra.runtime import Runtime

Files = dict[str, bytes]
RUST = "cryptography/hazmat/bindings/_rust.abi3.so"


@pytest.fixture
def libraries(bundle: Files) -> Files:
    return {name: data for name, data in bundle.items() if name.endswith(".so")}


def runtime(libraries: Files, architecture: str = "arm64") -> Runtime:
    """Return the runtime of the bundle, derived from the name of one of its libraries."""
    python = "3.11" if any("cpython-311" in name for name in libraries) else "3.12"
    return Runtime(python, "arm64" if architecture == "arm64" else "x86_64")


def planted(data: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    assert old + b"\0" in data
    return data.replace(old + b"\0", new + b"\0")


def test_bundled_libraries_have_no_problems(libraries: Files) -> None:
    assert set(libraries) >= {RUST}
    assert elf.problems(libraries, Runtime(runtime(libraries).python, "arm64")) == []


def test_library_for_another_architecture_is_reported(libraries: Files) -> None:
    found = elf.problems({RUST: libraries[RUST]}, runtime(libraries, "x86_64"))
    assert found == [f"{RUST}: is for EM_AARCH64, but the functions run on x86_64"]


def test_library_that_needs_a_newer_glibc_is_reported(libraries: Files) -> None:
    bad = planted(libraries[RUST], b"GLIBC_2.17", b"GLIBC_2.35")
    (found,) = elf.problems({RUST: bad}, runtime(libraries))
    assert found.startswith(f"{RUST}: needs glibc 2.35, but python3.1")


def test_oldest_runtime_has_the_oldest_glibc(libraries: Files) -> None:
    bad = planted(libraries[RUST], b"GLIBC_2.17", b"GLIBC_2.34")
    assert elf.problems({RUST: bad}, Runtime("3.11", "arm64")) == [
        f"{RUST}: needs glibc 2.34, but python3.11 has 2.26"
    ]
    assert elf.problems({RUST: bad}, Runtime("3.12", "arm64")) == []


def test_missing_shared_library_is_reported(libraries: Files) -> None:
    bad = planted(libraries[RUST], b"libgcc_s.so.1", b"libssl_s.so.3")
    assert elf.problems({RUST: bad}, runtime(libraries)) == [
        f"{RUST}: needs libssl_s.so.3, which is neither in the runtime nor in the bundle"
    ]


def test_bundled_shared_library_satisfies_a_dependency(libraries: Files) -> None:
    bad = planted(libraries[RUST], b"libgcc_s.so.1", b"libssl_s.so.3")
    assert elf.problems({RUST: bad, "lib/libssl_s.so.3": libraries[RUST]}, runtime(libraries)) == []


def test_library_for_another_python_is_reported(libraries: Files) -> None:
    name = "one/_one.cpython-39-aarch64-linux-gnu.so"
    (found,) = elf.problems({name: libraries[RUST]}, runtime(libraries))
    assert found.startswith(f"{name}: is for cpython-39 on aarch64, but the functions run cpython-3")


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh"])
def test_file_that_is_not_elf_is_reported(data: bytes) -> None:
    assert elf.problems({"one.so": data}, Runtime("3.11", "arm64")) == ["one.so: is not an ELF file"]


def test_wheel_platforms_are_ordered_from_newest_to_oldest() -> None:
    assert Runtime("3.11", "arm64").platforms[0] == "manylinux_2_26_aarch64"
    assert Runtime("3.13", "x86_64").platforms[0] == "manylinux_2_34_x86_64"
    assert Runtime("3.13", "x86_64").platforms[-2:] == ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]
