"""The list of MiniStack's gaps names only existing tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.unkept import UNKEPT, Unkept, unkept

E2E = Path(__file__).parents[1] / "e2e"


@pytest.mark.parametrize("gap", UNKEPT, ids=lambda gap: gap.tests)
def test_every_listed_gap_names_an_existing_test(gap: Unkept) -> None:
    file, name = re.match(r"(\w+)\\\.py::(\w+)", gap.tests).groups()  # type: ignore[union-attr]
    assert f"def {name}(" in (E2E / f"{file}.py").read_text()
    assert gap.because.endswith(".")


@pytest.mark.parametrize(
    "nodeid",
    [
        "tests/e2e/test_bad_commands.py::test_a_bad_frame_among_good_ones_disturbs_none_of_them[ministack]",
        "tests/e2e/test_bad_requests.py::test_a_browser_may_ask_before_it_sends[ministack-x]",
        "tests/e2e/test_bad_commands.py::test_a_frame_that_is_not_json_is_refused[ministack-ten thousand levels]",
    ],
)
def test_listed_test_is_found_by_its_id(nodeid: str) -> None:
    assert unkept(nodeid) is not None


@pytest.mark.parametrize(
    "nodeid",
    [
        "tests/e2e/test_bad_commands.py::test_a_frame_that_is_not_json_is_refused[ministack-a comment]",
        "tests/e2e/test_messages.py::test_whatever[ministack]",
    ],
)
def test_unlisted_test_is_not_a_gap(nodeid: str) -> None:
    assert unkept(nodeid) is None
