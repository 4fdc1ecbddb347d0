"""Builds are slow, so each is made once: two of stage `dev`, and the templates of two other stages."""

from __future__ import annotations

import fcntl
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.build import run_chalice
from infra.runtime import runtime_for
from infra.stage import Stage, read_stage
from infra.template import compose
from tests.infra import every_option
from tests.infra.checkouts import ROOT, Builds, build_both
from tests.infra.every_option import checkout_with_every_option
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
    """The template of stage `prod`."""
    return composed(lambda _: ROOT, "prod", shared / "prod")


@pytest.fixture(scope="session")
def every(shared: Path) -> Json:
    """The template of a stage with every option."""
    return composed(checkout_with_every_option, every_option.NAME, shared / "every")


def composed(checkout: Callable[[Path], Path], name: str, place: Path) -> Json:
    """Return the template of a stage, composed by the first test process that needs it."""
    place.mkdir(parents=True, exist_ok=True)
    known = place / "template.json"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            root = checkout(place / "checkout")
            stage = read_stage(root, name)
            template = run_chalice(root, stage, place / "chalice")
            runtime = runtime_for(stage.infra.runtime, stage.architecture)
            compose.post_process(template, stage, runtime, "1.2.3+test")
            known.write_text(json.dumps(template))
    found: Json = json.loads(known.read_text())
    return found


@pytest.fixture(scope="session", params=["dev", "prod", "every"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    if request.param != every_option.NAME:
        return read_stage(ROOT, request.param)
    root = checkout_with_every_option(tmp_path_factory.mktemp("every"))
    return read_stage(root, request.param)


@pytest.fixture(scope="session")
def template(stage: Stage, request: pytest.FixtureRequest) -> Json:
    """The template as passed to CloudFormation."""
    found: Json = request.getfixturevalue(stage.name)
    return found


@pytest.fixture(scope="session")
def verdict(template: Json, dev: Json, prod: Json, every: Json, shared: Path) -> Verdict:
    return judge(template, shared / "verdicts", beside=(dev, prod, every))


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
