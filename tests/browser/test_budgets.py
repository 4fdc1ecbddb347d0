"""The work and the memory of the page by the number of messages: counts and ratios, alike on every machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from bench.checkout import RunningChat, running_chat
from bench.http_conversation import HttpConversation
from bench.web_page import mixed_messages
from bench.web_view import View
from tests.browser.selection import whole_only
from tests.browser.web_chat import WebChat
from tests.support.server import ROOT

pytestmark = whole_only
FEW, MANY = 200, 2_000
SAMPLES = 24
_WATCH = """() => {
  const { shadowRoot: root } = document.querySelector("serverless-chat");
  window.changes = 0;
  new MutationObserver((list) => (changes += list.length))
    .observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
}"""
_ELEMENTS = "document.querySelector('serverless-chat').shadowRoot.querySelectorAll('*').length"


@pytest.fixture(scope="module")
def chat(web_chat: WebChat) -> Iterator[RunningChat]:
    """Return a chat without the limits of participants. Needs the page, as `web_chat` does."""
    with running_chat(ROOT) as running:
        yield running


def conversation_of(chat: RunningChat) -> HttpConversation:
    """Return a new conversation of Alice and Bob, with a message."""
    conversation = HttpConversation(chat.http_url, chat.tokens(["alice"])["alice"], ["alice", "bob"])
    conversation.send(["the first message"], "first")
    return conversation


def view_of(browser: Browser, chat: RunningChat, conversation: HttpConversation) -> View:
    """Return the page of Bob."""
    return View(browser, f"{chat.web_url}#as=bob&/c/{conversation.conversation_id}", "")


def work(view: View) -> int:
    """Return how often blocks of the page's code have run since the last call."""
    scripts: list[dict[str, Any]] = view.session.send("Profiler.takePreciseCoverage")["result"]
    return sum(
        block["count"]
        for script in scripts
        if "/assets/" in script["url"]
        for function in script["functions"]
        for block in function["ranges"]
    )


def test_received_message_costs_the_same_after_ten_times_as_many(browser: Browser, chat: RunningChat) -> None:
    conversation = conversation_of(chat)
    view = view_of(browser, chat, conversation)
    view.session.send("Profiler.enable")
    view.session.send("Profiler.startPreciseCoverage", {"callCount": True, "detailed": True})
    view.page.evaluate(_WATCH)
    received, blocks, changes, elements, heaps = 0, [], [], [], []
    for size in (FEW, MANY):
        view.receive(conversation, size - received, f"to-{size}")
        received = size
        elements.append(view.page.evaluate(_ELEMENTS))
        heaps.append(view.heap())
        work(view)
        changed = view.page.evaluate("changes")
        view.receive(conversation, SAMPLES, f"after-{size}", 1)
        blocks.append(work(view) / SAMPLES)
        changes.append((view.page.evaluate("changes") - changed) / SAMPLES)
    view.close()
    few, many = range(2)
    assert 300 < elements[many] < 1.1 * elements[few]
    # The nodes that are written are those of one row that comes and one that goes.
    assert 0 < changes[many] <= changes[few] + 1 <= 12
    # Each known message is compared a few times; nothing is made of it again.
    assert blocks[many] - blocks[few] <= 9 * (MANY - FEW)
    assert blocks[few] < 25_000
    assert heaps[many] < 1.7 * heaps[few]


def test_heights_of_messages_that_are_not_kept_are_forgotten(browser: Browser, chat: RunningChat) -> None:
    conversation = conversation_of(chat)
    view = view_of(browser, chat, conversation)
    view.receive(conversation, 7_200, "many")
    chunks: list[str] = []
    view.session.on("HeapProfiler.addHeapSnapshotChunk", lambda event: chunks.append(event["chunk"]))
    view.heap()
    view.session.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    view.close()
    # The keys of rows are "s" and the sequence id. The view keeps 5,000 messages and up to 100 more.
    assert 5_000 <= len(row_keys("".join(chunks))) <= 5_700


def row_keys(snapshot: str) -> list[str]:
    """Return the keys of rows among the strings of a heap."""
    return [text for text in json.loads(snapshot)["strings"] if re.fullmatch(r"s\d+", text)]


@pytest.mark.parametrize("step", [300, 800])
def test_scrolling_through_all_messages_moves_nothing_else(browser: Browser, chat: RunningChat, step: int) -> None:
    """A movement is not undone if the list changes in its frame, and earlier messages move nothing.

    The layout shift score of Chromium counts corrections in a frame with a movement, though they keep the place.
    """
    conversation = conversation_of(chat)
    for first in range(0, 480, 24):
        conversation.send(mixed_messages(range(first, first + 24)), f"mixed-{first}")
    view = view_of(browser, chat, conversation)
    view.scroll(step)
    for seen in (view.scroll(-step), view.scroll(step)):
        assert seen.frames > 30_000 / step
        assert (seen.moved, seen.blank) == (0, 0)
    view.close()
