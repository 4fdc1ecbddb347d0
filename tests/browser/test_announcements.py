"""Live regions: screen readers speak new messages once, also inside of dialogs; nothing of the history."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.filling import fill
from tests.browser.hearing import HEAR, spoken, wait_for_spoken
from tests.browser.hook import REASON, REFUSED
from tests.browser.lasting import LASTING
from tests.browser.selection import whole_only
from tests.browser.sockets import Relay
from tests.browser.watching import Watch
from tests.support.client import TestClient

People = Callable[[str], TestClient]
BEGINNING = "This is the beginning of the conversation."


@whole_only
def test_new_messages_of_others_are_spoken_once_and_nothing_else(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-h1"), people("bob-h1")
    log = alice.create_conversation("Log", [bob])
    other = alice.create_conversation("Other", [bob])
    first = alice.post_message(log, "an old line")["sequence_id"]
    page = open_page("bob-h1", f"/c/{log}", script=HEAR)
    expect(page.get_by_role("article").last).to_contain_text("an old line")
    alice.post_message(log, "one **new** line")
    wait_for_spoken(page, "one new line")
    page.get_by_role("textbox", name="Message Log").fill("my own")
    page.keyboard.press("Enter")
    expect(page.locator(".pending")).to_have_count(0)
    alice.edit_message(log, first, "an old line, edited")
    alice.add_reaction(log, first, "👍")
    alice.post_message(other, "in another conversation")
    expect(page.get_by_role("button", name=re.compile("^Other"))).to_contain_text("in another conversation")
    expect(page.get_by_role("article", name=re.compile("an old line, edited"))).to_contain_text("👍")
    alice.post_message(log, "the last line")
    wait_for_spoken(page, "the last line")
    assert spoken(page) == ["Alice: one new line", "Alice: the last line"]
    page.get_by_role("button", name=re.compile("^Other")).click()
    expect(page.get_by_role("article").last).to_contain_text("in another conversation")
    alice.post_message(other, "and here")
    wait_for_spoken(page, "and here")
    assert spoken(page)[2:] == ["Alice: and here"]


@whole_only
def test_reload_and_reconnection_repeat_nothing(people: People, open_page: OpenPage, watch: Watch) -> None:
    alice, bob = people("alice-h2"), people("bob-h2")
    log = alice.create_conversation("Log", [bob])
    relay = Relay()
    page = open_page("bob-h2", f"/c/{log}", script=HEAR, prepare=relay.attach)
    expect(page.get_by_text(BEGINNING)).to_be_visible()
    alice.post_message(log, "before the reload")
    wait_for_spoken(page, "before the reload")
    page.reload()
    expect(page.get_by_role("article").last).to_contain_text("before the reload")
    expect(page.get_by_text("1 online")).to_be_visible()
    alice.post_message(log, "after the reload")
    wait_for_spoken(page, "after the reload")
    assert spoken(page) == ["Alice: after the reload"]
    watch.expect("WebSocket")
    relay.end()
    alice.post_message(log, "while there was no connection")
    wait_for_spoken(page, "while there was no connection")
    messages = [text for text in spoken(page)[1:] if text != "Reconnecting…"]
    assert messages == ["Alice: while there was no connection"]


@whole_only
def test_earlier_messages_come_silently_and_the_list_is_busy_until_then(
    people: People, open_page: OpenPage
) -> None:
    alice, bob = people("alice-h3"), people("bob-h3")
    long = alice.create_conversation("Long", [bob])
    fill(long, [f"line {number}" for number in range(150)], alice, bob)
    bob.put(f"/conversations/{long}/read", {"sequence_id": alice.get_head(long)}).expect(200)
    relay = Relay()
    page = open_page("bob-h3", f"/c/{long}", script=HEAR, prepare=relay.attach)
    feed, viewport = page.get_by_role("feed"), page.locator(".message-viewport")
    earliest = page.get_by_role("article", name=re.compile(": line 0$"))
    expect(page.get_by_role("article").last).to_contain_text("line 149")
    expect(feed).to_have_attribute("aria-busy", "false")
    relay.held_types.add("sync")
    viewport.evaluate("element => element.scrollTo(0, 0)")
    expect(feed).to_have_attribute("aria-busy", "true")
    expect(page.get_by_text("Loading earlier messages…")).to_be_visible()
    expect(earliest).to_have_count(0)
    assert relay.held
    relay.release()
    while not page.get_by_text(BEGINNING).is_visible():
        viewport.evaluate("element => element.scrollTo(0, 0)")
        expect(feed).to_have_attribute("aria-busy", "false")
    expect(earliest).to_be_visible()
    assert spoken(page) == []
    alice.post_message(long, "a new line")
    wait_for_spoken(page, "a new line")
    assert spoken(page) == ["Alice: a new line"]


@whole_only
def test_page_and_conversation_are_busy_until_they_are_loaded(people: People, open_page: OpenPage) -> None:
    alice = people("alice-h4")
    for title in ("One", "Two"):
        alice.post_message(alice.create_conversation(title), f"in {title}")
    relay = Relay()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    def hold_list(page: Page) -> None:
        relay.attach(page)
        page.route("**/conversations?limit=100", hold)

    page = open_page("alice-h4", script=HEAR, prepare=hold_list)
    chat, feed = page.locator("serverless-chat"), page.get_by_role("feed")
    expect(chat).to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("button", name=re.compile("^One"))).to_have_count(0)
    page.unroute("**/conversations?limit=100")
    for route in held:
        route.continue_()
    expect(chat).to_have_attribute("aria-busy", "false")
    relay.held_types.add("subscribe")
    page.get_by_role("button", name=re.compile("^One")).first.click()
    expect(feed).to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("article")).to_have_count(0)
    relay.release()
    expect(page.get_by_role("article").last).to_contain_text("in One")
    expect(feed).to_have_attribute("aria-busy", "false")
    assert spoken(page) == []


def test_new_messages_are_spoken_once_also_in_dialogs_and_history_is_not(
    people: People, open_page: OpenPage
) -> None:
    alice, bob = people("alice-h5"), people("bob-h5")
    log = alice.create_conversation("Log", [bob])
    fill(log, [f"line {number}" for number in range(60)], alice)
    bob.put(f"/conversations/{log}/read", {"sequence_id": alice.get_head(log)}).expect(200)
    permissions = ["clipboard-read", "clipboard-write"]
    page = open_page("bob-h5", f"/c/{log}", script=f"{HEAR};{LASTING}", permissions=permissions)
    messages, dialog = page.get_by_role("article"), page.get_by_role("dialog")
    expect(messages.last).to_contain_text("line 59")
    page.locator(".message-viewport").evaluate("element => element.scrollTo(0, 0)")
    expect(page.get_by_text(BEGINNING)).to_be_visible()
    expect(messages.first).to_contain_text("started the conversation")
    alice.post_message(log, "a **new** line")
    wait_for_spoken(page, "a new line")
    expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    dialog.wait_for()
    alice.post_message(log, "while a dialog is open")
    wait_for_spoken(page, "while a dialog is open")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    copied = messages.filter(has_text="line 3").first
    copied.hover()
    copied.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Copy text").click()
    expect(page.locator(".toast")).to_contain_text("Copied")
    page.get_by_role("button", name="New conversation").click()
    expect(dialog.locator(".toast")).to_contain_text("Copied")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    alice.post_message(log, "after the dialogs")
    wait_for_spoken(page, "after the dialogs")
    assert spoken(page) == [
        "Alice: a new line",
        "Alice: while a dialog is open",
        "Copied",
        "Alice: after the dialogs",
    ]


@whole_only
def test_refusal_is_spoken_when_it_happens_and_not_again(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-h6"), people("bob-h6")
    log = alice.create_conversation("Log", [bob])
    fill(log, [f"line {number}" for number in range(60)], alice)
    alice.put(f"/conversations/{log}/read", {"sequence_id": alice.get_head(log)}).expect(200)
    page = open_page("alice-h6", f"/c/{log}", script=HEAR)
    page.get_by_role("textbox", name="Message Log").fill(f"a {REFUSED} word")
    page.keyboard.press("Enter")
    failed = page.locator(".send-state.failed")
    expect(failed).to_be_visible()
    wait_for_spoken(page, REASON)
    viewport = page.locator(".message-viewport")
    viewport.evaluate("element => element.scrollTo(0, 0)")
    expect(failed).to_have_count(0)
    viewport.evaluate("element => element.scrollTo(0, element.scrollHeight)")
    expect(failed).to_be_visible()
    bob.post_message(log, "a new line")
    wait_for_spoken(page, "a new line")
    assert spoken(page) == [f"Not sent: {REASON}", "Bob: a new line"]
    page.reload()
    expect(page.get_by_role("article").filter(has_text="a new line")).to_be_visible()
    expect(failed).to_be_visible()
    expect(page.get_by_text("1 online")).to_be_visible()
    bob.post_message(log, "another line")
    wait_for_spoken(page, "another line")
    assert spoken(page) == ["Bob: another line"]


@whole_only
def test_lost_connection_is_spoken_once_also_in_a_dialog(
    people: People, open_page: OpenPage, watch: Watch
) -> None:
    alice = people("alice-h7")
    log = alice.create_conversation("Log")
    relay = Relay()
    page = open_page("alice-h7", f"/c/{log}", script=HEAR, prepare=relay.attach)
    expect(page.get_by_text("1 online")).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("dialog").wait_for()
    watch.expect("WebSocket")
    relay.cut()
    wait_for_spoken(page, "Reconnecting…")
    expect(page.locator(".banner")).to_contain_text("Reconnecting…")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("button", name="Members", exact=True).click()
    expect(page.get_by_role("heading", name="Details")).to_be_visible()
    assert spoken(page) == ["Reconnecting…"]


@whole_only
def test_token_that_fails_without_a_network_is_no_sign_out(
    people: People, open_page: OpenPage, watch: Watch
) -> None:
    log = people("alice-h10").create_conversation("Log")
    relay = Relay()
    page = open_page("alice-h10", f"/c/{log}", prepare=relay.attach)
    expect(page.get_by_text("1 online")).to_be_visible()
    page.evaluate(
        """() => {
          const chat = document.querySelector("serverless-chat");
          const working = chat.token;
          chat.token = async () => (globalThis.isFailing ? Promise.reject(new Error("no answer")) : working());
        }"""
    )
    expect(page.get_by_text("1 online")).to_be_visible()
    watch.expect("WebSocket|Failed to load|no answer")
    page.evaluate("globalThis.isFailing = true")
    page.context.set_offline(True)
    relay.end()
    banner = page.locator(".banner")
    expect(banner).to_contain_text("You are offline.")
    page.context.set_offline(False)
    expect(banner).to_contain_text("You are not signed in any more.")


@whole_only
def test_action_without_an_answer_is_shown_and_spoken(people: People, open_page: OpenPage, watch: Watch) -> None:
    people("alice-h8").create_conversation("Log")
    page = open_page("alice-h8", script=HEAR)
    expect(page.get_by_role("button", name=re.compile("^Log"))).to_be_visible()
    watch.expect("Failed to load")
    page.route("**/conversations", lambda route: route.abort())
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("textbox", name="Title", exact=True).fill("Lost")
    page.get_by_role("button", name="Create").press("Enter")
    answer = "The server does not answer. Try again."
    expect(page.get_by_role("dialog").locator(".toast")).to_contain_text(answer)
    wait_for_spoken(page, answer)
    expect(page.get_by_role("button", name="Create")).to_be_focused()
    page.unroute("**/conversations")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Lost", level=1)).to_be_visible()


@whole_only
def test_further_conversations_that_cannot_be_loaded_are_reported(
    people: People, open_page: OpenPage, watch: Watch
) -> None:
    people("alice-h12").create_conversation("Log")

    def listed(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "next_cursor": "further"})

    def prepare(page: Page) -> None:
        page.route(re.compile(r"/conversations\?limit=100$"), listed)
        page.route(re.compile(r"/conversations\?.*cursor=further"), lambda route: route.abort())

    watch.expect("Failed to load")
    page = open_page("alice-h12", prepare=prepare)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".toast")).to_contain_text("The server does not answer. Try again.")


@whole_only
def test_text_that_is_too_long_to_send_is_spoken(people: People, open_page: OpenPage) -> None:
    log = people("alice-h9").create_conversation("Log")
    page = open_page("alice-h9", f"/c/{log}", script=HEAR)
    page.get_by_role("textbox", name="Message Log").fill("x" * 10_002)
    page.keyboard.press("Enter")
    wait_for_spoken(page, "2 characters too long")


@whole_only
def test_failure_that_repeats_itself_is_spoken_once(people: People, open_page: OpenPage) -> None:
    log = people("alice-h11").create_conversation("Log")
    page = open_page("alice-h11", f"/c/{log}", script=HEAR)
    expect(page.get_by_text("1 online")).to_be_visible()
    page.evaluate(
        """() => {
          globalThis.attempts = 0;
          const full = new DOMException("full", "QuotaExceededError");
          Object.defineProperty(IDBTransaction.prototype, "error", { get: () => full });
          IDBObjectStore.prototype.put = function () {
            attempts++;
            this.transaction.abort();
            return {};
          };
        }"""
    )
    page.get_by_role("textbox", name="Message Log").fill("no room for this")
    page.keyboard.press("Enter")
    page.wait_for_function("() => attempts >= 4")
    expect(page.locator(".toast")).to_contain_text("The storage of this browser is full.")
    assert len([text for text in spoken(page) if "is full" in text]) == 1
