"""Notifications of the browser and Web Push, with stubs in place of the browser's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.acting import choose, new_tab
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]
Waiting = tuple[Page, Locator, TestClient, TestClient, str]
_STUBS = """() => {
  globalThis.shown = [];
  globalThis.Notification = class {
    static permission = "default";
    static requestPermission = async () => (Notification.permission = "granted");
    constructor(title, options) { Object.assign(this, options, { title }); shown.push(this); }
    close() {}
  };
  const endpoint = "https://push.example/1";
  const subscription = { endpoint, toJSON: () => ({ endpoint }) };
  const pushManager = { subscribe: async (options) => (globalThis.pushOptions = options, subscription) };
  const serviceWorker = { ready: Promise.resolve({ pushManager }) };
  Object.defineProperty(navigator, "serviceWorker", { value: serviceWorker });
}"""


_HOLD = """() => {
  const later = globalThis.setTimeout;
  globalThis.waits = [];
  globalThis.setTimeout = (run, time, ...rest) => (time === 2000 ? waits.push(run) : later(run, time, ...rest));
}"""
"""Keeps the waits of notifications from ending by themselves."""


def enable(page: Page) -> None:
    """Allow notifications in the settings."""
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("menuitem", name="Enable notifications").click()


def end_waits(page: Page) -> list[str]:
    """End the waits, and return the texts that are shown then."""
    return list(page.evaluate("() => (waits.splice(0).forEach((run) => run()), shown.map(({ body }) => body))"))


@pytest.fixture
def waiting(people: People, open_page: OpenPage) -> Waiting:
    """The page of Bob with the row of a conversation with Alice, where a first message waits to be notified."""
    alice, bob = people(f"alice-{uuid4()}"), people(f"bob-{uuid4()}")
    room = alice.create_conversation("Room", [bob])
    page = open_page(bob.id)
    row = page.get_by_role("button", name=re.compile("^Room"))
    expect(row).to_be_visible()
    page.evaluate(_STUBS)
    page.evaluate(_HOLD)
    enable(page)
    alice.post_message(room, "first")
    expect(row).to_contain_text("1 unread message")
    page.wait_for_function("() => waits.length === 1")
    return page, row, alice, bob, room


@whole_only
def test_message_elsewhere_is_notified_and_opens_its_conversation(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-n1"), people("bob-n1")
    here = alice.create_conversation("Here", [bob])
    there = alice.create_conversation("There", [bob])
    page = open_page("bob-n1", f"/c/{here}")
    expect(page.get_by_role("button", name="There")).to_be_visible()
    page.evaluate(_STUBS)
    enable(page)
    alice.post_message(here, "seen at once")
    expect(page.get_by_role("article").last).to_contain_text("seen at once")
    alice.post_message(there, "**look** here")
    page.wait_for_function("() => shown.length === 1")
    assert page.evaluate("() => [shown[0].title, shown[0].body]") == ["There", "Alice: look here"]
    page.evaluate("() => shown[0].onclick()")
    expect(page.get_by_role("heading", name="There")).to_be_visible()


def test_push_subscription_is_given_to_the_product(people: People, open_page: OpenPage) -> None:
    people("alice-n2").create_conversation("One")
    page = open_page("alice-n2")
    expect(page.get_by_role("button", name="One")).to_be_visible()
    page.evaluate(_STUBS)
    page.evaluate(
        """() => {
          const chat = document.querySelector("serverless-chat");
          chat.setAttribute("vapid-key", "BAAA_-8");
          chat.addEventListener("chat-push-subscription", ({ detail }) => {
            globalThis.received = detail.subscription.toJSON();
          });
        }"""
    )
    enable(page)
    page.wait_for_function("() => globalThis.received")
    assert page.evaluate("() => received.endpoint") == "https://push.example/1"
    assert page.evaluate("() => [...pushOptions.applicationServerKey]") == [4, 0, 0, 255, 239]


@whole_only
def test_message_that_is_seen_in_one_tab_is_not_notified_by_another(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    alice, bob = people("alice-n4"), people("bob-n4")
    seen, unseen = (alice.create_conversation(title, [bob]) for title in ("Seen", "Unseen"))
    page = open_page("bob-n4", f"/c/{seen}")
    tab = new_tab(page, watch, f"{web_chat.web_url}#as=bob-n4")
    expect(tab.get_by_role("button", name="Unseen", exact=False).last).to_be_visible()
    tab.evaluate(_STUBS)
    tab.evaluate("() => (document.hasFocus = () => false)")
    enable(tab)
    for room, text in ((seen, "read at once"), (unseen, "not read")):
        alice.post_message(room, text)
    expect(page.get_by_role("article").last).to_contain_text("read at once")
    tab.wait_for_function("() => shown.length > 0")
    assert tab.evaluate("() => shown.map(({ title }) => title)") == ["Unseen"]


@whole_only
def test_message_after_one_that_was_read_elsewhere_has_its_own_wait(waiting: Waiting) -> None:
    page, row, alice, bob, room = waiting
    bob.connect(room)
    bob.mark_read(room, bob.get_head(room))
    expect(row).not_to_contain_text("unread")
    alice.post_message(room, "second")
    expect(row).to_contain_text("1 unread message")
    assert end_waits(page) == []
    bob.mark_read(room, bob.get_head(room))
    expect(row).not_to_contain_text("unread")
    assert end_waits(page) == []

    for text in ("third", "fourth"):
        alice.post_message(room, text)
    expect(row).to_contain_text("2 unread messages")
    assert end_waits(page) == ["Alice: fourth"]
    assert page.evaluate("() => waits.length") == 0
    bob.disconnect()


@whole_only
def test_unread_message_after_one_that_was_read_elsewhere_is_notified(waiting: Waiting) -> None:
    page, row, alice, bob, room = waiting
    bob.connect(room)
    bob.mark_read(room, bob.get_head(room))
    expect(row).not_to_contain_text("unread")
    alice.post_message(room, "second")
    expect(row).to_contain_text("1 unread message")
    assert end_waits(page) == []
    assert end_waits(page) == ["Alice: second"]
    bob.disconnect()


@whole_only
def test_message_that_is_deleted_within_the_wait_is_not_notified(waiting: Waiting) -> None:
    page, row, alice, _, room = waiting
    alice.delete_message(room, alice.get_head(room))
    expect(row).to_contain_text("Message deleted")
    assert end_waits(page) == []


@whole_only
@pytest.mark.parametrize("item", ["Mute notifications", "Archive"])
def test_message_is_not_notified_after_the_wait_if_it_is_not_wanted_any_more(waiting: Waiting, item: str) -> None:
    page, row, *_ = waiting
    choose(page, "Room", item)
    if item == "Archive":
        expect(row).to_have_count(0)
    else:
        expect(row).to_contain_text("Notifications muted")
    assert end_waits(page) == []


@whole_only
def test_older_conversations_that_are_loaded_later_do_not_notify(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-n5"), people("bob-n5")
    old, other = (alice.create_conversation(title, [bob]) for title in ("Old", "Other"))
    for room in (old, other):
        alice.post_message(room, "before the page")
    for number in range(100):
        alice.create_conversation(f"Recent {number}", [bob])
    page = open_page("bob-n5")
    expect(page.get_by_role("button", name=re.compile("^Recent 99"))).to_be_visible()
    page.evaluate(_STUBS)
    page.evaluate(_HOLD)
    enable(page)
    alice.post_message(other, "new")
    expect(page.get_by_role("button", name=re.compile("^Other"))).to_contain_text("new")
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("button", name=re.compile("^Old"))).to_be_visible()
    assert end_waits(page) == ["Alice: new"]


@whole_only
def test_muted_and_archived_conversations_do_not_notify(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-n3"), people("bob-n3")
    rooms = {title: alice.create_conversation(title, [bob]) for title in ("Muted", "Archived", "Loud")}
    page = open_page("bob-n3")
    expect(page.get_by_role("button", name="Loud")).to_be_visible()
    page.evaluate(_STUBS)
    enable(page)
    choose(page, "Muted", "Mute notifications")
    choose(page, "Archived", "Archive")
    page.get_by_role("button", name="Archived (1)").click()

    def shown(text: str) -> list[str]:
        """Return the titles of the notifications about a text in each conversation; that of the last one comes."""
        for title, room in rooms.items():
            alice.post_message(room, text)
            expect(page.get_by_role("button", name=re.compile(f"^{title}")).last).to_contain_text(text)
        page.wait_for_function(
            "text => shown.some(({ title, body }) => title === 'Loud' && body.includes(text))", arg=text
        )
        return list(
            page.evaluate(
                "text => shown.filter(({ body }) => body.includes(text)).map(({ title }) => title)", text
            )
        )

    assert shown("first") == ["Loud"]
    choose(page, "Muted", "Notify again")
    assert shown("second") == ["Muted", "Loud"]


@whole_only
def test_direct_message_is_notified_by_the_name_of_the_other(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-n6"), people("bob-n6")
    direct = alice.put(f"/direct?participant_id={bob.id}", {"name": "Bob"}).expect(201)["conversation_id"]
    page = open_page("bob-n6")
    row = page.get_by_role("button", name=re.compile("^Alice"))
    expect(row).to_be_visible()
    page.evaluate(_STUBS)
    page.evaluate(_HOLD)
    enable(page)
    alice.post_message(direct, "just between us")
    expect(row).to_contain_text("1 unread message")
    assert end_waits(page) == ["Alice: just between us"]
    assert page.evaluate("shown[0].title") == "Alice"


@whole_only
def test_notification_is_that_of_the_service_worker_where_there_is_no_other(waiting: Waiting) -> None:
    page, *_ = waiting
    page.evaluate(
        """() => {
          globalThis.Notification = class { constructor() { throw new TypeError("Illegal constructor"); } };
          const showNotification = async (title, { body }) => void shown.push({ title, body });
          navigator.serviceWorker.getRegistration = async () => ({ showNotification });
        }"""
    )
    end_waits(page)
    page.wait_for_function("() => shown.length === 1")
    assert page.evaluate("shown") == [{"title": "Room", "body": "Alice: first"}]


@whole_only
def test_user_is_told_when_the_browser_cannot_subscribe_to_the_push_service(
    people: People, open_page: OpenPage
) -> None:
    people("alice-n7").create_conversation("One")
    page = open_page("alice-n7")
    expect(page.get_by_role("button", name="One")).to_be_visible()
    page.evaluate(_STUBS)
    page.evaluate(
        """() => {
          document.querySelector("serverless-chat").setAttribute("vapid-key", "BAAA_-8");
          const subscribe = async () => { throw new DOMException("push service error", "AbortError"); };
          const ready = Promise.resolve({ pushManager: { subscribe } });
          navigator.serviceWorker.ready = ready;
        }"""
    )
    enable(page)
    expect(page.locator(".toast")).to_contain_text("That did not work. Try again.")
