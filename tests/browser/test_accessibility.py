"""The page without a mouse and without sight: axe in every state, keys for everything, names for all."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Literal

from playwright.sync_api import Page, Route, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.hook import REFUSED
from tests.browser.selection import is_whole, whole_only
from tests.browser.watching import Watch
from tests.support.client import TestClient

People = Callable[[str], TestClient]
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
MARKDOWN = """# Plan
1. first `code`
2. [a link](https://example.com) and **bold** text

> quoted

```py
print("a long line of code" * 20)
```
| a | b |
|---|---|
| 1 | 2 |

- [x] done"""
LATE_FRAMES = "requestAnimationFrame = (run) => setTimeout(() => run(performance.now()), 150);"
"""A script that lets animation frames come late, as on a busy machine."""

POSIX_LANGUAGE = """Object.defineProperty(navigator, "languages", { get: () => ["de@posix", "de-DE"] })"""
"""A script that adds an invalid tag, as Chromium reports it under some locales of the system."""


def conversation(people: People, suffix: str) -> str:
    """Create a conversation with all that messages can contain, and return its id."""
    alice, bob = people(f"alice-{suffix}"), people(f"bob-{suffix}")
    created = alice.create_conversation("Everything", [bob])
    first = bob.post_message(created, MARKDOWN)["sequence_id"]
    bob.post_message(created, "@Alice see above", reply_to=first, mentions=[f"alice-{suffix}"])
    alice.add_reaction(created, first, "👍")
    bob.add_reaction(created, first, "🎉")
    removed = bob.post_message(created, "wrong")["sequence_id"]
    bob.delete_message(created, removed)
    edited = alice.post_message(created, "שלום")["sequence_id"]
    alice.edit_message(created, edited, "שלום עולם")
    alice.create_invite(created)
    return created


def states(page: Page) -> Iterator[str]:
    """Bring the page into ten states, one after another, and yield the name of each."""
    yield "conversation"
    page.get_by_role("article").last.focus()
    yield "message with its actions"
    page.get_by_role("button", name="More actions").last.click()
    yield "menu"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Emoji", exact=True).click()
    page.get_by_role("searchbox", name="Search emoji").fill("heart")
    yield "emoji picker"
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Message Everything").fill("@B")
    expect(page.get_by_role("listbox")).to_be_visible()
    yield "mentions"
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Message Everything").fill("")
    page.get_by_role("button", name="Members", exact=True).click()
    page.get_by_role("heading", name="Details").wait_for()
    yield "panel"
    yield from dialogs(page, "Invite links")
    page.get_by_role("button", name="Leave").click()
    yield "question"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("dialog").wait_for()
    yield "new conversation"
    page.keyboard.press("Escape")
    page.locator(".list-header").click()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    yield "shortcuts"
    page.keyboard.press("Escape")


def further_states(page: Page) -> Iterator[str]:
    """Bring the page into its other states."""
    yield from dialogs(page, "Banned", "Audit log", "Reports", "Add")
    page.get_by_role("button", name="Actions for Bob").click()
    yield "menu of a member"
    page.keyboard.press("Escape")
    for item in ("Profile", "Blocked participants"):
        page.get_by_role("button", name="Settings").click()
        yield f"settings, before {item}"
        page.get_by_role("menuitem", name=item).click()
        page.get_by_role("dialog", name=item).wait_for()
        yield item
        page.keyboard.press("Escape")
    reported = page.get_by_role("article").filter(has_text="see above")
    reported.hover()
    reported.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Report").click()
    page.get_by_role("dialog").wait_for()
    yield "report"
    page.keyboard.press("Escape")
    reported.hover()
    reported.get_by_role("button", name="Reply", exact=True).click()
    yield "reply"
    page.get_by_role("textbox", name="Message Everything").fill(f"a {REFUSED} word")
    page.keyboard.press("Enter")
    page.locator(".send-state.failed").wait_for()
    yield "failed message"
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("textbox", name="Message Everything").fill("x" * 10_001)
    page.get_by_text("characters too long").wait_for()
    yield "text that is too long"
    page.get_by_role("searchbox", name="Search conversations").fill("nothing like it")
    page.get_by_text("No conversation matches").wait_for()
    yield "search without a result"
    page.get_by_role("searchbox", name="Search conversations").fill("")
    page.get_by_role("button", name="Everything").first.hover()
    page.get_by_role("button", name="Actions for Everything").click()
    page.get_by_role("menuitem", name="Archive").click()
    page.get_by_role("button", name="Archived (1)").click()
    yield "archive"


def dialogs(page: Page, *names: str) -> Iterator[str]:
    """Open dialogs from the panel, one after another."""
    for name in names:
        page.get_by_role("complementary").get_by_role("button", name=name).click()
        page.get_by_role("dialog", name=name).wait_for()
        yield name
        page.keyboard.press("Escape")


def test_axe_finds_no_violation_in_any_state(people: People, open_page: OpenPage) -> None:
    created = conversation(people, "x")
    page = open_page("alice-x", f"/c/{created}", reduced_motion="reduce")
    expect(page.get_by_role("article").last).to_contain_text("שלום עולם")
    found: dict[str, list[str]] = {}
    visited = itertools.chain(states(page), further_states(page) if is_whole() else ())
    for number, state in enumerate(visited):
        # In a sample, the states are light and dark by turns.
        for theme in THEMES if is_whole() else THEMES[number % 2 :][:1]:
            page.emulate_media(color_scheme=theme)
            found[f"{state}, {theme}"] = violations(page)
    assert len(found) >= 10
    assert not any(found.values()), found


@whole_only
def test_motion_and_contrast_are_those_that_the_user_wants(people: People, open_page: OpenPage) -> None:
    created = conversation(people, "wishes")
    page = open_page("alice-wishes", f"/c/{created}")
    box, faint = page.locator(".composer-box"), page.locator(".conversation-members")
    expect(box).not_to_have_css("transition-duration", "0s")
    usual = faint.evaluate("element => getComputedStyle(element).color")
    page.emulate_media(reduced_motion="reduce", contrast="more")
    expect(box).to_have_css("transition-duration", "0s")
    expect(faint).not_to_have_css("color", usual)
    page.emulate_media(forced_colors="active")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert violations(page) == []


def test_phone_shows_the_list_or_the_conversation_without_violations(people: People, open_page: OpenPage) -> None:
    created = conversation(people, "xphone")
    page = open_page("alice-xphone", f"/c/{created}", viewport={"width": 360, "height": 740}, has_touch=True)
    expect(page.get_by_role("article").last).to_contain_text("שלום עולם")
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
    created = conversation(people, "de")
    page = open_page("alice-de", f"/c/{created}", script=POSIX_LANGUAGE, locale="de-DE")
    expect(page.get_by_role("textbox", name="Nachricht an Everything")).to_be_visible()
    expect(page.get_by_role("heading", name="Unterhaltungen")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    expect(page.get_by_text("(bearbeitet)")).to_be_visible()
