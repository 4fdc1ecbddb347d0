"""Selected tests run in one process, from the files that contain them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.run_tests import pytest_options, required_words


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "tests/unit/test_bans.py": "def test_banned_member_leaves() -> None: ...\n",
        "tests/unit/test_mutes.py": "class TestMutes:\n    async def test_ban_is_no_mute(self) -> None: ...\n",
        "tests/e2e/test_history.py": "@pytest.mark.laws\ndef test_pages() -> None:\n    bans = mutes = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("selection", "files"),
    [
        ("bans", ["tests/unit/test_bans.py"]),
        ("BAN", ["tests/unit/test_bans.py", "tests/unit/test_mutes.py"]),
        ("test_ban_is_no_mute", ["tests/unit/test_mutes.py"]),
        ("test_pages[bundle]", ["tests/e2e/test_history.py"]),
        ("laws", ["tests/e2e/test_history.py"]),
        ("pages or TestMutes", ["tests/e2e/test_history.py", "tests/unit/test_mutes.py"]),
        ("bans and not leaves", ["tests/unit/test_bans.py"]),
        ("name_of_a_parameter", ["tests"]),
        ("not bans", ["tests"]),
        ("not (bans or pages)", ["tests"]),
        ("bans or not pages", ["tests"]),
        ("unit", ["tests"]),
    ],
)
def test_expression_is_looked_up_in_the_files_that_contain_its_words(
    tree: Path, selection: str, files: list[str]
) -> None:
    assert pytest_options(selection, "tests", tree) == [*files, "-k", selection]


def test_folder_limits_the_search(tree: Path) -> None:
    assert pytest_options("bans", "tests/e2e", tree) == ["tests/e2e", "-k", "bans"]


@pytest.mark.parametrize("path", ["tests/unit", "tests/unit/test_bans.py", "tests/unit/test_bans.py::test_x[1]"])
def test_path_or_node_id_is_passed_on(tree: Path, path: str) -> None:
    assert pytest_options(path, "tests", tree) == [path]


def test_every_match_contains_a_required_word() -> None:
    assert required_words("(A or b) and c[1]") == {"a", "b", "c"}
    assert required_words("not a and not b") == set()
