"""The distribution of tests to processes: tests that share expensive servers stay together."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.importing import import_modules, share_of
from tests.support.scheduling import IN_DEVELOPMENT, OF_BUILDS, ON_MINISTACK, PACKAGED, turn_of, unit_of


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        ("tests/e2e/test_audit.py::test_it[bundle]", PACKAGED),
        ("tests/e2e/test_roles.py::test_it[bundle-member]", PACKAGED),
        ("tests/e2e/test_expiry_and_rate_limits.py::test_it[ministack]", ON_MINISTACK),
        ("tests/e2e/test_identity.py::test_it[ministack-x]", ON_MINISTACK),
        ("tests/e2e/test_roles.py::test_it[development-member]", IN_DEVELOPMENT),
        ("tests/e2e/test_test_tools.py::test_it", "tests/e2e/test_test_tools.py"),
        ("tests/deploy/test_ministack.py::test_it", ON_MINISTACK),
        ("tests/infra/test_cors.py::test_it[dev]", OF_BUILDS),
        ("tests/bench/test_engine.py::test_it[ministack]", "tests/bench/test_engine.py"),
        ("tests/unit/core/log/test_reading.py::test_it", "tests/unit/core/log/test_reading.py"),
        ("tests/invariants/test_random_histories.py::test_it[1]", "tests/invariants/test_random_histories.py"),
        ("tests/browser/test_list.py::test_it", "in the browser: messages"),
        ("tests/browser/test_scrolling.py::test_it", "in the browser: members"),
        ("tests/browser/test_new_file.py::test_it", "in the browser: all else"),
        ("tests/browser/test_stranger.py::test_it", "tests/browser/test_stranger.py"),
        ("tests/invariants/test_group_commit.py::test_it[1]", "tests/invariants/test_group_commit.py::test_it[1]"),
    ],
)
def test_unit_of_a_test_follows_from_its_node_id(test: str, unit: str) -> None:
    assert unit_of(test) == unit


def test_whole_run_begins_with_long_groups_and_the_laws_and_ends_with_short_tests() -> None:
    order = [
        "tests/e2e/test_audit.py::test_it[bundle]",
        "tests/e2e/test_audit.py::test_it[ministack]",
        "tests/e2e/test_audit.py::test_it[development]",
        "tests/invariants/test_random_histories.py::test_it[1]",
        "tests/deploy/test_commands_whole.py::test_it",
        "tests/infra/test_cors.py::test_it",
        "tests/invariants/test_group_commit.py::test_it[1]",
        "tests/browser/test_page.py::test_it",
        "tests/unit/scripts/test_lock.py::test_it",
        "tests/unit/core/log/test_reading.py::test_it",
    ]
    turns = [turn_of(test) for test in order]
    assert turns == sorted(turns)
    assert [turns.count(turn) for turn in turns] == [1, 1, 1, 1, 1, 1, 1, 2, 2, 1]


def test_every_end_to_end_test_has_its_target_as_first_parameter(request: pytest.FixtureRequest) -> None:
    # Otherwise it would run, and start its servers, outside its group.
    targets = ("bundle", "ministack", "development")
    for item in request.session.items:
        parameters = item.nodeid.partition("[")[2]
        if item.path.parent.name == "e2e" and any(target in parameters for target in targets):
            assert parameters.startswith(targets), item.nodeid


def test_each_process_imports_another_part_of_the_modules_first() -> None:
    paths = [Path(f"test_{number}.py") for number in range(10)]
    shares = [
        share_of(paths, {"PYTEST_XDIST_WORKER": f"gw{number}", "PYTEST_XDIST_WORKER_COUNT": "4"})
        for number in range(4)
    ]
    assert sorted(path for share in shares for path in share) == sorted(paths)
    assert {len(share) for share in shares} == {2, 3}
    assert not share_of(paths, {})


def test_module_that_cannot_be_imported_is_left_to_the_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, source in (("test_bad_one", "import no_such_module"), ("test_good_one", "")):
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    import_modules(sorted(tmp_path.glob("test_*.py")), tmp_path.resolve())
    assert sys.modules.pop("test_good_one", None) is not None
    assert "test_bad_one" not in sys.modules
