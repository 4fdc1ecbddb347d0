"""A directory that `make package` made: the zip, the template, and whether this machine can run them."""

from __future__ import annotations

import json
import platform
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.build import BUNDLE, TEMPLATE
from local.bundle.errors import BundleError
from local.settings import ROOT

Json = dict[str, Any]
FUNCTION = "AWS::Serverless::Function"
RUNTIME_VENV = ".venv-lambda"
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class LambdaRuntime:
    """The stand-in for Lambda's runtime: an interpreter, and the directory with `awslambdaric` and boto3."""

    python: Path
    packages: Path
    version: str
    """Like "python3.11", as templates name it."""


@dataclass(frozen=True, slots=True)
class BuiltStage:
    """A built stage that can run here."""

    directory: Path
    bundle: Path
    template: Json
    runtime: LambdaRuntime

    @classmethod
    def open(cls, directory: Path, root: Path = ROOT) -> BuiltStage:
        """Reads a directory. Raises BundleError where it is none, or was built for another Python or processor."""
        template = read_template(directory)
        runtime = lambda_runtime(root)
        _check_compatible(directory, template, runtime)
        return cls(directory, directory / BUNDLE, template, runtime)


def lambda_runtime(root: Path = ROOT) -> LambdaRuntime:
    """The runtime in `.venv-lambda`. Raises BundleError when it is missing."""
    venv = root / RUNTIME_VENV
    candidates = sorted(venv.glob("lib/python3.*/site-packages/awslambdaric"))
    if not candidates:
        raise BundleError(f"{venv} is missing: it holds Lambda's runtime. Run `make setup` first.")
    packages = candidates[0].parent
    return LambdaRuntime(venv / "bin" / "python", packages, packages.parent.name)


def stage_name(template: Json) -> str:
    """The last part of a stage's URLs."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Stage":
            return str(resource["Properties"]["StageName"])
    raise BundleError("The template has no stage of a WebSocket API.")


def host_architecture() -> str:
    """This machine's processor, as templates name it."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


def read_template(directory: Path) -> Json:
    """The template of a built stage. Raises BundleError where the directory is none."""
    for name in (BUNDLE, TEMPLATE):
        if not (directory / name).is_file():
            raise BundleError(
                f"{directory} is no built stage: it has no {name}. `make package STAGE=dev` makes build/dev."
            )
    if not zipfile.is_zipfile(directory / BUNDLE):
        raise BundleError(f"{directory / BUNDLE} is no zip file. Build the stage again.")
    try:
        template = json.loads((directory / TEMPLATE).read_text(encoding="utf-8"))
        functions = [each for each in template["Resources"].values() if each["Type"] == FUNCTION]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        problem = f"{type(exc).__name__}: {exc}"
        raise BundleError(f"{directory / TEMPLATE} is no template of ours ({problem}). Build it again.") from exc
    if not functions:
        raise BundleError(f"{directory / TEMPLATE} has no function in it.")
    return dict(template)


def _check_compatible(directory: Path, template: Json, runtime: LambdaRuntime) -> None:
    architecture = host_architecture()
    rebuild = f"Build it for this machine: .venv/bin/python -m infra package --architecture {architecture} --out {directory}"
    for name, resource in template["Resources"].items():
        if resource["Type"] != FUNCTION:
            continue
        properties = resource["Properties"]
        architectures = properties.get("Architectures", ["x86_64"])
        if architectures != [architecture]:
            asked = ", ".join(architectures)
            raise BundleError(
                f"{directory} was built for {asked} ({name}), and this machine is {architecture}. {rebuild}"
            )
        if properties.get("Runtime") != runtime.version:
            raise BundleError(
                f"{directory} was built for {properties.get('Runtime')} ({name}), and {RUNTIME_VENV} has"
                f" {runtime.version}. {rebuild}"
            )
