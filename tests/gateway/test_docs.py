"""The document of the gateway's rules agrees with the tests."""

import re
from pathlib import Path

from local.gateway import GatewaySettings

HERE = Path(__file__).parent
DOCUMENT = (HERE.parents[1] / "docs" / "local-gateway.md").read_text("utf-8")
TESTS = {
    name
    for path in HERE.glob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
}


def rows() -> dict[int, str]:
    """Return the rows of the checklist by number."""
    return {int(number): row for number, row in re.findall(r"^\| (\d+) \|(.+)$", DOCUMENT, re.M)}


def test_every_checklist_point_has_a_row() -> None:
    assert sorted(rows()) == list(range(1, 49))


def test_every_checklist_point_names_tests_with_its_number() -> None:
    for number, row in rows().items():
        names = re.findall(r"`(test_\w+)`", row)
        assert names, f"point {number} names no test"
        assert all(name.startswith(f"test_{number:02d}_") for name in names), f"point {number}"


def test_every_named_test_exists() -> None:
    assert set(re.findall(r"`(test_\w+)`", DOCUMENT)) <= TESTS


def test_every_named_setting_exists() -> None:
    fields = set(GatewaySettings.__dataclass_fields__)
    faults = DOCUMENT.partition("| fault | fields |")[2].partition("## The rules")[0]
    named = set(re.findall(r"`([a-z_]+)(?:=[^`]*)?`", faults.replace('`"doubled"`, `"dropped"`', "")))
    assert named <= fields
    assert {"handling", "disconnect", "posts_failed", "drop_detection"} <= named
