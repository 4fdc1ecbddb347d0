"""The size of files: a reader takes in a module as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("chalicelib", "local", "infra", "specs", "scripts", "bench", "tools")
MAX_LINES = 250


def too_long(*folders: Path) -> Iterator[str]:
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            count = len(file.read_text().splitlines())
            if count > MAX_LINES:
                yield f"{file.relative_to(folder.parent)} has {count} lines"


@pytest.mark.parametrize("place", PLACES)
def test_file_of_the_product_has_at_most_250_lines(place: str) -> None:
    assert not list(too_long(ROOT / place)), "split it by what its parts are about"


def test_file_with_251_lines_is_found(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("pass\n" * 251)
    (tmp_path / "short.py").write_text("pass\n" * 250)
    assert list(too_long(tmp_path)) == [f"{tmp_path.name}/long.py has 251 lines"]
