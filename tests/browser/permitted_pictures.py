"""A server of pictures, and a page that permits them."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page

from bench.certificates import make
from infra.web.config import PageConfig, development_identity
from local.event_loop import LoopThread
from local.gateway.ports import listen
from local.web.page_build import PageBuild
from local.web.page_server import PageServer
from scripts.web import DIST
from tests.browser.http_server import QuietHandler, served_by
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.server import ROOT

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@contextlib.contextmanager
def pictures(directory: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a picture by HTTPS, and nothing at `/absent.png`. Yield the origin and the requested paths."""
    requested: list[str] = []

    class Handler(QuietHandler):
        def get(self) -> None:
            requested.append(self.path)
            is_absent = "absent" in self.path
            status, picture = (404, b"") if is_absent else (200, PICTURE)
            self.answer(status, picture, ("Content-Type", "image/png"))

    certificate = make(directory, authority="Pictures").server_context()
    with served_by(Handler, certificate) as origin:
        yield origin, requested


@contextlib.contextmanager
def page_with_pictures(browser: Browser, chat: WebChat, user: str, origin: str) -> Iterator[Page]:
    """Open the page as a user, with the setting that permits pictures from an origin."""
    config = PageConfig(
        chat.endpoint.http_url, chat.endpoint.ws_url, development_identity({user: user}), image_origins=[origin]
    )
    (listener,) = listen([0])
    loop = LoopThread("page")
    server = PageServer(ROOT / DIST, PageBuild(ROOT / DIST), config, chat.settings, {user: "Alice"})
    loop.run(server.start(listener), 10)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    watch = Watch({*chat.origins(), url.rstrip("/"), origin})
    watch.expect("404")
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    watch.add(page)
    try:
        page.goto(f"{url}#as={user}")
        yield page
        assert watch.problems() == []
    finally:
        context.close()
        loop.run(server.stop(), 10)
        loop.stop()
