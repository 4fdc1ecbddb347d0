"""The hook of a run: a Python callable in this process, called by the Lambda API like a deployed function.

`CHAT_HOOK=module:function` names it, or `--hook`. The callable gets an event and no context, and returns the
answer, so that it can be deployed as it is. Its module is found as by `python -m`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.errors import LocalError

HOOK, HOOK_ENDPOINT = "CHAT_HOOK", "AWS_ENDPOINT_URL_LAMBDA"
POLL_SECONDS = 0.02  # in which the end of a run is noticed
_INVOCATION = re.compile(r"/2015-03-31/functions/[^/]+/invocations")
_CALLABLE = re.compile(r"[\w.]+:[\w.]+")
HookFunction = Callable[[Any, Any], Any]


@contextlib.contextmanager
def serving_hook(name: str | None, environment: MutableMapping[str, str]) -> Iterator[None]:
    """Serve the callable with a name, if there is one, and name its endpoint in the environment.

    Raises LocalError.
    """
    if not name:
        yield
        return
    server = _Server(hook_function(name))
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True, name="hook")
    thread.start()
    environment[HOOK_ENDPOINT] = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield
    finally:
        environment.pop(HOOK_ENDPOINT, None)
        server.shutdown()
        server.server_close()


def hook_function(name: str) -> HookFunction:
    """Return the callable with a name like `package.module:function`. Raises LocalError."""
    if not _CALLABLE.fullmatch(name):
        raise LocalError(
            f"{HOOK} must name a Python callable as module:function, such as examples.product.hook:ask."
        )
    module, _, attribute = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module), attribute, None)
    except Exception as error:
        raise LocalError(f"{HOOK}: {module} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise LocalError(f"{HOOK}: {module} has no callable {attribute}.")
    found: HookFunction = function
    return found


class _Server(ThreadingHTTPServer):
    """The operation Invoke of the Lambda API, on loopback."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, function: HookFunction) -> None:
        super().__init__(("127.0.0.1", 0), _Invocation)
        self.function = function


class _Invocation(BaseHTTPRequestHandler):
    """One connection of a caller."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body, a second write, would wait 40 ms for a delayed ACK
    server: _Server

    def do_POST(self) -> None:
        """Answer an invocation, as Lambda does if the function raises."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not _INVOCATION.fullmatch(self.path):
            self._answer(404, {"Type": "User", "message": "Function not found"})
            return
        try:
            answer = json.dumps(self.server.function(json.loads(body), None))
        except Exception as error:  # noqa: BLE001 — that of the product, as Lambda reports it
            traceback.print_exc()
            answer = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
            self._send(200, answer, ("X-Amz-Function-Error", "Unhandled"))
        else:
            self._send(200, answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — as the base class has it
        """Log nothing."""

    def _answer(self, status: int, content: Any) -> None:
        self._send(status, json.dumps(content))

    def _send(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        data = text.encode()
        with contextlib.suppress(OSError):  # the caller may have given up
            self.send_response(status)
            for name, value in (("Content-Type", "application/json"), *headers):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
