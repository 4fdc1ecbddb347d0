"""The list of planted defects fits the code: what no longer fits would be planted nowhere and prove nothing."""

from __future__ import annotations

import re

import pytest

from scripts.plant import REPORT, ROOT, Defect, defects

ROW = re.compile(r"^\| `([a-z0-9-]+)` \|")


@pytest.mark.parametrize("defect", defects(), ids=lambda defect: defect.name)
def test_a_defect_fits_the_code_and_names_tests_that_exist(defect: Defect) -> None:
    assert defect.texts(ROOT), "it changes nothing"
    for test in defect.tests:
        assert (ROOT / test.partition("::")[0]).exists(), test


def test_the_report_tells_of_each_and_that_a_test_caught_it() -> None:
    rows = {found[1]: line for line in REPORT.read_text("utf-8").splitlines() if (found := ROW.match(line))}
    assert list(rows) == [each.name for each in defects()]
    assert not [name for name, line in rows.items() if "`tests/" not in line]
