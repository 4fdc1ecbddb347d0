"""The frames that the client sends are as published."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema_rs

from tests.clients.js.node_tests import ROOT, bundle, node

TYPES = {
    "hello",
    "subscribe",
    "unsubscribe",
    "sync",
    "message",
    "edit",
    "react",
    "batch",
    "read",
    "ping",
    "typing",
}


def test_frames_of_the_client_are_as_published(tmp_path: Path) -> None:
    bundle(Path(__file__).with_name("dump_frames.ts"), tmp_path / "dump.mjs")
    command = [str(node()), str(tmp_path / "dump.mjs")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert {frame["type"] for frame in frames} >= {
        "hello",
        "subscribe",
        "sync",
        "message",
        "batch",
        "read",
        "ping",
    }
    document = json.loads((ROOT / "docs" / "schemas.json").read_text(encoding="utf-8"))
    validator = jsonschema_rs.validator_for({"$ref": "#/$defs/ClientFrame", "$defs": document["$defs"]})
    for frame in frames:
        assert [error.message for error in validator.iter_errors(frame)] == []
