"""Small bundles with the tests' own handlers, and the real bundle; all run in real processes."""

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

from local.bundle.built_stage import BuiltStage, lambda_runtime
from local.bundle.execution_environment import SharedResources
from local.bundle.function import Function
from local.bundle.output_collector import OutputCollector
from local.bundle.process_group import ProcessGroup
from local.bundle.read_only_bundle import ReadOnlyBundle
from local.bundle.resolved_template import FunctionDefinition
from local.gateway import GatewaySettings
from tests.bundle.build import built_stage, shared_directory


@dataclass
class ToyBundle:
    """Makes functions of one bundle; `output` collects what they print."""

    shared: SharedResources
    output: io.StringIO
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
            queue="",
            stream_filter=None,
        )
        function = Function(definition, self.shared, environments)
        self.stack.callback(function.close)
        return function


@pytest.fixture
def toy_bundle(tmp_path: Path) -> Iterator[Callable[[str], ToyBundle]]:
    """A factory of toy bundles from the source of a module `toy`."""
    with ExitStack() as stack:

        def make(source: str) -> ToyBundle:
            archive_path = tmp_path / "toy.zip"
            with zipfile.ZipFile(archive_path, "w") as archive:
                archive.writestr("toy.py", source)
            bundle = stack.enter_context(ReadOnlyBundle(archive_path))
            output = io.StringIO()
            collector = OutputCollector(output)
            stack.callback(collector.stop)
            group = ProcessGroup()
            stack.callback(group.stop)
            return ToyBundle(
                SharedResources(lambda_runtime(), bundle, group, collector, GatewaySettings()), output, stack
            )

        yield make


@dataclass(frozen=True)
class Context:
    """The attributes of a Lambda context that are passed on."""

    aws_request_id: str = "6f1c0d0e-0000-4000-8000-000000000001"


@pytest.fixture(scope="session")
def built_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stage `dev`, built for this machine. Tests copy it before they change it."""
    return built_stage(shared_directory(tmp_path_factory.getbasetemp()) / "bundle")


@pytest.fixture(scope="session")
def built(built_directory: Path) -> BuiltStage:
    return BuiltStage.open(built_directory)


@pytest.fixture
def template(built: BuiltStage) -> dict[str, Any]:
    """A copy of its template that a test can change."""
    copied: dict[str, Any] = json.loads(json.dumps(built.template))
    return copied


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Returns the log of the package `local` at level ERROR."""
    with caplog.at_level(logging.INFO, "local"):
        yield lambda: "\n".join(
            record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR
        )
