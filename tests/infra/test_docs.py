"""docs/deployment.md knows every setting and every module, and names none that is not there."""

from __future__ import annotations

import re

import pytest

from infra.stage import SECRET_PARAMETER, Alarms, InfraSettings
from tests.infra.checkouts import ROOT

TEXT = (ROOT / "docs" / "deployment.md").read_text()


def settings() -> list[str]:
    plain = set(InfraSettings.model_fields) - {"alarms"}
    return sorted(plain) + [f"alarms.{each}" for each in Alarms.model_fields]


@pytest.mark.parametrize("name", settings())
def test_every_setting_is_explained(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_the_secrets_setting_is_explained() -> None:
    assert f"`{SECRET_PARAMETER}`" in TEXT


def test_every_part_of_the_template_is_named() -> None:
    modules = {path.name for path in (ROOT / "infra" / "template").glob("*.py")} - {"__init__.py", "names.py"}
    named = set(re.findall(r"\.\./infra/template/(\w+\.py)", TEXT))
    assert named == modules


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)", TEXT)
    assert len(links) > 15
    for link in links:
        assert (ROOT / "docs" / link).exists(), link
