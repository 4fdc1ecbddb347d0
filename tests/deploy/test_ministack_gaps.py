"""The list of what MiniStack does not keep names tests that there are, and only those."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.ministack_gaps import GAPS, Gap, gap_for

E2E = Path(__file__).parents[1] / "e2e"


@pytest.mark.parametrize("each", GAPS, ids=lambda each: each.tests)
def test_each_entry_is_of_a_test_that_there_is(each: Gap) -> None:
    file, name = re.match(r"(\w+)\\\.py::(\w+)", each.tests).groups()  # type: ignore[union-attr]
    assert f"def {name}(" in (E2E / f"{file}.py").read_text()
    assert each.reason.endswith(".")


@pytest.mark.parametrize(
    "nodeid",
    [
        "tests/e2e/test_bad_commands.py::test_bad_frames_do_not_disturb_good_ones[ministack]",
        "tests/e2e/test_bad_requests.py::test_unknown_path_is_not_found[ministack-//conversations]",
        "tests/e2e/test_bad_commands.py::test_frame_that_is_not_json_is_rejected[ministack-ten thousand levels]",
    ],
)
def test_a_listed_test_is_found_by_its_id(nodeid: str) -> None:
    assert gap_for(nodeid) is not None


@pytest.mark.parametrize(
    "nodeid",
    [
        "tests/e2e/test_bad_commands.py::test_frame_that_is_not_json_is_rejected[ministack-a comment]",
        "tests/e2e/test_messages.py::test_whatever[ministack]",
    ],
)
def test_all_others_have_to_hold(nodeid: str) -> None:
    assert gap_for(nodeid) is None
