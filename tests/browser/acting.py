"""Steps of a user on the page, in few words."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page

from tests.browser.watching import Watch


def message(page: Page, text: str) -> Locator:
    """Return the messages with a text."""
    return page.locator(".entry.message").filter(has_text=text)


def field(page: Page) -> Locator:
    """Return the field for a message."""
    return page.get_by_role("textbox", name=re.compile("^Message "))


def send(page: Page, text: str) -> None:
    """Write a message and send it."""
    field(page).fill(text)
    page.keyboard.press("Enter")


def choose(page: Page, title: str, item: str) -> None:
    """Choose an item of a conversation's menu."""
    page.get_by_role("button", name=re.compile(f"^{title}")).hover()
    page.get_by_role("button", name=f"Actions for {title}").click()
    page.get_by_role("menuitem", name=item).click()


def open_menu(page: Page, name: str, item: str) -> None:
    """Choose an item of a member's menu."""
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name=item).or_(page.get_by_role("menuitemradio", name=item)).click()


def open_action(page: Page, text: str, item: str) -> None:
    """Choose an item of a message's menu."""
    found = message(page, text)
    found.hover()
    found.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name=item).click()


def new_tab(page: Page, watch: Watch, url: str) -> Page:
    """Open another tab of the same browser: it shares the storage."""
    tab = page.context.new_page()
    watch.add(tab)
    tab.goto(url)
    return tab
