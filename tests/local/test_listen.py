"""`listen` pings within the server's interval and reports why the connection ended."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from local.errors import LocalError
from local.listen import ListenOptions, run
from tests.local.instance import TIMEOUT

Script = Callable[[ServerConnection], None]


@contextmanager
def server(script: Script) -> Iterator[str]:
    """Run a WebSocket server that executes a script per connection; yield its URL."""
    with serve(script, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{running.socket.getsockname()[1]}"
        finally:
            running.shutdown()
            thread.join()


def listen_options(url: str, *conversations: str) -> ListenOptions:
    return ListenOptions("http://127.0.0.1:1", url, "a-token", conversations)


def test_listen_sends_hello_with_its_token_and_pings_under_traffic() -> None:
    received = []

    def script(connection: ServerConnection) -> None:
        assert connection.request is not None
        received.append(connection.request.headers["Authorization"])
        received.append(json.loads(connection.recv(timeout=TIMEOUT)))
        connection.send('{"type":"welcome","ping_interval":0.2}')
        for number in range(1000):
            connection.send(json.dumps({"type": "typing", "number": number}))
            try:
                received.append(json.loads(connection.recv(timeout=0.02)))
            except TimeoutError:
                continue
            break
        connection.close(4000)

    out = io.StringIO()
    with server(script) as url:
        run(listen_options(url, "conv_1", "conv_2"), out)
    hello = {"type": "hello", "subscribe": [{"conversation_id": "conv_1"}, {"conversation_id": "conv_2"}]}
    assert received == ["Bearer a-token", hello, {"type": "ping"}]
    lines = out.getvalue().splitlines()
    assert lines[:2] == ['{"type":"welcome","ping_interval":0.2}', '{"type": "typing", "number": 0}']
    assert lines[-1] == "The server closed the connection (code 4000)."


def test_listen_writes_no_control_characters() -> None:
    content = "red \x9b31m, bell \x7f, \u202eleft\u2028, e\u0301 👍"
    frame = json.dumps({"type": "event", "content": content}, ensure_ascii=False)

    def script(connection: ServerConnection) -> None:
        connection.recv(timeout=TIMEOUT)
        connection.send(frame)
        connection.recv(timeout=0.01)
        connection.close()

    out = io.StringIO()
    with server(script) as url:
        run(listen_options(url, "conv_1"), out)
    printed = out.getvalue().splitlines()[0]
    assert json.loads(printed)["content"] == content
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u202e]", printed)
    assert "e\u0301 👍" in printed, "everything else is printed as it is"


def test_rejected_handshake_is_reported_with_its_status() -> None:
    def script(_connection: ServerConnection) -> None:
        raise AssertionError("a rejected connection was opened")

    with serve(script, "127.0.0.1", 0, process_request=lambda peer, _: peer.respond(401, "")) as rejecting:
        thread = threading.Thread(target=rejecting.serve_forever)
        thread.start()
        url = f"ws://127.0.0.1:{rejecting.socket.getsockname()[1]}"
        with pytest.raises(LocalError, match="rejected the connection with status 401"):
            run(listen_options(url, "conv_1"), io.StringIO())
        rejecting.shutdown()
        thread.join()
