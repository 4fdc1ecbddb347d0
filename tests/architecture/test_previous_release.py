"""The tests against the previous release: which commit that is, and the skip if there is none."""

from __future__ import annotations

import pytest

from scripts.other_python import SKIPPED
from scripts.previous_release import FILE, main, previous_release


def test_file_names_a_commit_or_none() -> None:
    assert previous_release("# a comment\n\nnone\n") is None
    assert previous_release("# a comment\n5dcd2f0\n") == "5dcd2f0"
    previous_release(FILE.read_text())


@pytest.mark.parametrize("text", ["", "# nothing\n", "5dcd2f0\nnone\n"])
def test_any_other_content_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="one commit, or `none`"):
        previous_release(text)


def test_tests_are_skipped_loudly_without_a_previous_release(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], "none\n", check=_unexpected) == SKIPPED
    printed = capsys.readouterr().out
    assert printed.startswith("SKIPPED: there is no previous release")
    assert "NOT TESTED" in printed


def _unexpected(commit: str) -> int:
    pytest.fail(f"tests {commit}")


def test_commit_of_the_file_is_tested() -> None:
    checked: list[str] = []

    def check(commit: str) -> int:
        checked.append(commit)
        return 3

    assert main([], "5dcd2f0\n", check) == 3
    assert main(["--commit", "HEAD"], "none\n", check) == 3
    assert checked == ["5dcd2f0", "HEAD"]
