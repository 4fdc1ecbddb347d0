"""The choices of a user for this device: the participant of the local cloud, the appearance, the language."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.support.client import TestClient

People = Callable[[str], TestClient]
pytestmark = whole_only


def settings(page: Page, label: str, item: str) -> None:
    """Choose an item of the settings, whose button has a label."""
    page.get_by_role("button", name=label).click()
    page.get_by_role("menuitemradio", name=item).click()


def test_click_on_the_switcher_opens_the_page_as_another_participant(people: People, open_page: OpenPage) -> None:
    people("alice").create_conversation("Switched by click", [people("bob")])
    people("alice").create_conversation("Without Bob")
    page, other = open_page("alice"), open_page("alice")
    expect(page.get_by_role("button", name="Without Bob")).to_be_visible()
    switcher = page.get_by_role("navigation", name="Participant")
    switcher.get_by_role("link", name="Bob").click()
    expect(switcher.get_by_role("link", name="Bob")).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Switched by click").click()
    expect(page.get_by_role("button", name="Without Bob")).to_have_count(0)
    page.reload()
    expect(switcher.get_by_role("link", name="Bob")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("heading", name="Switched by click")).to_be_visible()
    # The other window is still Alice's, also after a reload.
    other.reload()
    expect(other.get_by_role("button", name="Without Bob")).to_be_visible()


def test_theme_and_language_are_kept_after_a_reload(people: People, open_page: OpenPage) -> None:
    people("alice-e1").create_conversation("Any")
    page = open_page("alice-e1", color_scheme="light")
    frame = page.locator(".frame")
    expect(frame).to_be_visible()
    color = "element => getComputedStyle(element).color"
    light = frame.evaluate(color)
    settings(page, "Settings", "Dark")
    expect(frame).not_to_have_css("color", light)
    dark = frame.evaluate(color)
    settings(page, "Settings", "Deutsch")
    for attempt in ("now", "after a reload"):
        expect(page.get_by_role("heading", name="Unterhaltungen")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(frame).to_have_css("color", dark)
        page.get_by_role("button", name="Einstellungen").click()
        for name in ("Dunkel", "Deutsch"):
            checked = page.get_by_role("menuitemradio", name=name)
            expect(checked).to_have_attribute("aria-checked", "true")
        page.keyboard.press("Escape")
        if attempt == "now":
            page.reload()
    settings(page, "Einstellungen", "System")
    settings(page, "Einstellungen", "English")
    page.reload()
    expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
    expect(frame).to_have_css("color", light)
    page.emulate_media(color_scheme="dark")
    expect(frame).to_have_css("color", dark)


def test_user_is_told_when_the_browser_denies_notifications(people: People, open_page: OpenPage) -> None:
    people("alice-e2").create_conversation("Quiet")
    page = open_page("alice-e2", permissions=[])  # denies all that are not listed
    expect(page.get_by_role("button", name=re.compile("^Quiet"))).to_be_visible()
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("menuitem", name="Enable notifications").click()
    blocked = "Notifications are blocked in the settings of the browser."
    expect(page.locator(".toast")).to_contain_text(blocked)
    expect(page.get_by_role("status").filter(has_text=blocked)).to_be_visible()
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_role("menuitem", name="Enable notifications")).to_be_visible()


def test_address_that_is_not_encoded_rightly_opens_the_page_all_the_same(
    people: People, open_page: OpenPage
) -> None:
    people("alice-e3").create_conversation("Quiet")
    page = open_page("alice-e3")
    row = page.get_by_role("button", name=re.compile("^Quiet"))
    expect(row).to_be_visible()
    address = page.url.partition("#")[0]
    page.goto("about:blank")
    page.goto(f"{address}#as=%ZZ")
    expect(row).to_be_visible()
