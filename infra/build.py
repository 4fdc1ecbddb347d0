"""Build a stage's bundle and template reproducibly: independent of caches, clock and directory names."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from infra import bundle, bundle_checks, dependencies, sbom
from infra.bundle import Bundle
from infra.errors import InfraError
from infra.interpreters import Interpreter, find_interpreter
from infra.process import run
from infra.runtime import Architecture, Runtime, runtime_for
from infra.sources import copy_project
from infra.stage import Stage, read_stage
from infra.template import compose
from infra.template.names import Json
from infra.template.web import PAGE

BUNDLE, TEMPLATE, SBOM = "deployment.zip", "template.json", "sbom.json"
MAX_TEMPLATE = 1_000_000
"""Maximum size of a template in S3, in bytes (CloudFormation User Guide, "Quotas")."""
_PROJECT_ROOT = Path(__file__).resolve().parents[1]
# Chalice requires a region, although its output does not depend on which commercial one.
_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Package:
    """The files that deploy a stage."""

    stage: Stage
    runtime: Runtime
    bundle: Bundle
    template: Path
    version: str

    def warnings(self) -> list[str]:
        """Return the settings that should be changed before the stage is used, with the reason."""
        warnings = [self.runtime.warning()]
        if self.stage.infra.production and not self.stage.infra.alarms.email:
            warnings.append(
                "infra.alarms.email is empty: alarms notify no address until one subscribes to AlarmTopicArn"
            )
        return [warning for warning in warnings if warning]


def package(root: Path, stage_name: str, out: Path, architecture: Architecture | None = None) -> Package:
    """Build a stage of the checkout at `root` into `out`, which is replaced only if the whole build succeeds.

    `architecture` overrides the stage's, to try a bundle locally. Raises InfraError.
    """
    stage = read_stage(root, stage_name)
    if architecture is not None:
        stage = replace(stage, architecture=architecture)
    runtime = runtime_for(stage.infra.runtime, stage.architecture)
    interpreter = find_interpreter(runtime)
    with tempfile.TemporaryDirectory(prefix="chat-package-") as place:
        work = Path(place)
        template = run_chalice(root, stage, work / "chalice")
        assembled = _assemble(root, work, runtime, interpreter)
        bundle_checks.check(assembled.path, runtime, interpreter.magic)
        version = f"{_declared_version(root)}+{assembled.digest[:12]}"
        compose.post_process(template, stage, runtime, version)
        text = _as_text(template)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        shutil.copyfile(assembled.path, out / BUNDLE)
        (out / TEMPLATE).write_text(text, encoding="utf-8")
        materials = sbom.bill_of_materials(stage.app, version, assembled)
        (out / SBOM).write_text(json.dumps(materials, indent=1) + "\n", encoding="utf-8")
        if stage.infra.web is not None:
            shutil.copytree(built_page(root), out / PAGE)
    return Package(stage, runtime, Bundle(out / BUNDLE, assembled.sizes), out / TEMPLATE, version)


def built_page(root: Path) -> Path:
    """Return the directory of the built web page. Raises InfraError if it is missing or not of these sources."""
    from scripts.web import DIST, is_built  # noqa: PLC0415 — few stages have a page

    if not (root / DIST / "index.html").exists() or not is_built(root):
        raise InfraError("the stage has a web page, which is not built: make setup builds it, with Node.js")
    return root / DIST


def run_chalice(root: Path, stage: Stage, work: Path) -> Json:
    """Return Chalice's template with the merged fragments; leave its zip, without dependencies, in `work`.

    Raises InfraError.
    """
    copy_project(root, stage, work / "project")
    merge = work / "merge.json"
    merge.write_text(json.dumps(compose.fragment_to_merge(stage)), encoding="utf-8")
    run(
        [
            sys.executable,
            "-m",
            "infra.chalice_subprocess",
            str(work / "project"),
            stage.name,
            str(work),
            str(merge),
        ],
        description=f"Packaging stage {stage.name} with Chalice",
        cwd=work / "project",
        variables={
            "PYTHONPATH": str(_PROJECT_ROOT),
            "AWS_DEFAULT_REGION": _REGION,
            # No AWS account is used, whatever this machine is configured for.
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        },
    )
    template: Json = json.loads((work / "sam.json").read_text(encoding="utf-8"))
    return template


def _assemble(root: Path, work: Path, runtime: Runtime, interpreter: Interpreter) -> Bundle:
    tree = work / "bundle"
    dependencies.install(root / "requirements.txt", tree, runtime, interpreter.path)
    bundle.add_code(work / "chalice" / BUNDLE, tree)
    bundle.prune(tree)
    bundle.compile_tree(tree, interpreter.path)
    return bundle.write_zip(tree, work / BUNDLE)


def _declared_version(root: Path) -> str:
    with (root / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _as_text(template: Json) -> str:
    text = json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if len(text.encode()) > MAX_TEMPLATE:
        raise InfraError(f"the template has {len(text.encode())} bytes; CloudFormation's limit is {MAX_TEMPLATE}")
    return text
