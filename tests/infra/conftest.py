"""Builds are slow, so each is made once: two of stage `dev`, and the template of `prod`."""

from __future__ import annotations

import fcntl
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.build import run_chalice
from infra.stage import Stage, read_stage
from infra.template import compose
from tests.infra.checkouts import ROOT, Builds, build_both
from tests.infra.judge import Verdict, judge

Json = dict[str, Any]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A directory that all test processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "infra"


@pytest.fixture(scope="session")
def builds(shared: Path) -> Builds:
    return build_both(shared / "builds")


@pytest.fixture(scope="session")
def bundle(builds: Builds) -> dict[str, bytes]:
    """The bundle's content by path."""
    with zipfile.ZipFile(builds.here.bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="session")
def dev(builds: Builds) -> Json:
    template: Json = json.loads(builds.here.template.read_text())
    return template


@pytest.fixture(scope="session")
def prod(shared: Path) -> Json:
    """The template of stage `prod`, composed by the first test process that needs it."""
    place = shared / "prod"
    place.mkdir(parents=True, exist_ok=True)
    known = place / "template.json"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            stage = read_stage(ROOT, "prod")
            composed = run_chalice(ROOT, stage, place / "chalice")
            compose.post_process(composed, stage, "1.2.3+test")
            known.write_text(json.dumps(composed))
    template: Json = json.loads(known.read_text())
    return template


@pytest.fixture(scope="session", params=["dev", "prod"])
def stage(request: pytest.FixtureRequest) -> Stage:
    return read_stage(ROOT, request.param)


@pytest.fixture(scope="session")
def template(stage: Stage, request: pytest.FixtureRequest) -> Json:
    """The template as passed to CloudFormation."""
    found: Json = request.getfixturevalue(stage.name)
    return found


@pytest.fixture(scope="session")
def verdict(template: Json, shared: Path) -> Verdict:
    return judge(template, shared / "verdicts")


@pytest.fixture(scope="session")
def cloudformation(verdict: Verdict) -> Json:
    """The template after CloudFormation's SAM transform."""
    return verdict.translation


@pytest.fixture(scope="session")
def resources(template: Json) -> Json:
    found: Json = template["Resources"]
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project whose configuration a test can change."""
    (tmp_path / ".chalice").mkdir()
    (tmp_path / "app.py").write_text("")
    (tmp_path / "chalicelib" / "core").mkdir(parents=True)
    (tmp_path / "chalicelib" / "core" / "one.py").write_text("ONE = 1\n")
    return tmp_path
