"""The page without a mouse, on a phone, with other wishes and in German."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Route, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.states.everything import everything
from tests.browser.states.model import Stages
from tests.browser.states.variants import PHONE
from tests.browser.watching import Watch
from tests.support.client import TestClient

People = Callable[[str], TestClient]
LATE_FRAMES = "requestAnimationFrame = (run) => setTimeout(() => run(performance.now()), 150);"
"""A script that lets animation frames come late, as on a busy machine."""

POSIX_LANGUAGE = """Object.defineProperty(navigator, "languages", { get: () => ["de@posix", "de-DE"] })"""
"""A script that adds an invalid tag, as Chromium reports it under some locales of the system."""


@whole_only
def test_motion_and_contrast_are_those_that_the_user_wants(people: People, open_page: OpenPage) -> None:
    alice = people("alice-contrast")
    page = open_page("alice-contrast", f"/c/{alice.create_conversation('Wishes')}")
    box, faint = page.locator(".composer-box"), page.locator(".conversation-members")
    expect(box).not_to_have_css("transition-duration", "0s")
    usual = faint.evaluate("element => getComputedStyle(element).color")
    page.emulate_media(reduced_motion="reduce", contrast="more")
    expect(box).to_have_css("transition-duration", "0s")
    expect(faint).not_to_have_css("color", usual)
    page.emulate_media(forced_colors="active")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.locator(".conversation[aria-current]")).to_have_css("outline-style", "solid")


def test_phone_shows_the_list_or_the_conversation_without_violations(stages: Stages) -> None:
    page = everything(stages("xphone"), viewport=PHONE, has_touch=True).page
    expect(page.get_by_role("navigation", name="Conversations")).to_be_hidden()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == 360
    assert violations(page) == []
    page.get_by_role("button", name="Back to the list").click()
    expect(page.get_by_role("navigation", name="Conversations")).to_be_visible()
    assert violations(page) == []
    page.go_back()
    expect(page.get_by_role("textbox", name="Message Everything")).to_be_visible()


def test_keys_open_write_answer_react_edit_and_delete(people: People, open_page: OpenPage, watch: Watch) -> None:
    alice, bob = people("alice-k1"), people("bob-k1")
    alice.create_conversation("First", [bob])
    second = alice.create_conversation("Second", [bob])
    bob.post_message(second, "a question")
    page = open_page("alice-k1", script=LATE_FRAMES)
    expect(page.get_by_role("button", name=re.compile("Second"))).to_be_visible()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
    expect(page.get_by_role("article").last).to_contain_text("a question")
    page.keyboard.press("i")
    page.keyboard.type("an answer")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").last).to_contain_text("an answer")
    page.keyboard.press("Shift+Tab")
    while not page.evaluate(
        "document.querySelector('serverless-chat').shadowRoot.activeElement.matches('article')"
    ):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("r")
    expect(page.get_by_text("Replying to Bob")).to_be_visible()
    page.keyboard.type("a reply")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").last).to_contain_text("a reply")
    page.keyboard.press("ArrowUp")
    page.keyboard.type(", edited")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").last).to_contain_text("a reply, edited")
    page.keyboard.type("@B")
    expect(page.get_by_role("option", name="Bob")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type("and you?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").last).to_contain_text("@Bob and you?")
    expect(page.locator(".pending")).to_have_count(0)
    page.get_by_role("article").last.focus()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/characters-*.js", hold)
    with page.expect_request("**/characters-*.js"):
        page.keyboard.press("+")
    page.get_by_role("searchbox", name="Search emoji").wait_for()
    page.keyboard.type("party popper")
    page.keyboard.press("Enter")
    for route in held:
        route.continue_()
    expect(page.get_by_role("button", name="🎉 1: You")).to_be_visible()
    page.get_by_role("article").last.focus()
    page.keyboard.press("Delete")
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").last).to_contain_text("This message was deleted.")
    expect(page.get_by_role("article").last).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.get_by_role("toolbar").get_by_role("button", name="More actions").press("Enter")
    page.keyboard.press("D")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    expect(page.get_by_role("article").nth(-2)).to_contain_text("This message was deleted.")
    expect(page.get_by_role("article").nth(-2)).to_be_focused()


def test_german_interface_has_no_english_left(people: People, open_page: OpenPage) -> None:
    alice = people("alice-de")
    created = alice.create_conversation("Everything")
    alice.edit_message(created, alice.post_message(created, "Guten Tag")["sequence_id"], "Guten Morgen")
    page = open_page("alice-de", f"/c/{created}", script=POSIX_LANGUAGE, locale="de-DE")
    expect(page.get_by_role("textbox", name="Nachricht an Everything")).to_be_visible()
    expect(page.get_by_role("heading", name="Unterhaltungen")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    expect(page.get_by_text("(bearbeitet)")).to_be_visible()
