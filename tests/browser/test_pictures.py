"""Pictures of participants: from the origins that the page permits, and from no other."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from bench.certificates import make
from infra.web.config import PageConfig, development_identity
from local.event_loop import LoopThread
from local.gateway.ports import listen
from local.web.page_build import PageBuild
from local.web.page_server import PageServer
from scripts.web import DIST
from tests.browser.conftest import OpenPage
from tests.browser.http_server import QuietHandler, served_by
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient
from tests.support.server import ROOT

People = Callable[[str], TestClient]
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


def test_pictures_are_shown_from_the_permitted_origins_only(
    people: People, open_page: OpenPage, browser: Browser, web_chat: WebChat, tmp_path: Path
) -> None:
    alice, bob, carol, dan = (people(f"{name}-a1") for name in ("alice", "bob", "carol", "dan"))
    team = alice.create_conversation("Team", [bob, carol, dan])
    with pictures(tmp_path / "one") as (permitted, requested), pictures(tmp_path / "two") as (other, unwanted):
        urls = {bob: f"{permitted}/bob.png", carol: f"{other}/c.png", dan: f"{permitted}/absent.png"}
        for person, url in urls.items():
            person.put("/me/profile", {"name": person.name, "avatar_url": url}).expect(200)
            person.post_message(team, f"from {person.name}")
        bob.put(f"/direct?participant_id={alice.id}", {}).expect(201)
        with page_with_pictures(browser, web_chat, alice.id, permitted) as page:
            direct = page.get_by_role("button", name="Bob").first
            expect(direct.locator("img")).to_have_js_property("naturalWidth", 1)
            page.get_by_role("button", name="Team").click()
            expect(page.get_by_role("article").last).to_contain_text("from Dan")

            def row(name: str) -> str:
                return f'article:has-text("from {name}") .gutter .avatar'

            expect(page.locator(f"{row('Bob')} img")).to_have_js_property("naturalWidth", 1)
            expect(page.locator(f"{row('Carol')} img")).to_have_count(0)
            expect(page.locator(row("Carol"))).to_have_text("C")
            expect(page.locator(f"{row('Dan')} img")).to_be_hidden()
            expect(page.locator(row("Dan"))).to_have_text("D")
            page.get_by_role("button", name="Members", exact=True).click()
            expect(page.locator(".member img")).to_have_count(2)
            page.get_by_role("button", name="Settings").click()
            page.get_by_role("menuitem", name="Profile").click()
            expect(page.get_by_role("dialog")).to_contain_text(f"Pictures are shown from {permitted}")
            page.get_by_role("textbox", name="Address of your picture").fill(f"{permitted}/alice.png")
            page.get_by_role("button", name="Save").click()
            expect(page.locator(".member img")).to_have_count(3)
            own = page.locator(".member img[src$='/alice.png']")
            expect(own).to_have_js_property("naturalWidth", 1)  # so it has been requested
        assert set(requested) == {"/bob.png", "/absent.png", "/alice.png"}
        requested.clear()

        page = open_page(alice.id, f"/c/{team}")
        expect(page.get_by_role("article").last).to_contain_text("from Dan")
        page.get_by_role("button", name="Members", exact=True).click()
        expect(page.locator(".member")).to_have_count(4)
        expect(page.locator(".avatar img")).to_have_count(0)
        expect(page.locator(".member .avatar").first).to_have_text("A")
        assert (requested, unwanted) == ([], [])
