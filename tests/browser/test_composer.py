"""The field for a message: its text is neither sent too early nor mixed up."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.acting import field, message, send
from tests.browser.conftest import OpenPage
from tests.browser.hook import REFUSED
from tests.browser.selection import whole_only
from tests.support.client import TestClient

People = Callable[[str], TestClient]
pytestmark = whole_only
_PRESS = """(field, keyCode) =>
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode, bubbles: true, cancelable: true }))"""


def test_discarded_text_waits_below_an_edit(people: People, open_page: OpenPage) -> None:
    log = people("alice-w1").create_conversation("Log")
    page = open_page("alice-w1", f"/c/{log}")
    send(page, "a good word")
    expect(message(page, "a good word")).to_be_visible()
    expect(page.locator(".pending")).to_have_count(0)
    send(page, f"a {REFUSED} word")
    expect(page.locator(".send-state.failed")).to_be_visible()
    field(page).press("ArrowUp")
    expect(page.get_by_text("Editing a message")).to_be_visible()
    page.get_by_role("button", name="Discard").click()
    expect(message(page, REFUSED)).to_have_count(0)
    expect(field(page)).to_have_value("a good word")
    expect(field(page)).to_be_focused()
    page.keyboard.press("Escape")
    expect(field(page)).to_have_value(f"a {REFUSED} word")
    page.reload()
    expect(field(page)).to_have_value(f"a {REFUSED} word")


def test_enter_that_ends_a_composition_in_safari_does_not_send(people: People, open_page: OpenPage) -> None:
    log = people("alice-w2").create_conversation("Log")
    page = open_page("alice-w2", f"/c/{log}")
    field(page).fill("にほんご")
    field(page).evaluate(_PRESS, 229)
    expect(field(page)).to_have_value("にほんご")
    expect(message(page, "にほんご")).to_have_count(0)
    field(page).evaluate(_PRESS, 13)
    expect(message(page, "にほんご")).to_be_visible()
