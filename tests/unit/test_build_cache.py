"""A build is repeated if and only if something that it is built from has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.build_cache import BuildCache

SOURCES = ("app.py", "package")


class Builder:
    """A build that counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, target: Path) -> None:
        self.runs += 1
        target.mkdir()
        (target / "result").write_text(f"run {self.runs}", encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "package").mkdir(parents=True)
    (root / "app.py").write_text("1", encoding="utf-8")
    (root / "package" / "module.py").write_text("1", encoding="utf-8")
    return root


def build(checkout: Path, builder: Builder, target: str, name: str = "bundle", key: str = "") -> str:
    directory = checkout.parent / target
    BuildCache(checkout).build(name, SOURCES, directory, builder, key)
    return (directory / "result").read_text(encoding="utf-8")


def test_unchanged_sources_are_built_once(checkout: Path) -> None:
    builder = Builder()
    assert build(checkout, builder, "first") == build(checkout, builder, "second") == "run 1"


@pytest.mark.parametrize("change", ["content", "new file", "removed file", "renamed file"])
def test_changed_sources_are_built_again(checkout: Path, change: str) -> None:
    builder = Builder()
    build(checkout, builder, "first")
    module = checkout / "package" / "module.py"
    if change == "content":
        module.write_text("2", encoding="utf-8")
    elif change == "new file":
        (checkout / "package" / "other.py").touch()
    elif change == "removed file":
        module.unlink()
    else:
        module.rename(checkout / "package" / "other.py")
    assert build(checkout, builder, "second") == "run 2"


def test_another_key_is_built_separately(checkout: Path) -> None:
    builder = Builder()
    assert build(checkout, builder, "first", key="a") == "run 1"
    assert build(checkout, builder, "second", key="b") == "run 2"
    assert build(checkout, builder, "third", key="a") == "run 1"


def test_caches_of_the_interpreter_are_not_sources(checkout: Path) -> None:
    builder = Builder()
    build(checkout, builder, "first")
    (checkout / "package" / "__pycache__").mkdir()
    (checkout / "package" / "__pycache__" / "module.cpython-311.pyc").touch()
    assert build(checkout, builder, "second") == "run 1"


def test_changed_copy_does_not_change_later_copies(checkout: Path) -> None:
    builder = Builder()
    build(checkout, builder, "first")
    (checkout.parent / "first" / "result").write_text("damaged", encoding="utf-8")
    assert build(checkout, builder, "second") == "run 1"


def test_failed_build_is_not_kept(checkout: Path) -> None:
    def fail(target: Path) -> None:
        target.mkdir()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        BuildCache(checkout).build("bundle", SOURCES, checkout.parent / "first", fail)
    assert build(checkout, Builder(), "second") == "run 1"


def test_oldest_results_of_the_same_name_are_removed(checkout: Path) -> None:
    builder = Builder()
    build(checkout, builder, "other", name="template")
    for run in range(8):
        (checkout / "app.py").write_text(str(run), encoding="utf-8")
        build(checkout, builder, f"target-{run}")
    kept = sorted(path.name.partition("-")[0] for path in (checkout / "build" / "cache").iterdir())
    assert kept == ["bundle"] * 6 + ["template"]
    assert build(checkout, builder, "newest") == "run 9"


def test_result_that_another_process_evicts_meanwhile_is_built_again(checkout: Path) -> None:
    builder = Builder()
    build(checkout, builder, "first")
    (kept,) = (checkout / "build" / "cache").iterdir()
    kept.rename(kept.with_name("aside"))
    kept.touch()  # it exists, and there is nothing to copy
    assert build(checkout, builder, "second") == "run 2"


def test_result_that_another_process_evicts_during_an_eviction_is_passed_over(checkout: Path) -> None:
    (checkout / "build" / "cache").mkdir(parents=True)
    (checkout / "build" / "cache" / "bundle-gone").symlink_to("nowhere")  # it is listed, and cannot be looked at
    assert build(checkout, Builder(), "first") == "run 1"
