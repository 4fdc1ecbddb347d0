"""A directory written by `make package`: the zip and the template, and whether this machine can run them."""

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
    """The local counterpart of Lambda's runtime: an interpreter, and the directory of `awslambdaric` and boto3."""

    python: Path
    packages: Path
    version: str
    """For example "python3.11", as in templates."""


@dataclass(frozen=True, slots=True)
class BuiltStage:
    """A built stage that this machine can run."""

    directory: Path
    bundle: Path
    template: Json
    runtime: LambdaRuntime

    @classmethod
    def open(cls, directory: Path, root: Path = ROOT) -> BuiltStage:
        """Read a directory. Raises BundleError if it is invalid or built for another Python or architecture."""
        template = read_template(directory)
        runtime = lambda_runtime(root)
        _check_compatible(directory, template, runtime)
        return cls(directory, directory / BUNDLE, template, runtime)


def lambda_runtime(root: Path = ROOT) -> LambdaRuntime:
    """Return the runtime in `.venv-lambda`. Raises BundleError if it is missing."""
    venv = root / RUNTIME_VENV
    candidates = sorted(venv.glob("lib/python3.*/site-packages/awslambdaric"))
    if not candidates:
        raise BundleError(f"{venv} is missing: it contains Lambda's runtime. Run `make setup` first.")
    packages = candidates[0].parent
    return LambdaRuntime(venv / "bin" / "python", packages, packages.parent.name)


def stage_name(template: Json) -> str:
    """Return the name of the WebSocket API's stage, which is the last part of its URL."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Stage":
            return str(resource["Properties"]["StageName"])
    raise BundleError("The template has no stage for the WebSocket API.")


def host_architecture() -> str:
    """Return this machine's architecture, as named in templates."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


def read_template(directory: Path) -> Json:
    """Return the template of a built stage. Raises BundleError if the directory is not one."""
    for name in (BUNDLE, TEMPLATE):
        if not (directory / name).is_file():
            raise BundleError(
                f"{directory} is not a built stage: it has no {name}. `make package STAGE=dev` builds build/dev."
            )
    if not zipfile.is_zipfile(directory / BUNDLE):
        raise BundleError(f"{directory / BUNDLE} is not a zip file. Build the stage again.")
    try:
        template = json.loads((directory / TEMPLATE).read_text(encoding="utf-8"))
        functions = [resource for resource in template["Resources"].values() if resource["Type"] == FUNCTION]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        problem = f"{type(exc).__name__}: {exc}"
        raise BundleError(f"{directory / TEMPLATE} is not a valid template ({problem}). Build it again.") from exc
    if not functions:
        raise BundleError(f"{directory / TEMPLATE} defines no functions.")
    return dict(template)


def _check_compatible(directory: Path, template: Json, runtime: LambdaRuntime) -> None:
    architecture = host_architecture()
    command = f".venv/bin/python -m infra package --architecture {architecture} --out {directory}"
    rebuild = f"Build it for this machine: {command}"
    for name, resource in template["Resources"].items():
        if resource["Type"] != FUNCTION:
            continue
        properties = resource["Properties"]
        architectures = properties.get("Architectures", ["x86_64"])
        if architectures != [architecture]:
            built_for = ", ".join(architectures)
            raise BundleError(
                f"{directory} was built for {built_for} ({name}), but this machine is {architecture}. {rebuild}"
            )
        if properties.get("Runtime") != runtime.version:
            raise BundleError(
                f"{directory} was built for {properties.get('Runtime')} ({name}), but {RUNTIME_VENV} has"
                f" {runtime.version}. {rebuild}"
            )
