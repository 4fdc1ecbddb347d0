"""A socket in a terminal keeps itself heard, and tells why it ended."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from local.errors import LocalError
from local.listen import ListenOptions, run
from tests.local.instance import PATIENCE

Talk = Callable[[ServerConnection], None]


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """A WebSocket server on this machine that talks like this to whoever comes; its URL."""
    with serve(talk, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{running.socket.getsockname()[1]}"
        finally:
            running.shutdown()
            thread.join()


def listening(url: str, *conversations: str) -> ListenOptions:
    return ListenOptions("http://127.0.0.1:1", url, "a-token", conversations)


def test_it_says_hello_with_its_token_and_pings_within_the_interval_although_much_is_going_on() -> None:
    heard = []

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        heard.append(connection.request.headers["Authorization"])
        heard.append(json.loads(connection.recv(timeout=PATIENCE)))
        connection.send('{"type":"welcome","ping_interval":0.2}')
        for number in range(1000):
            connection.send(json.dumps({"type": "typing", "number": number}))
            try:
                heard.append(json.loads(connection.recv(timeout=0.02)))
            except TimeoutError:
                continue
            break
        connection.close(4000)

    out = io.StringIO()
    with server(talk) as url:
        run(listening(url, "conv_1", "conv_2"), out)
    hello = {"type": "hello", "subscribe": [{"conversation_id": "conv_1"}, {"conversation_id": "conv_2"}]}
    assert heard == ["Bearer a-token", hello, {"type": "ping"}]
    lines = out.getvalue().splitlines()
    assert lines[:2] == ['{"type":"welcome","ping_interval":0.2}', '{"type": "typing", "number": 0}']
    assert lines[-1] == "The server closed the socket (code 4000)."


def test_a_refused_handshake_is_told_with_its_status() -> None:
    def talk(_connection: ServerConnection) -> None:
        raise AssertionError("nobody was let in")

    with serve(talk, "127.0.0.1", 0, process_request=lambda each, _: each.respond(401, "")) as refusing:
        thread = threading.Thread(target=refusing.serve_forever)
        thread.start()
        url = f"ws://127.0.0.1:{refusing.socket.getsockname()[1]}"
        with pytest.raises(LocalError, match="refused the connection with status 401"):
            run(listening(url, "conv_1"), io.StringIO())
        refusing.shutdown()
        thread.join()
