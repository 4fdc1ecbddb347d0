"""Loading the app as Lambda does: with the store connected to before the first event, and without the SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.raw_peer import RawPeer, raw_peer

ROOT = Path(__file__).parents[2]
PROGRAM = """
import gc, importlib, json, os, sys
importlib.import_module(os.environ["_HANDLER"].rpartition(".")[0])
from chalicelib import bootstrap
loaded = bootstrap.application.cache_info().currsize
found = bootstrap.application().stores.event_log.head("nowhere") if os.environ.get("ASK") else None
sdk = sorted(each for each in sys.modules if each in ("boto3", "botocore", "urllib3", "http.client", "jwt"))
if os.environ.get("PUBLISHING"):
    print(json.dumps(sorted(each for each in sys.modules if "publish" in each)))
    sys.exit()
if os.environ.get("WHAT"):
    import app
    names = ("chalicelib.edge.rest", "chalicelib.core.protocol.requests", "chalicelib.core.protocol.queries")
    print(json.dumps([len(app.app.routes) > 10, *(each in sys.modules for each in names)]))
    sys.exit()
print(json.dumps([gc.isenabled(), gc.get_freeze_count() > 0, loaded, found, sdk]))
"""
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "AWS_LAMBDA_FUNCTION_NAME": "chat",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "token",
    "CHAT_CONVERSATIONS_TABLE": "conversations",
    "CHAT_CONNECTIONS_TABLE": "connections",
    "CHAT_MANAGEMENT_ENDPOINT": "https://example.invalid/dev",
    "CHAT_JOB_QUEUE": "https://example.invalid/queue",
    "CHAT_JWT_SECRET": "a-secret-for-the-functional-tests",
}


@pytest.fixture
def store() -> Iterator[RawPeer]:
    with raw_peer() as peer:
        yield peer


def load(store: RawPeer, **more: str) -> list[Any]:
    environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL_DYNAMODB": store.url, **more}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["app", "message", "connect", "disconnect", "sweep", "worker"])
def test_init_phase_connects_to_the_store_without_a_request(store: RawPeer, name: str) -> None:
    assert load(store, _HANDLER=f"app.{name}") == [True, True, 1, None, []]
    assert len(store.connections) == 1
    assert store.requests == []


def test_first_event_uses_that_connection_and_no_sdk(store: RawPeer) -> None:
    assert load(store, _HANDLER="app.message", ASK="1") == [True, True, 1, None, []]
    assert [number for number, _, _ in store.requests] == [0]
    assert len(store.connections) == 1


@pytest.mark.parametrize("name", ["message", "connect", "disconnect", "sweep", "worker"])
def test_modules_for_http_are_loaded_for_http_only(store: RawPeer, name: str) -> None:
    assert load(store, _HANDLER="app.app", WHAT="1") == [True, True, True, True]
    assert load(store, _HANDLER=f"app.{name}", WHAT="1") == [False, False, False, False]


@pytest.mark.parametrize("setting", ["off", "on"])
def test_modules_of_published_events_are_not_loaded_for_a_message(store: RawPeer, setting: str) -> None:
    settings = {"CHAT_EVENTS": setting, "CHAT_DELIVERY_QUEUE": "https://example.invalid/deliveries"}
    assert load(store, _HANDLER="app.message", PUBLISHING="1", **settings) == []


def test_app_outside_of_lambda_has_all_handlers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import app; print(len(app.app.routes) > 10)"],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "_HANDLER": "app.message"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "True\n"


def test_authorizer_opens_no_connection(store: RawPeer) -> None:
    assert load(store, _HANDLER="chalicelib.edge.http.auth") == [True, False, 0, None, []]
    assert store.connections == []


def test_app_loads_despite_wrong_settings(store: RawPeer) -> None:
    assert load(store, _HANDLER="app.message", CHAT_CONVERSATIONS_TABLE="") == [True, True, 0, None, []]
    assert load(store, _HANDLER="app.message", AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9")[2] == 1
