"""Loading the app as Lambda does: with the store connected to before the first event, and without the SDK."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.raw_peer import raw_peer

ROOT = Path(__file__).parents[2]
PROGRAM = """
import gc, importlib, json, os, sys
importlib.import_module(os.environ["_HANDLER"].rpartition(".")[0])
loaded = set(sys.modules)
from chalicelib import bootstrap
built = bootstrap.application.cache_info().currsize
found = bootstrap.application().stores.event_log.head("nowhere") if os.environ.get("ASK") else None
app = sys.modules.get("app")
print(json.dumps({
    "collects": gc.isenabled(),
    "frozen": gc.get_freeze_count() > 0,
    "built": built,
    "found": found,
    "routes": app is not None and len(app.app.routes) > 10,
    "modules": sorted(loaded | set(sys.modules)),
}))
"""
SDK = {"boto3", "botocore", "urllib3", "http.client", "jwt"}
FOR_HTTP = {"chalicelib.edge.rest", "chalicelib.core.protocol.requests", "chalicelib.core.protocol.queries"}
BUILT = "pydantic.plugin._schema_validator"
MODEL_BUILDING = {BUILT, "importlib.metadata"}
"""Modules that building a model loads; only the loader of plugins needs the latter."""
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


@dataclass(frozen=True)
class Loaded:
    """A process after the init phase."""

    collects: bool
    frozen: bool
    built: int
    found: Any
    routes: bool
    modules: frozenset[str]
    connections: int
    """The connections to the store."""
    requests: int


def load(handler: str, **more: str) -> Loaded:
    with raw_peer() as store:
        environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL_DYNAMODB": store.url, "_HANDLER": handler, **more}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        found["modules"] = frozenset(found["modules"])
        return Loaded(**found, connections=len(store.connections), requests=len(store.requests))


@functools.cache
def loaded(handler: str) -> Loaded:
    """Return a process with the variables of the template, which several tests look at."""
    return load(handler, PYDANTIC_DISABLE_PLUGINS="__all__")


@pytest.mark.parametrize("name", ["app", "message", "connect", "disconnect", "sweep", "worker"])
def test_init_phase_connects_to_the_store_without_a_request(name: str) -> None:
    process = loaded(f"app.{name}")
    assert (process.collects, process.frozen, process.built) == (True, True, 1)
    assert (process.connections, process.requests) == (1, 0)
    assert not SDK & process.modules


def test_first_event_uses_that_connection_and_no_sdk() -> None:
    process = load("app.message", ASK="1")
    assert (process.built, process.found) == (1, None)
    assert (process.connections, process.requests) == (1, 1)
    assert not SDK & process.modules


@pytest.mark.parametrize("name", ["message", "connect", "disconnect", "sweep", "worker"])
def test_modules_for_http_are_loaded_for_http_only(name: str) -> None:
    http, other = loaded("app.app"), loaded(f"app.{name}")
    assert http.routes and http.modules >= FOR_HTTP
    assert not other.routes and not other.modules & FOR_HTTP


@pytest.mark.parametrize("name", ["app", "message"])
def test_first_model_is_built_without_the_loader_of_plugins(name: str) -> None:
    assert loaded(f"app.{name}").modules & MODEL_BUILDING == {BUILT}


def test_plugins_are_looked_for_if_they_are_not_disabled() -> None:
    assert load("app.message").modules >= MODEL_BUILDING


def test_modules_for_a_hook_are_loaded_with_a_hook_only() -> None:
    usual, hooked = loaded("app.message").modules, load("app.message", CHAT_HOOK="chat-hook").modules
    assert not [name for name in usual if "hook" in name or "screening" in name]
    assert {"chalicelib.aws.lambda_hook", "chalicelib.core.messaging.screening"} <= hooked
    assert not hooked & FOR_HTTP


@pytest.mark.parametrize("setting", ["off", "on"])
def test_modules_of_published_events_are_not_loaded_for_a_message(setting: str) -> None:
    settings = {"CHAT_EVENTS": setting, "CHAT_DELIVERY_QUEUE": "https://example.invalid/deliveries"}
    assert not [name for name in load("app.message", **settings).modules if "publish" in name]


def test_app_outside_of_lambda_has_all_handlers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import app; print(len(app.app.routes) > 10)"],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "_HANDLER": "app.message"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "True\n"


def test_authorizer_opens_no_connection() -> None:
    process = loaded("chalicelib.edge.http.auth")
    assert (process.collects, process.frozen, process.built, process.connections) == (True, False, 0, 0)
    assert not SDK & process.modules


def test_app_loads_despite_wrong_settings() -> None:
    assert load("app.message", CHAT_CONVERSATIONS_TABLE="").built == 0
    assert load("app.message", AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9").built == 1
