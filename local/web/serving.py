"""The web page of an instance: its port is bound first, and its server starts when the chat is up."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping

from infra.web.config import PageConfig, development_identity
from local.banner import DEMO_USERS
from local.errors import LocalError
from local.event_loop import LoopThread
from local.gateway.ports import HOST, listen
from local.settings import ROOT
from local.web.page_build import PageBuild
from local.web.page_server import PageServer

DIST = ROOT / "web" / "dist"
START_SECONDS = 10.0
STOP_SECONDS = 5.0


@contextlib.contextmanager
def bound(port: int) -> Iterator[socket.socket]:
    """Bind the page's port (0: any free port) for the context. Raises LocalError."""
    try:
        (listener,) = listen([port])
    except OSError as error:
        raise LocalError(
            f"The web page's port {port} on {HOST} cannot be used ({os.strerror(error.errno or 0)}). Choose"
            " another with --web-port (0: any free port)."
        ) from None
    with listener:
        yield listener


def web_url(listener: socket.socket) -> str:
    """Return the address of the page."""
    return f"http://{HOST}:{listener.getsockname()[1]}/"


@contextlib.contextmanager
def serving(
    listener: socket.socket, http_url: str, ws_url: str, settings: Mapping[str, str], *, build: bool
) -> Iterator[PageBuild]:
    """Serve the page of a chat for the context; with `build`, build it beside the chat if it is stale."""
    page = PageBuild(DIST)
    config = PageConfig(http_url, ws_url, development_identity(DEMO_USERS))
    loop, server = LoopThread("web"), PageServer(DIST, page, config, settings, DEMO_USERS)
    try:
        if build and not _is_built():
            page.start()
        loop.run(server.start(listener), START_SECONDS)
        yield page
    finally:
        page.stop()
        try:
            loop.run(server.stop(), STOP_SECONDS)
        finally:
            loop.stop()


def _is_built() -> bool:
    from scripts.web import is_built  # noqa: PLC0415  (only `make run` asks for it)

    return is_built(ROOT)
