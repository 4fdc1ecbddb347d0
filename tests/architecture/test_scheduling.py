"""What a test needs is started where it runs: tests that need much stay together."""

from __future__ import annotations

import pytest

from tests.support.scheduling import FIRST_HALF, PACKAGED, SECOND_HALF, unit_of


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        ("tests/e2e/test_audit.py::test_it[bundle]", PACKAGED),
        ("tests/e2e/test_roles.py::test_it[bundle-member]", PACKAGED),
        ("tests/e2e/test_hurry.py::test_it[ministack]", FIRST_HALF),
        ("tests/e2e/test_identity.py::test_it[ministack-x]", SECOND_HALF),
        ("tests/e2e/test_roles.py::test_it[development-member]", "tests/e2e/test_roles.py"),
        ("tests/e2e/test_stages.py::test_it", "tests/e2e/test_stages.py"),
        ("tests/bench/test_engine.py::test_it[ministack]", "tests/bench/test_engine.py"),
        ("tests/unit/core/test_log.py::test_it", "tests/unit/core/test_log.py"),
        ("tests/invariants/test_queue.py::test_it[1]", "tests/invariants/test_queue.py::test_it[1]"),
    ],
)
def test_a_test_is_in_the_group_of_what_it_needs(test: str, unit: str) -> None:
    assert unit_of(test) == unit


def test_every_end_to_end_test_names_its_kind_first(request: pytest.FixtureRequest) -> None:
    # Otherwise it would run, and start what it needs, outside its group.
    for item in request.session.items:
        if item.path.parent.name == "e2e" and ("bundle" in item.nodeid or "ministack" in item.nodeid):
            assert "[bundle" in item.nodeid or "[ministack" in item.nodeid, item.nodeid
