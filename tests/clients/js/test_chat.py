"""The built JavaScript client on the local chat, over real sockets that are cut, and through a restart."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.js.node_tests import REPORTER, build, bundle, node, read_results
from tests.support.server import PATIENT_SETTINGS, ServerProcess, start_server

LIMITS = {**PATIENT_SETTINGS, "CHAT_LIMIT_MESSAGES_PER_SECOND": "1000", "CHAT_LIMIT_MESSAGE_BURST": "10000"}
LARGEST = {"index.js": 12_720, "conversations.js": 2_140, "indexed_db.js": 940}
"""Bytes of each entry point with gzip. A page loads the first before it can show anything."""
_IMPORT = re.compile(r'from"([^"]+)"')


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the built client, without types."""
    target = tmp_path_factory.mktemp("dist")
    build(target)
    return target


@pytest.mark.parametrize("name", LARGEST)
def test_entry_point_with_gzip_is_small_enough_for_the_first_route(built: Path, name: str) -> None:
    assert len(gzip.compress((built / name).read_bytes(), 9)) <= LARGEST[name]


def test_entry_points_import_nothing_but_the_first_one(built: Path) -> None:
    imports = {name: set(_IMPORT.findall((built / name).read_text(encoding="utf-8"))) for name in LARGEST}
    assert imports == {"index.js": set(), "conversations.js": {"./index.js"}, "indexed_db.js": set()}
    assert {path.name for path in built.iterdir()} == LARGEST.keys()


def start(directory: Path, name: str) -> ServerProcess:
    return start_server(directory / f"{name}.log", LIMITS, options=["--data", str(directory / "data")])


def test_two_participants_chat_over_cut_sockets_and_a_restart(built: Path, tmp_path: Path) -> None:
    bundle(Path(__file__).with_name("e2e_chat.ts"), tmp_path / "e2e.mjs")
    server = start(tmp_path, "first")
    environment = {
        "CHAT_CLIENT": str(built),
        "CHAT_HTTP_URL": server.ready["http_url"],
        "CHAT_WS_URL": server.ready["ws_url"],
        "CHAT_TOKENS": json.dumps({name: server.token(name, name.title(), 3600) for name in ("alice", "bob")}),
    }
    version = subprocess.run([str(node()), "--version"], capture_output=True, text=True, check=True).stdout
    experimental = ["--experimental-websocket"] if version < "v22" else []
    options = ["--enable-source-maps", "--no-warnings", f"--test-reporter={REPORTER}"]
    command = [
        str(node()),
        *experimental,
        *options,
        "--test-reporter-destination=stderr",
        str(tmp_path / "e2e.mjs"),
    ]
    results_file = tmp_path / "results"
    with (
        results_file.open("wb") as results,
        subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=results,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            if line == "STOP\n":
                server.stop()
                answer: object = None
            elif line == "START\n":
                server = start(tmp_path, "second")
                answer = dict(server.ready)
            else:
                continue
            process.stdin.write(json.dumps(answer) + "\n")
            process.stdin.flush()
    server.stop()
    output = results_file.read_text(encoding="utf-8")
    problems = read_results(output)
    assert {name: problem for name, problem in problems.items() if problem} == {}
    assert len(problems) == 9, output
