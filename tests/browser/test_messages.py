"""Messages between two users at once: each sees in the browser what the other does."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.acting import message, send
from tests.browser.conftest import OpenPage
from tests.browser.hook import CHANGED, REASON, REFUSED, REPLACEMENT
from tests.browser.lasting import LASTING
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]


def test_two_users_write_reply_react_edit_and_delete(people: People, open_page: OpenPage) -> None:
    alice_client, bob_client = people("alice-m1"), people("bob-m1")
    trip = alice_client.create_conversation("Trip to Oslo", [bob_client])
    alice = open_page("alice-m1", f"/c/{trip}")
    bob = open_page("bob-m1")
    bob.get_by_role("button", name="Trip to Oslo").click()
    expect(bob).to_have_url(re.compile(f"#/c/{trip}$"))
    expect(alice.get_by_text("2 online")).to_be_visible()

    alice.get_by_role("textbox", name="Message Trip to Oslo").press_sequentially(
        "Hello **Bob**, see https://example.com"
    )
    expect(bob.get_by_text("is typing")).to_be_visible()
    alice.keyboard.press("Enter")
    expect(message(bob, "Hello Bob").locator("strong")).to_have_text("Bob")
    expect(message(bob, "Hello Bob").get_by_role("link")).to_have_attribute("rel", re.compile("noopener"))
    expect(bob.get_by_text("is typing")).to_have_count(0)
    expect(message(alice, "Hello Bob").get_by_role("img", name=re.compile("Seen by"))).to_be_visible()

    received = message(bob, "Hello Bob")
    received.hover()
    received.get_by_role("button", name="React with 👍").click()
    expect(message(alice, "Hello Bob").get_by_role("button", name=re.compile("^👍"))).to_have_text("👍1")
    received.get_by_role("button", name="Reply", exact=True).click()
    send(bob, "@Alice yes")
    reply = message(alice, "yes")
    expect(reply.locator(".mention.me")).to_have_text("@Alice")
    expect(reply.get_by_title("Jump to the original message")).to_contain_text("Hello Bob")

    alice.get_by_role("textbox", name="Message Trip to Oslo").press("ArrowUp")
    expect(alice.get_by_text("Editing a message")).to_be_visible()
    send(alice, "Hello Bob and welcome")
    expect(message(bob, "Hello Bob and welcome").get_by_text("(edited)")).to_be_visible()
    expect(message(bob, "@Alice yes").get_by_title("Jump to the original message")).to_contain_text("and welcome")

    picture = {"avatar_url": "https://pictures.example/bob.png"}
    bob_client.put("/me/profile", {"name": "Robert", **picture}).expect(200)
    expect(message(alice, "@Alice yes").locator(".author")).to_have_text("Robert")
    expect(alice.locator(".avatar img")).to_have_count(0)
    alice.get_by_role("button", name="Settings").click()
    alice.get_by_role("menuitem", name="Profile").click()
    alice.get_by_role("textbox", name="Name").fill("Alice L.")
    alice.get_by_role("button", name="Save").click()
    expect(message(bob, "Hello Bob and welcome").locator(".author").first).to_have_text("Alice L.")

    own = message(alice, "and welcome").first
    own.hover()
    own.get_by_role("button", name="More actions").click()
    alice.get_by_role("menuitem", name="Delete").click()
    alice.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(message(bob, "This message was deleted.").first).to_be_visible()


def test_messages_wait_for_the_connection_and_drafts_for_their_conversation(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    alice_client, bob_client = people("alice-m2"), people("bob-m2")
    work = alice_client.create_conversation("Work", [bob_client])
    alice_client.create_conversation("Home", [bob_client])
    watch.expect("WebSocket|ERR_INTERNET_DISCONNECTED|Failed to load")
    alice, bob = open_page("alice-m2", f"/c/{work}"), open_page("bob-m2", f"/c/{work}")
    expect(bob.get_by_text("2 online")).to_be_visible()

    web_chat.drop_connections()  # both reconnect, and nothing is lost
    send(alice, "sent while the socket was broken")
    expect(message(bob, "sent while the socket was broken")).to_have_count(1)

    alice.context.set_offline(True)
    web_chat.drop_connections()
    send(alice, "sent offline")
    expect(message(alice, "sent offline").locator(".pending")).to_be_visible()
    expect(alice.get_by_text("You are offline")).to_be_visible()
    alice.get_by_role("textbox", name="Message Work").fill("an unfinished thought")
    alice.context.set_offline(False)
    expect(message(bob, "sent offline")).to_have_count(1)
    expect(message(alice, "sent offline").locator(".pending")).to_have_count(0)

    alice.get_by_role("button", name="Home").click()
    expect(alice.get_by_role("textbox", name="Message Home")).to_have_value("")
    expect(alice.get_by_role("button", name=re.compile("Work.*Draft"))).to_be_visible()
    alice.reload()
    alice.get_by_role("button", name="Work").click()
    expect(alice.get_by_role("textbox", name="Message Work")).to_have_value("an unfinished thought")


def test_refused_message_is_shown_as_failed_and_can_be_sent_again(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    alice_client, bob_client = people("alice-m3"), people("bob-m3")
    quiet = alice_client.create_conversation("Quiet", [bob_client])
    watch.expect("WebSocket|ERR_INTERNET_DISCONNECTED|Failed to load")
    bob = open_page("bob-m3", f"/c/{quiet}")
    expect(bob.get_by_text("1 online")).to_be_visible()
    bob.context.set_offline(True)
    web_chat.drop_connections()
    send(bob, "too late")
    send(bob, "even later")
    alice_client.mute(quiet, bob_client)
    bob.context.set_offline(False)
    failed = message(bob, "too late")
    expect(failed.locator(".send-state")).to_contain_text("Not sent: You are muted.")
    held = message(bob, "even later")
    expect(held).to_contain_text("Waiting: an earlier message was not sent")
    expect(bob.get_by_text("You are muted until")).to_be_visible()
    alice_client.mute(quiet, bob_client, 0)
    expect(bob.get_by_role("textbox", name="Message Quiet")).to_be_visible()
    failed.get_by_role("button", name="Try again").click()
    expect(failed.locator(".send-state.failed")).to_have_count(0)
    expect(failed.locator(".pending")).to_have_count(0)
    expect(held.locator(".send-state")).to_have_count(0)
    assert [found["content"] for found in alice_client.list_messages(quiet)] == ["too late", "even later"]


def test_markdown_mentions_copy_and_groups_of_authors(people: People, open_page: OpenPage, watch: Watch) -> None:
    alice, bob = people("alice-m6"), people("bob-m6")
    notes = alice.create_conversation("Notes", [bob])
    other = alice.create_conversation("Other", [bob])
    permissions = ["clipboard-read", "clipboard-write"]
    page = open_page("alice-m6", f"/c/{other}", script=LASTING, permissions=permissions)
    row = page.get_by_role("button", name=re.compile("^Notes"))
    expect(row).to_be_visible()
    bob.post_message(notes, "@Alice look", mentions=["alice-m6"])
    expect(row).to_contain_text("You are mentioned")
    bob.post_message(notes, "and once more")
    expect(row).to_contain_text("and once more")
    expect(row).to_contain_text("You are mentioned")
    page.reload()
    expect(row).to_contain_text("and once more")
    expect(row).to_contain_text("You are mentioned")
    watch.expect("Failed to load")
    page.route("**/messages?*", lambda route: route.abort())
    with page.expect_event("requestfailed", lambda request: "/messages?" in request.url):
        page.reload()
    page.unroute("**/messages?*")
    bob.post_message(notes, "and a last time")
    expect(row).to_contain_text("and a last time")
    expect(row).to_contain_text("You are mentioned")
    row.click()
    expect(row).not_to_contain_text("You are mentioned")

    expect(page.get_by_text("Today", exact=True)).to_be_visible()
    expect(message(page, "look").locator(".author")).to_have_text("Bob")
    expect(message(page, "and once more").locator(".author")).to_have_count(0)
    text = "1. one\n2. two\n\n> quoted\n\n```py\nprint(1)\n```\n![a cat](https://pictures.example/cat.png)"
    bob.post_message(notes, text)
    shown = message(page, "quoted")
    expect(shown.locator("ol > li")).to_have_text(["one", "two"])
    expect(shown.locator("blockquote")).to_have_text("quoted")
    expect(shown.get_by_role("link", name="Image: a cat")).to_have_attribute("href", re.compile("cat.png$"))
    shown.locator("pre").hover()
    shown.get_by_role("button", name="Copy code").click()
    expect(shown.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "print(1)"
    shown.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Copy text").click()
    expect(page.locator(".toast")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == text


def test_hook_of_the_product_refuses_with_its_reason_and_changes_a_text(
    people: People, open_page: OpenPage
) -> None:
    rules = people("alice-m5").create_conversation("Rules", [people("bob-m5")])
    alice, bob = open_page("alice-m5", f"/c/{rules}"), open_page("bob-m5", f"/c/{rules}")
    expect(bob.get_by_text("2 online")).to_be_visible()
    send(alice, f"a {REFUSED} word")
    failed = message(alice, f"a {REFUSED} word")
    expect(failed.locator(".send-state")).to_contain_text(f"Not sent: {REASON}")
    send(alice, f"a {CHANGED} word")
    expect(message(alice, f"a {CHANGED} word").locator(".pending")).to_be_visible()
    expect(message(bob, "word")).to_have_count(0)

    failed.get_by_role("button", name="Discard").click()
    expect(alice.get_by_role("textbox", name="Message Rules")).to_have_value(f"a {REFUSED} word")
    for page in (alice, bob):
        expect(message(page, f"a {REPLACEMENT} word")).to_be_visible()
        expect(message(page, f"a {CHANGED} word")).to_have_count(0)
        expect(message(page, REFUSED)).to_have_count(0)
