"""`chalice local` serves the REST API of the chat with the built-in store."""

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
from tests.local.instance import ROOT, TIMEOUT, Instances, call, get

CHALICE = Path(sys.executable).with_name("chalice")


@pytest.fixture
def project(tmp_path: Path, instances: Instances) -> Path:
    """A copy of the project whose stage has the store's URL: `chalice local` reads it only from there."""
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
    """Run `chalice local` and yield its URL; try another port if one is in use, as it cannot choose one."""
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
            errors = process.communicate(timeout=TIMEOUT)[1]
            assert "Address already in use" in errors, errors
        finally:
            process.kill()
            process.communicate()
    pytest.fail("no port was free five times in a row")


def test_chalice_local_authenticates_and_stores_a_conversation(project: Path) -> None:
    alice = mint("alice", "Alice", secret=stage_environment()["CHAT_JWT_SECRET"])
    with chalice_local(project) as url:
        status, health = get(f"{url}/health")
        assert (status, health["status"]) == (200, "ok")
        assert get(f"{url}/conversations")[0] == 401

        status, conversation = call("POST", f"{url}/conversations", alice, {"title": "Over Chalice alone"})
        assert status == 201
        address = f"{url}/conversations/{conversation['conversation_id']}"
        # Without a gateway there are no connections, so nothing is pushed.
        assert call("POST", f"{address}/messages", alice, {"content": "hello"})[0] == 201
        status, conversation = get(address, alice)
        assert (status, [message["content"] for message in conversation["messages"]]) == (200, ["hello"])
