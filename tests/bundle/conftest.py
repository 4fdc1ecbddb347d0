"""Small bundles with handlers of the tests' own, and the real one; everything runs in real processes."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.bundle.built import BuiltStage, lambda_runtime
from local.bundle.deployment import FunctionDefinition
from local.bundle.disk import ReadOnlyBundle
from local.bundle.environment import SharedResources
from local.bundle.function import Function
from local.bundle.keeper import ProcessGroup
from local.bundle.output import OutputCollector
from local.gateway import GatewaySettings
from tests.bundle.build import built_stage, shared_place


@dataclass
class Workshop:
    """Makes functions of sources; `said` is what they wrote."""

    machine: SharedResources
    said: io.StringIO
    stack: ExitStack

    def function(
        self,
        handler: str,
        *,
        timeout: float = 20,
        environments: int = 2,
        variables: Mapping[str, str] | None = None,
    ) -> Function:
        definition = FunctionDefinition(
            name="Toy",
            handler=handler,
            timeout=timeout,
            memory=128,
            log_group="/local/Toy",
            log_settings={},
            variables=variables or {},
            statements=[],
            scheduled=False,
            consumes_queue=False,
        )
        made = Function(definition, self.machine, environments)
        self.stack.callback(made.close)
        return made


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Callable[[str], Workshop]]:
    """A maker of workshops, from the source of a module `toy`."""
    with ExitStack() as stack:

        def make(source: str) -> Workshop:
            bundle = tmp_path / "toy.zip"
            with zipfile.ZipFile(bundle, "w") as archive:
                archive.writestr("toy.py", source)
            disk = stack.enter_context(ReadOnlyBundle(bundle))
            said = io.StringIO()
            output = OutputCollector(said)
            stack.callback(output.stop)
            keeper = ProcessGroup()
            stack.callback(keeper.stop)
            return Workshop(
                SharedResources(lambda_runtime(), disk, keeper, output, GatewaySettings()), said, stack
            )

        yield make


@dataclass(frozen=True)
class Context:
    """As much of a context as the gateway gives on."""

    aws_request_id: str = "6f1c0d0e-0000-4000-8000-000000000001"


@pytest.fixture(scope="session")
def built_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage `dev`, built for this machine. Tests copy it before they change anything."""
    return built_stage(shared_place(tmp_path_factory.getbasetemp()) / "bundle")


@pytest.fixture(scope="session")
def built(built_directory: Path) -> BuiltStage:
    return BuiltStage.open(built_directory)


@pytest.fixture
def template(built: BuiltStage) -> dict[str, Any]:
    """Its template, for a test to change."""
    copied: dict[str, Any] = json.loads(json.dumps(built.template))
    return copied


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """What our own log says at the level of errors."""
    with caplog.at_level(logging.INFO, "local"):
        yield lambda: "\n".join(each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR)
