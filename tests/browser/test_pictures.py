"""Pictures of participants: from the origins that the page permits, and from no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import OpenPage
from tests.browser.permitted_pictures import page_with_pictures, pictures
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]


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
