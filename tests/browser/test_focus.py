"""The focus stays where the user works when rows move, and moves to something near when its place disappears."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.acting import message, send
from tests.browser.conftest import OpenPage
from tests.browser.filling import fill
from tests.browser.hook import REFUSED
from tests.browser.selection import whole_only
from tests.support.client import TestClient

People = Callable[[str], TestClient]
pytestmark = whole_only


def choose_by_keys(page: Page, title: str, item: str) -> None:
    """Choose an item of a conversation's menu."""
    page.get_by_role("button", name=re.compile(f"^{title}")).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name=item).press("Enter")


def test_row_keeps_the_focus_when_it_moves_and_leaves_it_to_another_when_it_is_archived(
    people: People, open_page: OpenPage
) -> None:
    alice, bob = people("alice-f1"), people("bob-f1")
    rooms = {title: alice.create_conversation(title, [bob]) for title in ("Alpha", "Beta", "Gamma")}
    page = open_page("alice-f1")
    rows = page.locator(".conversation-title")
    expect(rows).to_have_text(["Gamma", "Beta", "Alpha"])
    alpha = page.get_by_role("button", name=re.compile("^Alpha"))
    alpha.focus()
    bob.post_message(rooms["Alpha"], "moves it to the top")
    expect(rows).to_have_text(["Alpha", "Gamma", "Beta"])
    expect(alpha).to_be_focused()
    bob.post_message(rooms["Beta"], "moves another one to the top")
    expect(rows).to_have_text(["Beta", "Alpha", "Gamma"])
    expect(alpha).to_be_focused()
    choose_by_keys(page, "Gamma", "Pin")
    expect(rows).to_have_text(["Gamma", "Beta", "Alpha"])
    gamma = page.get_by_role("button", name=re.compile("Gamma"))
    expect(gamma.and_(page.locator(":focus"))).to_have_count(1)
    choose_by_keys(page, "Alpha", "Archive")
    expect(rows).to_have_text(["Gamma", "Beta"])
    expect(page.get_by_role("button", name=re.compile("^Gamma"))).to_be_focused()


def test_next_row_of_a_dialog_has_the_focus_when_one_leaves(people: People, open_page: OpenPage) -> None:
    alice, bob, carol = people("alice-f2"), people("bob-f2"), people("carol-f2")
    club = alice.create_conversation("Club", [bob, carol])
    for person in (bob, carol):
        alice.ban(club, person)
    page = open_page("alice-f2", f"/c/{club}")
    page.get_by_role("button", name="Members", exact=True).click()
    page.get_by_role("button", name="Banned").click()
    lifts = page.get_by_role("button", name="Lift the ban")
    lifts.last.press("Enter")
    expect(lifts).to_have_count(1)
    expect(lifts).to_be_focused()
    lifts.press("Enter")
    expect(page.get_by_text("No one is banned.")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("button", name="Close")).to_be_focused()


def test_declined_invitation_leaves_the_focus_to_the_list(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-f3"), people("bob-f3")
    circle = alice.create_conversation("Circle", [bob])
    bob.leave(circle)
    alice.add_participant(circle, bob)
    page = open_page("bob-f3")
    page.get_by_role("button", name="Decline").press("Enter")
    expect(page.get_by_role("region", name="Invitations")).to_have_count(0)
    expect(page.get_by_role("button", name="Settings")).to_be_focused()


def test_jumps_to_the_newest_message_and_to_an_original_take_the_focus_along(
    people: People, open_page: OpenPage
) -> None:
    alice, bob = people("alice-f4"), people("bob-f4")
    log = alice.create_conversation("Log", [bob])
    first = alice.post_message(log, "the original")["sequence_id"]
    fill(log, [f"line {number}" for number in range(90)], alice, bob)
    bob.post_message(log, "an answer", reply_to=first)
    alice.put(f"/conversations/{log}/read", {"sequence_id": alice.get_head(log)}).expect(200)
    page = open_page("alice-f4", f"/c/{log}")
    expect(message(page, "an answer")).to_be_visible()
    page.get_by_title("Jump to the original message").press("Enter")
    expect(message(page, "the original").first).to_be_focused()
    page.get_by_role("button", name="Jump to newest").press("Enter")
    expect(message(page, "an answer")).to_be_visible()
    expect(page.locator(".message-viewport")).to_be_focused()
    page.keyboard.press("End")
    expect(message(page, "an answer")).to_be_focused()


def test_member_keeps_the_focus_when_the_order_changes(people: People, open_page: OpenPage) -> None:
    alice, bob, zoe = people("alice-f5"), people("bob-f5"), people("zoe-f5")
    crew = alice.create_conversation("Crew", [bob, zoe])
    page = open_page("alice-f5", f"/c/{crew}")
    page.get_by_role("button", name="Members", exact=True).click()
    names = page.locator(".member-name")
    expect(names).to_have_text(["Alice Online", "Bob", "Zoe"])
    opener = page.get_by_role("button", name="Actions for Zoe")
    opener.focus()
    alice.set_role(crew, zoe, "moderator")
    expect(names).to_have_text(["Alice Online", "Zoe", "Bob"])
    expect(opener).to_be_focused()
    alice.remove_participant(crew, zoe)
    expect(names).to_have_text(["Alice Online", "Bob"])
    expect(page.get_by_role("button", name="Actions for Alice")).to_be_focused()


def test_message_has_the_focus_when_its_button_leaves(people: People, open_page: OpenPage) -> None:
    alice = people("alice-f6")
    log = alice.create_conversation("Log")
    alice.add_reaction(log, alice.post_message(log, "mine")["sequence_id"], "👍")
    page = open_page("alice-f6", f"/c/{log}")
    page.get_by_role("button", name="👍 1: You").press("Enter")
    expect(page.get_by_role("button", name="👍 1: You")).to_have_count(0)
    expect(message(page, "mine")).to_be_focused()
    send(page, f"a {REFUSED} word")
    failed = message(page, REFUSED)
    again = failed.get_by_role("button", name="Try again")
    again.press("Enter")
    expect(failed.or_(again).and_(page.locator(":focus"))).to_have_count(1)
