"""The WebSocket connection between a page and the chat, with a test in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute


class Relay:
    """Relays what a page and the chat send each other, and can hold requests back or end the connection."""

    def __init__(self, *held_types: str) -> None:
        self.held_types = set(held_types)
        """The types of requests that are held back until `release`."""
        self.is_answering = True
        """Whether connections reach the chat; otherwise nothing answers them."""
        self._held: list[Callable[[], None]] = []
        self._route: WebSocketRoute | None = None

    def attach(self, page: Page) -> None:
        """Relay the connections of a page. To be called before it loads."""
        page.route_web_socket(lambda url: True, self._connected)

    @property
    def held(self) -> int:
        """The number of requests that are held back."""
        return len(self._held)

    def release(self) -> None:
        """Let the requests go on that are held back, and those to come."""
        self.held_types.clear()
        for send in self._held:
            send()
        self._held.clear()

    def send(self, **frame: Any) -> None:
        """Send a frame to the page, in the name of the chat."""
        assert self._route is not None
        self._route.send(json.dumps(frame))

    def end(self) -> None:
        """End the connection. The page opens another one."""
        assert self._route is not None
        self._route.close()

    def cut(self) -> None:
        """End the connection; nothing answers the next ones."""
        self.is_answering = False
        self.end()

    def _connected(self, route: WebSocketRoute) -> None:
        self._route = route
        if not self.is_answering:
            route.on_message(lambda message: None)
            return
        server = route.connect_to_server()

        def sent(message: str | bytes) -> None:
            if json.loads(message).get("type") in self.held_types:
                self._held.append(lambda: server.send(message))
            else:
                server.send(message)

        route.on_message(sent)
