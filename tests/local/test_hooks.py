"""The hook of a local run: a Python callable behind the Lambda API."""

from __future__ import annotations

import inspect
import os
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from chalicelib.aws import clients
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.ports.hooks import HookFailed
from local.errors import LocalError
from local.hooks import HOOK_ENDPOINT, hook_function, serving_hook


def echo(event: Any, context: None) -> Any:
    return event


def delays_small_writes(event: Any, context: None) -> bool:
    """Return whether the connection of this call uses Nagle's algorithm."""
    frame = inspect.currentframe()
    while frame is not None:
        handler = frame.f_locals.get("self")
        if isinstance(handler, BaseHTTPRequestHandler):
            return not handler.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        frame = frame.f_back
    raise LookupError


def fail(event: Any, context: None) -> Any:
    raise ValueError(event)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")


def ask(name: str, request: Any) -> Any:
    with serving_hook(name, os.environ):
        return clients.hook(name, "eu-west-1", SystemClock(), 5.0).ask(request, 5.0)


def test_callable_is_called_like_a_function() -> None:
    assert ask(f"{__name__}:echo", {"version": 1}) == {"version": 1}
    assert HOOK_ENDPOINT not in os.environ


def test_error_of_the_callable_is_that_of_a_function(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(f"{__name__}:fail", {"version": 1})["errorType"] == "ValueError"
    assert "ValueError" in capsys.readouterr().err


def test_another_path_is_not_found() -> None:
    with serving_hook(f"{__name__}:echo", os.environ):
        os.environ[HOOK_ENDPOINT] += "/another"
        hook = clients.hook("hook", "eu-west-1", SystemClock(), 5.0)
        with pytest.raises(HookFailed, match="404"):
            hook.ask({}, 5.0)


def test_run_without_a_hook_serves_nothing() -> None:
    with serving_hook(None, os.environ):
        assert HOOK_ENDPOINT not in os.environ


@pytest.mark.parametrize("name", ["no-callable", "os", "os:", "os:nothing", "no.such.module:ask"])
def test_name_that_is_not_a_callable_is_reported(name: str) -> None:
    with pytest.raises(LocalError, match="CHAT_HOOK"):
        hook_function(name)


def test_body_of_an_answer_does_not_wait_for_the_acknowledgement_of_its_headers() -> None:
    """Without TCP_NODELAY, it waits for 40 ms."""
    assert ask(f"{__name__}:delays_small_writes", {}) is False
