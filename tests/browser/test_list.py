"""The list of conversations: the state for the participant alone, and reports."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.acting import choose
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.support.client import TestClient

People = Callable[[str], TestClient]


def test_conversations_are_found_pinned_muted_and_archived_in_all_windows(
    people: People, open_page: OpenPage
) -> None:
    alice, bob = people("alice-l1"), people("bob-l1")
    for title in ("Alpha", "Beta", "Gamma"):
        alice.create_conversation(title, [bob])
    page, other = open_page("alice-l1"), open_page("alice-l1")
    rows = page.locator(".conversation-title")
    expect(rows).to_have_text(["Gamma", "Beta", "Alpha"])
    expect(other.locator(".conversation-title")).to_have_text(["Gamma", "Beta", "Alpha"])
    choose(page, "Alpha", "Pin")
    expect(rows).to_have_text(["Alpha", "Gamma", "Beta"])
    expect(other.locator(".conversation-title")).to_have_text(["Alpha", "Gamma", "Beta"])
    beta = alice.list_conversations()[2]["conversation_id"]
    bob.post_message(beta, "a message moves it below the pinned ones")
    expect(rows).to_have_text(["Alpha", "Beta", "Gamma"])
    choose(page, "Beta", "Mute notifications")
    expect(page.get_by_role("button", name=re.compile("^Beta"))).to_contain_text("Notifications muted")
    choose(page, "Beta", "Archive")
    expect(rows).to_have_text(["Alpha", "Gamma"])
    expect(page).to_have_title("Chat")
    other.reload()
    other.get_by_role("button", name="Archived (1)").click()
    choose(other, "Beta", "Move back to the list")
    expect(rows).to_have_text(["Alpha", "Beta", "Gamma"])
    page.get_by_role("searchbox", name="Search conversations").fill("gam")
    expect(rows).to_have_text(["Gamma"])


def test_reported_message_reaches_the_moderators(people: People, open_page: OpenPage) -> None:
    alice, bob, carol = people("alice-l2"), people("bob-l2"), people("carol-l2")
    forum = alice.create_conversation("Forum", [bob, carol])
    bob.post_message(forum, "an insult")
    page = open_page("carol-l2", f"/c/{forum}")
    message = page.get_by_role("article").filter(has_text="an insult")
    message.hover()
    message.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Report").click()
    page.get_by_role("textbox", name=re.compile("What is wrong")).fill("It is rude.")
    page.get_by_role("button", name="Report", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("The moderators have your report.")

    owner = open_page("alice-l2", f"/c/{forum}")
    owner.get_by_role("button", name="Members", exact=True).click()
    owner.get_by_role("button", name="Reports").click()
    report = owner.get_by_role("dialog").get_by_role("listitem")
    expect(report).to_contain_text("It is rude.")
    report.get_by_role("button", name="Resolved").click()
    expect(owner.get_by_text("There are no open reports.")).to_be_visible()


def test_direct_conversation_is_opened_hidden_and_brought_back(open_page: OpenPage) -> None:
    alice, bob = open_page("alice-l3"), open_page("bob-l3")
    expect(bob.get_by_text("No conversations yet")).to_be_visible()
    alice.get_by_role("button", name="New conversation").click()
    alice.get_by_role("textbox", name="People").fill("bob-l3")
    alice.get_by_role("button", name="Create").click()
    expect(alice.get_by_role("heading", name="bob-l3", level=1)).to_be_visible()
    alice.get_by_role("textbox", name="Message bob-l3").fill("just between us")
    alice.keyboard.press("Enter")
    bob.get_by_role("button", name="alice-l3").first.click()
    expect(bob.get_by_role("article").last).to_contain_text("just between us")
    bob.get_by_role("button", name="Members", exact=True).click()
    expect(bob.get_by_role("button", name="Invite links")).to_have_count(0)
    bob.get_by_role("button", name="Hide", exact=True).click()
    bob.get_by_role("dialog").get_by_role("button", name="Hide").click()
    expect(bob.get_by_text("No conversations yet")).to_be_visible()
    alice.get_by_role("textbox", name="Message bob-l3").fill("are you there?")
    alice.keyboard.press("Enter")
    expect(bob.get_by_role("button", name="alice-l3").first).to_contain_text("are you there?")


@whole_only
def test_pin_mute_and_archive_are_undone_in_all_windows(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-l4"), people("bob-l4")
    rooms = {title: alice.create_conversation(title, [bob]) for title in ("Alpha", "Beta", "Gamma")}
    page, other = open_page("alice-l4"), open_page("alice-l4")
    windows = (page, other)
    for item in ("Pin", "Mute notifications"):
        choose(page, "Alpha", item)
    for window in windows:
        expect(window.locator(".conversation-title")).to_have_text(["Alpha", "Gamma", "Beta"])
        row = window.get_by_role("button", name=re.compile("^Alpha"))
        expect(row).to_contain_text("Pinned")
        expect(row).to_contain_text("Notifications muted")
    bob.post_message(rooms["Alpha"], "hello")
    quiet = other.get_by_role("button", name=re.compile("^Alpha")).locator(".badge")
    expect(quiet).to_have_class(re.compile("quiet"))

    for item in ("Unpin", "Notify again"):
        choose(other, "Alpha", item)
    bob.post_message(rooms["Beta"], "moves it up")
    for window in windows:
        expect(window.locator(".conversation-title")).to_have_text(["Beta", "Alpha", "Gamma"])
        row = window.get_by_role("button", name=re.compile("^Alpha"))
        expect(row).not_to_contain_text("Pinned")
        expect(row).not_to_contain_text("Notifications muted")
    expect(quiet).not_to_have_class(re.compile("quiet"))

    choose(page, "Beta", "Archive")
    expect(page).to_have_title("(1) Chat")  # messages of archived ones do not count
    for window in windows:
        expect(window.locator(".conversation-title")).to_have_text(["Alpha", "Gamma"])
    other.get_by_role("button", name="Archived (1)").click()
    choose(other, "Beta", "Move back to the list")
    for window in windows:
        expect(window.locator(".conversation-title")).to_have_text(["Beta", "Alpha", "Gamma"])
        expect(window).to_have_title("(2) Chat")
        expect(window.get_by_role("button", name="Archived (1)")).to_have_count(0)
