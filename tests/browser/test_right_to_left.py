"""The interface in a language that is written from right to left: everything is on the other side."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.hebrew import speak_hebrew
from tests.browser.selection import is_whole
from tests.browser.test_component import addresses, open_product
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]
_TEXT_BOX = """element => {
  const range = document.createRange();
  range.selectNodeContents(element);
  const { left, right } = range.getBoundingClientRect();
  return [left, right];
}"""


def sides(place: Locator) -> tuple[float, float]:
    """Return where an element begins and ends, from the left."""
    box = place.bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]


def text_sides(place: Locator) -> tuple[float, float]:
    """Return where the text of an element begins and ends, from the left."""
    left, right = place.evaluate(_TEXT_BOX)
    return left, right


def is_mirrored(icon: Locator) -> bool:
    """Return whether an icon is shown the other way round."""
    return str(icon.evaluate("element => getComputedStyle(element).scale")) == "-1 1"


def test_language_from_right_to_left_turns_the_whole_page(people: People, open_page: OpenPage) -> None:
    alice, omar = people("alice-r1"), people("omar-r1")
    plan = alice.create_conversation("Plan", [omar])
    omar.post_message(plan, "تم تحديث الترجمة")
    omar.post_message(plan, "short, in English")
    alice.post_message(plan, "- ראשון\n- שני\n\n> ציטוט", reply_to=2)
    page = open_page("alice-r1", f"/c/{plan}")
    speak_hebrew(page)
    expect(page.get_by_role("textbox", name="הודעה אל Plan")).to_be_visible()
    found = {"conversation": violations(page)}
    head = page.locator(".conversation-heading")

    assert sides(page.locator(".list"))[0] == sides(page.locator(".conversation-view"))[1]
    assert sides(head)[1] - text_sides(head.locator("h1"))[1] < 1, "the title is aligned to the left"
    for text in ("short, in English", "تم تحديث الترجمة"):
        message = page.locator(".entry.message").filter(has_text=text).first
        assert sides(message.locator(".gutter"))[0] - text_sides(message.locator(".message-text"))[1] < 14, text
    assert page.locator(".message-text ul").evaluate("list => getComputedStyle(list).direction") == "rtl"
    assert page.locator("blockquote").evaluate("quote => getComputedStyle(quote).direction") == "rtl"
    assert is_mirrored(page.locator(".quote .icon"))
    assert is_mirrored(page.locator(".send .icon"))
    assert not is_mirrored(page.locator(".search .icon"))

    settings = page.get_by_role("button", name="הגדרות")
    settings.click()
    menu = page.get_by_role("menu")
    assert abs(sides(menu)[0] - sides(settings)[0]) < 1, "the menu is on the wrong side of its button"
    if is_whole():
        found["menu"] = violations(page)
    page.keyboard.press("Escape")

    page.get_by_role("button", name="אמוג׳י", exact=True).click()
    picker = page.get_by_role("searchbox", name="חיפוש אמוג׳י")
    expect(page.locator(".emoji-group").first).to_be_visible()
    picker.press("ArrowDown")
    first, second = (page.locator(".emoji-choice").nth(place) for place in (0, 1))
    assert sides(second)[1] <= sides(first)[0]
    page.keyboard.press("ArrowLeft")
    expect(second).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(first).to_be_focused()
    page.keyboard.press("Escape")

    field = page.get_by_role("textbox", name="הודעה אל Plan")
    field.fill("@O")
    option = page.get_by_role("option", name="Omar")
    assert abs(sides(page.get_by_role("listbox"))[1] - sides(page.locator(".composer-box"))[1]) < 1
    option.dispatch_event("pointerdown")
    expect(field).to_have_value("@Omar ")

    page.get_by_role("button", name="משתתפים", exact=True).click()
    panel = page.get_by_role("complementary")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    assert sides(panel)[0] == 0
    found["panel"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="שיחה חדשה").click()
    dialog = page.get_by_role("dialog")
    close = sides(dialog.get_by_role("button", name="סגירה"))
    assert close[1] < text_sides(dialog.get_by_role("heading"))[0]
    if is_whole():
        found["dialog"] = violations(page)
    page.keyboard.press("Escape")

    page.set_viewport_size({"width": 360, "height": 740})
    back = page.get_by_role("button", name="חזרה לרשימה")
    assert is_mirrored(back.locator(".icon"))
    assert sides(back)[0] > text_sides(head.locator("h1"))[1]
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    if is_whole():
        found["phone"] = violations(page)
    assert not any(found.values()), found


def test_direction_of_the_host_is_that_of_the_component(
    browser: Browser, web_chat: WebChat, people: People
) -> None:
    alice = people("alice-r2")
    alice.post_message(alice.create_conversation("Shop"), "welcome")
    markup = f'<serverless-chat dir="rtl" {addresses(web_chat)}></serverless-chat>'
    page: Page = open_product(browser, web_chat, alice, markup)
    page.get_by_role("button", name="Shop").first.click()
    expect(page.get_by_role("article").last).to_contain_text("welcome")
    assert sides(page.locator(".list"))[0] == sides(page.locator(".conversation-view"))[1]
    assert is_mirrored(page.locator(".send .icon"))
    page.close()
