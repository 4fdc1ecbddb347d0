"""docs/deployment.md documents every setting, docs/packaging.md every module of the template."""

from __future__ import annotations

import re

import pytest

from infra.environment import SECRET_PARAMETER
from infra.stage import Alarms, InfraSettings
from tests.infra.checkouts import ROOT

DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text()
PACKAGING = (ROOT / "docs" / "packaging.md").read_text()


def settings() -> list[str]:
    plain = set(InfraSettings.model_fields) - {"alarms"}
    return sorted(plain) + [f"alarms.{field}" for field in Alarms.model_fields]


@pytest.mark.parametrize("name", settings())
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in DEPLOYMENT


def test_secret_setting_is_documented() -> None:
    assert f"`{SECRET_PARAMETER}`" in DEPLOYMENT


def test_every_template_module_is_documented() -> None:
    modules = {path.name for path in (ROOT / "infra" / "template").glob("*.py")} - {"__init__.py", "names.py"}
    named = set(re.findall(r"\.\./infra/template/(\w+\.py)", PACKAGING))
    assert named == modules
