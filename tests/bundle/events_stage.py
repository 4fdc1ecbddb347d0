"""Stage `dev` with events, from the built one: the same zip, and the template that its settings give."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.build import BUNDLE, TEMPLATE, run_chalice
from infra.environment import ENDPOINTS
from infra.events import EventSettings
from infra.runtime import runtime_for
from infra.stage import read_stage
from infra.template import compose
from local.bundle.built_stage import host_architecture
from local.settings import ROOT


def stage_with_events(built: Path, directory: Path, endpoints: list[dict[str, Any]], aws_url: str) -> Path:
    """Write a stage whose endpoints are in its settings, with EventBridge and Parameter Store at a URL."""
    stage = read_stage(ROOT, "dev")
    stage = replace(
        stage,
        architecture="arm64" if host_architecture() == "arm64" else "x86_64",
        environment={**stage.environment, ENDPOINTS: json.dumps(endpoints)},
        infra=stage.infra.model_copy(update={"events": EventSettings()}),
    )
    template = run_chalice(ROOT, stage, directory / "chalice")
    runtime = runtime_for(stage.infra.runtime, stage.architecture)
    compose.post_process(template, stage, runtime, "1.2.3+events")
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables |= {ENDPOINTS: stage.environment[ENDPOINTS]}
    variables |= {"AWS_ENDPOINT_URL_EVENTS": aws_url, "AWS_ENDPOINT_URL_SSM": aws_url}
    out = directory / "events"
    out.mkdir()
    shutil.copyfile(built / BUNDLE, out / BUNDLE)
    (out / TEMPLATE).write_text(json.dumps(template), encoding="utf-8")
    return out
