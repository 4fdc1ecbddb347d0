"""The badge of unread mentions: which messages the page looks at, and how often it asks for them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable

from playwright.sync_api import Page, Request, Route, expect

from tests.browser.acting import field, message
from tests.browser.conftest import OpenPage
from tests.browser.filling import fill
from tests.browser.selection import whole_only
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]
pytestmark = whole_only
_STARTS = """() => performance.getEntriesByType("resource")
  .filter(({ name }) => name.includes("/messages?")).map(({ startTime }) => startTime)"""


def searches(page: Page) -> Counter[str]:
    """Return a counter of the requests for messages by conversation; it counts from now on."""
    counted: Counter[str] = Counter()

    def count(request: Request) -> None:
        if found := re.search(r"/conversations/([^/]+)/messages\?", request.url):
            counted[found[1]] += 1

    page.on("request", count)
    return counted


def test_second_mention_keeps_the_badge_when_the_first_is_read(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    alice, bob = people("alice-a1"), people("bob-a1")
    busy = alice.create_conversation("Busy", [bob])
    watch.expect("WebSocket|ERR_INTERNET_DISCONNECTED|Failed to load")
    page = open_page("alice-a1")
    row = page.get_by_role("button", name=re.compile("^Busy"))
    expect(row).to_be_visible()
    first = bob.post_message(busy, "@Alice first", mentions=["alice-a1"])["sequence_id"]
    expect(row).to_contain_text("You are mentioned")

    page.context.set_offline(True)
    web_chat.drop_connections()
    second = bob.post_message(busy, "@Alice second", mentions=["alice-a1"])["sequence_id"]
    bob.post_message(busy, "and nothing more")
    page.context.set_offline(False)
    expect(row).to_contain_text("and nothing more")
    expect(row).to_contain_text("3 unread messages")

    alice.put(f"/conversations/{busy}/read", {"sequence_id": first}).expect(200)  # on another device
    expect(row).to_contain_text("2 unread messages")
    expect(row).to_contain_text("You are mentioned")
    alice.put(f"/conversations/{busy}/read", {"sequence_id": second}).expect(200)
    expect(row).to_contain_text("1 unread message")
    expect(row).not_to_contain_text("You are mentioned")


def test_search_for_a_mention_ends_at_the_newest_one_or_after_five_hundred_messages(
    people: People, open_page: OpenPage
) -> None:
    alice, rooms = people("alice-a2"), {}
    for title, later in (("Near", 130), ("Far", 499), ("Too far", 500)):
        writers = [people(f"{title[:1].lower()}{later}-{number}-a2") for number in range(7)]
        room = rooms[title] = alice.create_conversation(title, writers)
        writers[0].post_message(room, "@Alice look", mentions=["alice-a2"])
        fill(room, [f"line {number}" for number in range(later)], *writers[1:])
    page = open_page("alice-a2")
    expect(page.get_by_role("button", name=re.compile("^Near"))).to_contain_text("You are mentioned")
    counted = searches(page)
    page.reload()
    for title in ("Near", "Far"):
        row = page.get_by_role("button", name=re.compile(f"^{title} "))
        expect(row).to_contain_text("You are mentioned")
    too_far = page.get_by_role("button", name=re.compile("^Too far"))
    # They are searched one after another, from the newest on: that of "Too far" was finished first.
    for title, requests in (("Near", 2), ("Far", 5), ("Too far", 5)):
        assert counted[rooms[title]] == requests, title
    expect(too_far).not_to_contain_text("You are mentioned")


def test_searches_in_a_conversation_are_a_second_apart(people: People, open_page: OpenPage, watch: Watch) -> None:
    alice, bob = people("alice-a3"), people("bob-a3")
    busy = alice.create_conversation("Busy", [bob])
    bob.post_message(busy, "@Alice look", mentions=["alice-a3"])
    fill(busy, ["a line"] * 3, bob)
    watch.expect("Failed to load")

    def refuse(route: Route) -> None:
        route.fulfill(status=500, json={}, headers={"access-control-allow-origin": "*"})

    page = open_page("alice-a3")
    page.route("**/messages?*", refuse)
    with page.expect_response("**/messages?*"):
        page.reload()
    row = page.get_by_role("button", name=re.compile("^Busy"))
    for number in range(4):  # each would begin another search at once
        bob.post_message(busy, f"late line {number}")
        expect(row).to_contain_text(f"late line {number}")
    page.unroute("**/messages?*")
    bob.post_message(busy, "the last line")
    expect(row).to_contain_text("You are mentioned")
    starts = page.evaluate(_STARTS)
    assert len(starts) >= 2
    assert all(later - earlier >= 1_000 for earlier, later in itertools.pairwise(starts)), starts


def test_longest_name_is_mentioned_and_no_address(people: People, open_page: OpenPage, web_chat: WebChat) -> None:
    alice, ann, lee = people("alice-a4"), people("ann-a4"), people("annlee-a4")
    lee.name = "Ann Lee"
    lee.token = web_chat.token(lee.id, lee.name, 3_600)
    team = alice.create_conversation("Team", [ann, lee])
    page = open_page("alice-a4", f"/c/{team}")
    expect(page.get_by_text("3 members")).to_be_visible()
    for text in ("@Ann Lee, see mail@Ann", "@ann-a4 and @annlee-a4", "@Annabel"):
        field(page).fill(text)
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        expect(message(page, text)).to_be_visible()
    expect(page.locator(".pending")).to_have_count(0)
    mentions = [found.get("mentions", []) for found in alice.list_messages(team)]
    assert mentions == [[lee.id], [ann.id, lee.id], []]
    expect(page.locator(".mention")).to_have_text(["@Ann Lee", "@ann-a4", "@annlee-a4"])
