"""The warnings of a build: settings that work, and that should be changed before a stage is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.__main__ import summary
from infra.build import Package
from infra.bundle import Bundle
from infra.runtime import Runtime
from infra.stage import Alarms, InfraSettings
from tests.deploy.fakes import TRIAL


def built(tmp_path: Path, settings: InfraSettings, python: str = "3.13") -> Package:
    for name in ("deployment.zip", "template.json"):
        (tmp_path / name).write_text("{}")
    bundle = Bundle(tmp_path / "deployment.zip", {})
    stage = replace(TRIAL, infra=settings)
    return Package(stage, Runtime(python, "arm64"), bundle, tmp_path / "template.json", "1+abc")


def test_production_without_an_address_for_alarms_gets_a_warning(tmp_path: Path) -> None:
    package = built(tmp_path, InfraSettings(production=True))
    (warning,) = package.warnings()
    assert warning.startswith("infra.alarms.email is empty")
    assert f"  Warning: {warning}" in summary(package).splitlines()


@pytest.mark.parametrize(
    "settings", [InfraSettings(), InfraSettings(production=True, alarms=Alarms(email="ops@chat.test"))]
)
def test_other_stages_get_no_warning(settings: InfraSettings, tmp_path: Path) -> None:
    package = built(tmp_path, settings)
    assert package.warnings() == []
    assert "Warning" not in summary(package)


def test_old_runtime_gets_a_warning(tmp_path: Path) -> None:
    (warning,) = built(tmp_path, InfraSettings(), "3.11").warnings()
    assert warning.startswith("python3.11 runs on Amazon Linux 2") and "2027-06-30" in warning
