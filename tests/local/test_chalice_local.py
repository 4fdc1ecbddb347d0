"""`chalice local`, really started, serves the REST part of the chat over the store of the local cloud."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.settings import stage_environment
from local.tokens import mint
from tests.local.instance import PATIENCE, ROOT, Instances, call, get

CHALICE = Path(sys.executable).with_name("chalice")


@pytest.fixture
def project(tmp_path: Path, instances: Instances) -> Path:
    """The project as it is, but for the address of the store: `chalice local` takes it from the stage alone."""
    store = instances.start("store", "--store-port", "0")
    directory = tmp_path / "project"
    (directory / ".chalice").mkdir(parents=True)
    for name in ("app.py", "chalicelib"):
        (directory / name).symlink_to(ROOT / name)
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    config["stages"]["local"]["environment_variables"]["AWS_ENDPOINT_URL_DYNAMODB"] = store.ready["store_url"]
    (directory / ".chalice" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return directory


@contextlib.contextmanager
def chalice_local(project: Path) -> Iterator[str]:
    """Runs `chalice local` and yields its URL. It cannot choose a port: where one is taken, another is tried."""
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        process = subprocess.Popen(
            [CHALICE, "local", "--stage", "local", "--no-autoreload", "--port", port],
            cwd=project,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            if "Serving on" in process.stdout.readline():
                yield f"http://127.0.0.1:{port}"
                return
            errors = process.communicate(timeout=PATIENCE)[1]
            assert "Address already in use" in errors, errors
        finally:
            process.kill()
            process.communicate()
    pytest.fail("no port was free five times in a row")


def test_it_answers_health_takes_tokens_and_keeps_a_conversation(project: Path) -> None:
    alice = mint("alice", "Alice", secret=stage_environment()["CHAT_JWT_SECRET"])
    with chalice_local(project) as url:
        status, health = get(f"{url}/health")
        assert (status, health["status"]) == (200, "ok")
        assert get(f"{url}/conversations")[0] == 401

        status, conversation = call("POST", f"{url}/conversations", alice, {"title": "Over Chalice alone"})
        assert status == 201
        address = f"{url}/conversations/{conversation['conversation_id']}"
        # There is no gateway: nobody is connected, and nothing has to be pushed.
        assert call("POST", f"{address}/messages", alice, {"content": "hello"})[0] == 201
        status, found = get(address, alice)
        assert (status, [each["content"] for each in found["messages"]]) == (200, ["hello"])
