"""The page by the keyboard alone: no test of this file clicks."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.acting import field, message
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.support.client import TestClient

People = Callable[[str], TestClient]
pytestmark = whole_only
_MAX_TABS = 60
_FOCUSED = "element => element.getRootNode().activeElement === element"


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press a key until an element has the focus."""
    for _ in range(_MAX_TABS):
        if target.evaluate(_FOCUSED):
            return
        page.keyboard.press(key)
    raise AssertionError(f"no focus on {target} after {_MAX_TABS} times {key}")


def test_conversation_is_created_by_keys(people: People, open_page: OpenPage) -> None:
    people("bob-b1").create_conversation("Before")
    alice, bob = open_page("alice-b1"), open_page("bob-b1")
    expect(alice.get_by_text("No conversations yet")).to_be_visible()
    alice.keyboard.press("n")
    title = alice.get_by_role("textbox", name="Title", exact=True)
    expect(title).to_be_focused()
    alice.keyboard.press("Escape")
    expect(title).to_have_count(0)
    alice.keyboard.press("n")
    expect(title).to_be_focused()
    alice.keyboard.type("By keys")
    alice.keyboard.press("Tab")
    alice.keyboard.type("bob-b1, carol-b1")
    alice.keyboard.press("Tab")
    expect(alice.get_by_role("button", name="Create")).to_be_focused()
    alice.keyboard.press("Enter")
    expect(alice.get_by_role("heading", name="By keys", level=1)).to_be_visible()
    alice.keyboard.press("i")
    expect(field(alice)).to_be_focused()
    alice.keyboard.type("hello")
    alice.keyboard.press("Enter")
    expect(bob.get_by_role("button", name=re.compile("^By keys"))).to_contain_text("hello")
    bob.keyboard.press("Alt+Shift+ArrowDown")  # the next unread one
    expect(message(bob, "hello")).to_be_visible()


def test_member_panel_and_its_menus_are_used_by_keys(people: People, open_page: OpenPage) -> None:
    crew = people("alice-b2").create_conversation("Crew", [people("bob-b2"), people("carol-b2")])
    page, bob = open_page("alice-b2", f"/c/{crew}"), open_page("bob-b2", f"/c/{crew}")
    expect(page.get_by_text("3 members")).to_be_visible()
    page.keyboard.press("m")
    panel = page.get_by_role("complementary", name="Members")
    expect(panel.get_by_role("button", name="Close")).to_be_focused()
    opener = panel.get_by_role("button", name="Actions for Bob")
    tab_to(page, opener)
    page.keyboard.press("Enter")
    items = page.get_by_role("menu", name="Actions for Bob")
    expect(items.get_by_role("menuitemradio", name="Owner")).to_be_focused()
    page.keyboard.press("End")
    expect(items.get_by_role("menuitem", name="Ban")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.get_by_role("menuitemradio", name="Owner")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    page.keyboard.press("Escape")
    expect(items).to_have_count(0)
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("m")
    expect(items.get_by_role("menuitemradio", name="Moderator")).to_be_focused()
    page.keyboard.press("Enter")
    expect(opener).to_be_focused()
    expect(bob.get_by_text("Bob is now moderator")).to_be_visible()

    tab_to(page, panel.get_by_role("button", name="Add"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Participant id")).to_be_focused()
    page.keyboard.type("dora-b2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("4 members")).to_be_visible()
    expect(panel.get_by_role("button", name="Add")).to_be_focused()

    title = panel.get_by_role("textbox", name="Title")
    tab_to(page, title, "Shift+Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("The crew")
    page.keyboard.press("Enter")
    expect(bob.get_by_role("heading", name="The crew")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.get_by_role("button", name="Members", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel).to_be_visible()
    expect(page.get_by_role("button", name="Members", exact=True)).to_be_focused()


def test_key_of_the_panel_has_no_effect_without_a_conversation(people: People, open_page: OpenPage) -> None:
    people("alice-b6").create_conversation("Crew")
    page = open_page("alice-b6")
    row = page.get_by_role("button", name=re.compile("^Crew"))
    expect(row).to_be_visible()
    page.keyboard.press("m")
    row.click()
    expect(field(page)).to_be_editable()
    expect(page.get_by_role("complementary", name="Members")).to_have_count(0)
    page.get_by_role("button", name="Members", exact=True).click()
    expect(page.get_by_role("complementary", name="Members")).to_be_visible()
    expect(page.get_by_role("button", name="Members", exact=True)).to_be_focused()


def test_search_list_and_row_menus_are_used_by_keys(people: People, open_page: OpenPage) -> None:
    client = people("alice-b3")
    for title in ("Apples", "Bananas", "Bread"):
        client.create_conversation(title)
    page = open_page("alice-b3")
    rows = page.locator(".conversation-title")
    expect(rows).to_have_count(3)
    page.keyboard.press("/")
    search = page.get_by_role("searchbox", name="Search conversations")
    expect(search).to_be_focused()
    page.keyboard.type("b")
    expect(rows).to_have_text(["Bread", "Bananas"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name=re.compile("^Bananas"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Bananas", level=1)).to_be_visible()
    page.keyboard.press("i")
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).to_have_value("")
    expect(rows).to_have_count(3)

    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name=re.compile("^Bread"))).to_be_focused()
    page.keyboard.press("Tab")
    opener = page.get_by_role("button", name="Actions for Bread")
    expect(opener).to_be_focused()
    expect(opener).to_have_css("opacity", "1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Pin")).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_role("menuitem", name="Archive")).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows).to_have_text(["Bananas", "Apples"])
    tab_to(page, page.get_by_role("button", name="Archived (1)"))
    page.keyboard.press("Enter")
    expect(rows).to_have_text(["Bananas", "Apples", "Bread"])


def test_settings_and_help_are_used_by_keys(people: People, open_page: OpenPage) -> None:
    people("alice-b4").create_conversation("Any")
    page = open_page("alice-b4", color_scheme="light")
    expect(page.get_by_role("button", name=re.compile("^Any"))).to_be_visible()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    opener = page.get_by_role("button", name="Settings")
    tab_to(page, opener)
    page.keyboard.press("Enter")
    page.keyboard.press("d")
    expect(page.get_by_role("menuitemradio", name="Dark")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # leaves the menu
    expect(page.get_by_role("menu")).to_have_count(0)
