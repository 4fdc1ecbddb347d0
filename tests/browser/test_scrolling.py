"""The message list under load: the messages in view stay where they are."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.filling import fill
from tests.browser.lasting import LASTING
from tests.support.client import TestClient

People = Callable[[str], TestClient]
_PLACE = """() => {
  const root = document.querySelector("serverless-chat").shadowRoot;
  const top = root.querySelector(".message-viewport").getBoundingClientRect().top;
  const rows = [...root.querySelectorAll("article")];
  const row = rows.find((row) => row.getBoundingClientRect().bottom > top + 60);
  return [row.textContent, Math.round(row.getBoundingClientRect().top - top)];
}"""
_SHIFTS = """
globalThis.shifts = [];
const noted = ({ value, sources }) => ({ value, sources: sources.map(({ node }) => node?.className) });
new PerformanceObserver((list) => shifts.push(...list.getEntries().map(noted)))
  .observe({ type: "layout-shift", buffered: true });
"""
_COUNT = "() => document.querySelector('serverless-chat').shadowRoot.querySelectorAll('article').length"


def mixed(count: int) -> list[str]:
    """Return texts of very different heights, so that estimates are wrong."""
    kinds = [
        "short {}",
        "# Heading {}\n\n```\ncode\n" + "line\n" * 8 + "```",
        "word " * 90 + "{}",
        "- a\n- b\n- c {}",
    ]
    return [kinds[number % len(kinds)].format(number) for number in range(count)]


def place(page: Page) -> list[object]:
    """Return the text of the first readable message, and its distance from the top, in two successive frames."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return list(page.evaluate(_PLACE))


def test_scrolling_back_moves_nothing_and_keeps_few_rows_in_the_document(
    people: People, open_page: OpenPage
) -> None:
    alice, bob, carol = people("alice-s1"), people("bob-s1"), people("carol-s1")
    long = alice.create_conversation("Long", [bob, carol])
    fill(long, mixed(240), alice, bob, carol)
    alice.put(f"/conversations/{long}/read", {"sequence_id": alice.get_head(long)}).expect(200)
    page = open_page("alice-s1", f"/c/{long}")
    viewport = page.locator(".message-viewport")
    expect(page.get_by_role("article").last).to_contain_text("c 239")
    assert viewport.evaluate("element => element.scrollHeight - element.scrollTop - element.clientHeight") < 2

    moves = 0
    while page.get_by_text("This is the beginning of the conversation.").count() == 0:
        moves += 1
        assert moves < 60
        viewport.evaluate("element => element.scrollBy(0, -700)")
        before = place(page)
        expect(page.get_by_role("feed")).to_have_attribute("aria-busy", "false")
        assert place(page) == before
    assert page.evaluate(_COUNT) < 60

    before = place(page)
    bob.post_message(long, "a new message far below")
    expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    assert place(page) == before
    page.set_viewport_size({"width": 700, "height": 720})
    assert place(page)[0] == before[0]
    page.get_by_role("button", name="1 new message").click()
    expect(page.get_by_role("article").last).to_contain_text("far below")
    assert viewport.evaluate("element => element.scrollHeight - element.scrollTop - element.clientHeight") < 2
    expect(page.get_by_role("button", name="1 new message")).to_have_count(0)


def test_content_that_grows_late_moves_nothing(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-s2"), people("bob-s2")
    late = alice.create_conversation("Late", [bob])
    fill(late, mixed(40), alice)
    page = open_page("alice-s2", f"/c/{late}")
    expect(page.get_by_role("article").last).to_contain_text("c 39")
    page.locator(".message-viewport").evaluate("element => element.scrollBy(0, -1200)")
    before = place(page)
    grow = """() => {
      const root = document.querySelector("serverless-chat").shadowRoot;
      for (const text of root.querySelectorAll(".message-text")) text.style.paddingBottom = "37px";
    }"""
    page.evaluate(grow)
    assert place(page) == before


def test_quote_leads_to_the_original_far_above(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-s4"), people("bob-s4")
    log = alice.create_conversation("Log", [bob])
    first = alice.post_message(log, "the original")["sequence_id"]
    fill(log, [f"line {number}" for number in range(150)], alice, bob)
    bob.post_message(log, "an answer", reply_to=first)
    alice.put(f"/conversations/{log}/read", {"sequence_id": alice.get_head(log)}).expect(200)
    page = open_page("alice-s4", f"/c/{log}", script=LASTING)
    expect(page.get_by_role("article").last).to_contain_text("an answer")
    page.get_by_title("Jump to the original message").click()
    original = page.get_by_role("article").filter(has_text="the original").first
    expect(original).to_be_in_viewport()
    expect(original).to_have_class(re.compile("highlighted"))
    page.get_by_role("button", name="Jump to newest").click()
    expect(page.get_by_role("article").last).to_contain_text("an answer")


def test_opening_the_page_shifts_nothing(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-s5"), people("bob-s5")
    for title in ("One", "Two"):
        log = alice.create_conversation(title, [bob])
        fill(log, mixed(48), alice, bob)
        alice.put(f"/conversations/{log}/read", {"sequence_id": alice.get_head(log)}).expect(200)
    page = open_page("alice-s5", f"/c/{log}", script=_SHIFTS)
    expect(page.get_by_role("article").last).to_contain_text("c 47")
    bob.post_message(log, "a message that arrives")
    expect(page.get_by_role("article").last).to_contain_text("that arrives")
    assert page.evaluate("shifts.filter(({ value }) => value > 0.01)") == []


def test_unread_messages_are_divided_and_counted(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-s3"), people("bob-s3")
    news = alice.create_conversation("News", [bob])
    fill(news, [f"old {number}" for number in range(30)], alice)
    head = alice.get_head(news)
    bob.put(f"/conversations/{news}/read", {"sequence_id": head}).expect(200)
    fill(news, [f"fresh {number}" for number in range(60)], alice)
    page = open_page("bob-s3")
    row = page.get_by_role("button", name="News")
    expect(row).to_contain_text("60 unread messages")
    expect(page).to_have_title("(60) Chat")
    row.click()
    expect(page.get_by_text("New messages", exact=True)).to_be_in_viewport()
    expect(page.get_by_role("article").filter(has_text="fresh 0").first).to_be_in_viewport()
    page.get_by_role("button", name="new messages").click()
    expect(page.get_by_role("article").last).to_contain_text("fresh 59")
    expect(page).to_have_title("Chat")
    expect(row).not_to_contain_text("unread")
