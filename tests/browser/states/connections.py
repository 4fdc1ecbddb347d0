"""The page while it loads, while there is no connection, and when nothing can be loaded at all."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.browser.filling import fill
from tests.browser.sockets import Relay
from tests.browser.states.model import Scene, Stage, Visit, article, button, by, item, textbox

_FAILING_TOKEN = """() => {
  const chat = document.querySelector("serverless-chat");
  const working = chat.token;
  chat.token = async () => {
    if (globalThis.isSignedOut) throw new Error("signed out");
    return working();
  };
}"""


def news(stage: Stage) -> Visit:
    """Open a conversation with unread messages."""
    alice, bob, carol = (stage.person(name) for name in ("alice", "bob", "carol"))
    other = alice.create_conversation("Other", [bob])
    created = alice.create_conversation("News", [bob, carol])
    first = alice.post_message(created, "the original")["sequence_id"]
    fill(created, [f"old {number}" for number in range(150)], alice, carol, bob)
    bob.put(f"/conversations/{created}/read", {"sequence_id": alice.get_head(created)}).expect(200)
    fill(created, [f"fresh {number}" for number in range(30)], carol)
    alice.post_message(created, "an answer", reply_to=first)
    alice.post_message(other, "@Bob, look", mentions=[bob.id])
    relay = Relay()
    visit = Visit(stage.page_of(bob, created, prepare=relay.attach), created, relay=relay)
    visit.expect(".new-separator")
    return visit


def loading_older(visit: Visit) -> Iterator[None]:
    """Scroll up, and hold the request for earlier messages back."""
    visit.expect(".new-separator")
    visit.relay.held_types.add("sync")
    visit.page.locator(".message-viewport").evaluate("element => element.scrollTo(0, 0)")
    visit.expect('text="Loading earlier messages…"')
    yield
    visit.relay.release()


def loading(visit: Visit) -> Iterator[None]:
    """Open another conversation, and hold the request for its messages back."""
    visit.relay.held_types.add("subscribe")
    visit.page.locator('.conversation:has-text("Other")').click()
    visit.expect('text="Loading…"')
    yield
    visit.relay.release()
    visit.expect(article("@Bob, look"))


def draft(visit: Visit) -> Iterator[None]:
    """Begin a message, and open another conversation."""
    visit.page.locator(textbox("Message Other")).fill("an unfinished thought")
    visit.page.locator('.conversation:has-text("News")').click()
    visit.expect(".preview-by.draft")
    yield


def quiet(visit: Visit) -> Iterator[None]:
    """Mute the notifications of a conversation with unread messages."""
    visit.page.locator('.conversation:has-text("Other")').hover()
    visit.page.locator(button("Actions for Other")).click()
    visit.page.locator(item("Mute notifications")).click()
    visit.expect(".badge.quiet")
    yield


NEWS = Scene(
    news,
    {
        "new messages, and a mention elsewhere": by(shows='.badge:has-text("You are mentioned")', leave=""),
        "muted unread messages": quiet,
        "messages that are being loaded": loading,
        "draft": draft,
        "earlier messages that are being loaded": loading_older,
        "newest message": by(".jump", shows=article("an answer"), leave=""),
        "highlighted original, and the way back": by(".quote", shows=".highlighted", leave=""),
    },
)


def connected(stage: Stage) -> Visit:
    """Open a page whose connection can be ended."""
    alice, bob = stage.person("alice"), stage.person("bob")
    stage.watch.expect("WebSocket|Failed to load|signed out|500")
    created = alice.create_conversation("Work", [bob])
    bob.post_message(created, "at work")
    relay = Relay()
    visit = Visit(stage.page_of(alice, created, prepare=relay.attach), created, relay=relay)
    visit.expect(article("at work"))
    return visit


def reconnecting(visit: Visit) -> Iterator[None]:
    """Let the browser know that there is a network again."""
    visit.page.context.set_offline(False)
    visit.expect('text="Reconnecting…"')
    yield


def pending(visit: Visit) -> Iterator[None]:
    """Send a message, which waits for the connection."""
    visit.page.locator(textbox("Message Work")).fill("sent later")
    visit.page.keyboard.press("Enter")
    visit.expect("text=Sending")
    yield


def offline(visit: Visit) -> Iterator[None]:
    """End the connection, and let the browser know that there is no network."""
    visit.page.context.set_offline(True)
    visit.relay.cut()
    visit.expect("text=You are offline.")
    yield


def stopped(visit: Visit) -> Iterator[None]:
    """Let the chat close the connection for good."""
    visit.relay.send(type="disconnect", code="SUSPENDED", reason="suspended", reconnect=False)
    visit.expect(button("Connect again"))
    yield


def signed_out(visit: Visit) -> Iterator[None]:
    """Let the token callback fail when the connection is renewed."""
    visit.page.evaluate(_FAILING_TOKEN)
    visit.expect(article("at work"))
    visit.page.evaluate("globalThis.isSignedOut = true")
    visit.relay.cut()
    visit.expect("text=You are not signed in any more.")
    yield


def failure(visit: Visit) -> Iterator[None]:
    """Let the token callback fail from the beginning."""
    fails = "async () => { throw new Error('signed out') }"
    visit.page.evaluate(f"void (document.querySelector('serverless-chat').token = {fails})")
    visit.expect("text=The chat cannot be opened.")
    yield


def broken_page(visit: Visit) -> Iterator[None]:
    """Load the page while its server has no configuration for it."""
    visit.page.route("**/config.json", lambda route: route.fulfill(status=500))
    visit.page.reload()
    visit.expect("text=The chat cannot be opened.")
    yield


def unanswered(stage: Stage) -> Visit:
    """Open a page that gets no connection."""
    alice = stage.person("alice")
    relay = Relay()
    relay.is_answering = False

    def prepare(page: Page) -> None:
        relay.attach(page)
        page.route("**/conversations/conv_*", lambda route: None)

    return Visit(stage.page_of(alice, alice.create_conversation("Unknown yet"), prepare=prepare))


CONNECTIONS = Scene(
    connected,
    {
        "offline": offline,
        "message on its way": pending,
        "reconnecting": reconnecting,
    },
)
STOPPED = Scene(connected, {"connection that was closed": stopped})
SIGNED_OUT = Scene(
    connected,
    {"signed out": signed_out, "chat that cannot be opened": failure, "page that cannot be opened": broken_page},
)
UNANSWERED = Scene(unanswered, {"first connection": by(shows='text="Connecting…"', leave="")})
