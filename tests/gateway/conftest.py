"""Fixtures that start gateways and clients, and close them after each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as ws_connect

from local.gateway import Apis, Gateway, GatewaySettings, WebSocketApi

from .support import DEADLINE, ManualClock

Serve = Callable[..., Gateway]
Connect = Callable[..., ClientConnection]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes what a test has opened, in reverse order."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test advances."""
    return ManualClock()


@pytest.fixture
def serve(stack: ExitStack) -> Serve:
    """Starts a gateway for a WebSocket API (or for ``Apis``) with settings given by name."""

    def start(
        apis: Any, *, clock: Any = None, ids: Any = None, access_log: Any = None, **settings: Any
    ) -> Gateway:
        if isinstance(apis, WebSocketApi):
            apis = Apis(websocket=apis)
        options = {} if access_log is None else {"access_log": access_log}
        gateway = Gateway(apis, GatewaySettings(**settings), clock=clock, ids=ids, **options)
        return stack.enter_context(gateway)

    return start


@pytest.fixture
def connect(stack: ExitStack) -> Connect:
    """Opens a WebSocket connection, without the library's own pings."""

    def open_socket(url: str, **options: Any) -> ClientConnection:
        defaults: dict[str, Any] = {
            "open_timeout": DEADLINE,
            "close_timeout": DEADLINE,
            "ping_interval": None,
            "max_queue": None,
        }
        connection: ClientConnection = stack.enter_context(ws_connect(url, **{**defaults, **options}))
        return connection

    return open_socket
