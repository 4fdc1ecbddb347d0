"""The web page in Chromium: its first message, its own and others' messages, and its work at 10,000 messages.

Times inside the page are taken in the frame in which the message is in the document. The clock of the page and of
this process are the same machine's.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from local.settings import ROOT
from scripts.browser import MISSING, chromium
from scripts.web import DIST

from .checkout import RunningChat, running_chat
from .http_conversation import HttpConversation
from .stats import table
from .targets import Targets
from .web_view import BATCH, Scrolled, View, chromium_at

Print = Callable[[str], None]
SLOW_DOWN = 4
"""How many times slower than this machine the processor of the cold start is."""
SPEED = 800
"""Pixels a frame, in which a reader recognizes nothing any more."""
MAX_COLD, MAX_ECHO, MAX_PAINT, MAX_TASK, MAX_GROWTH = 1_500.0, 50.0, 100.0, 8.0, 1.05
MAX_DROPPED = 0.02
"""The part of the frames that may be missing while scrolling."""
MAX_MOVED = 0.01
"""The part of them in which a message may move otherwise: the first loaded row loses its date and author."""
_KINDS = (
    "short {}",
    "# Heading {}\n\n```\ncode\n" + "line\n" * 8 + "```",
    "word " * 90 + "{}",
    "- a\n- b\n- c {}",
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    messages: int = 10_000
    filling: int = 14_400
    """Messages after which the page keeps no more of them, and its tables have their final sizes."""
    samples: int = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds, and the growth of the memory as a ratio."""

    cold: float
    """The best of three: whatever else the machine does makes it longer."""
    start: float
    """CPU time of the main thread until the first message, at this machine's speed."""
    echo: float
    paint: float
    heaps: tuple[float, float]
    """Bytes of memory, before and after the messages were received."""
    single: float
    """CPU time of the main thread for a message that comes alone, after all of them."""
    batched: float
    """The same for one of a batch."""
    back: Scrolled
    """Through all messages to the first one, while earlier ones are loaded."""
    forth: Scrolled
    """And again to the last one."""
    loaded: float
    """CPU time for a message that comes alone when all are loaded."""


def report(scale: Scale, print_result: Print, targets: Targets) -> bool:
    """Measure and print; return whether the results are correct."""
    program = chromium()
    if program is None or not (ROOT / DIST / "index.html").exists():
        print_result(MISSING if program is None else "The web page is not built: see `make setup`.")
        targets.leave_out("the web page")
        return True
    with running_chat(ROOT) as chat, chromium_at(program) as browser:
        measured = measure(browser, chat, scale)
    before, after = measured.heaps
    count = f"{scale.messages:,}"
    rows = [
        [f"first message, cold, processor {SLOW_DOWN} times slower", f"{measured.cold:.0f} ms"],
        ["main thread until the first message, CPU", f"{measured.start:.0f} ms"],
        ["from the key to the message on the screen", f"{measured.echo:.0f} ms"],
        ["from another's request to the screen, without the request", f"{measured.paint:.0f} ms"],
        [f"main thread per received message, CPU, after {count}", f"{measured.single:.1f} ms"],
        ["the same with all of them loaded", f"{measured.loaded:.1f} ms"],
        ["the same in batches", f"{measured.batched:.1f} ms"],
        [f"memory before {count} received messages, and after", f"{before / 1e6:.2f}, {after / 1e6:.2f} MB"],
        *(
            [
                f"scrolling {way} through {count} messages: frames; missing, blank, moved; tasks > 50 ms",
                f"{seen.frames}; {seen.dropped}, {seen.blank}, {seen.moved}; {seen.long_tasks}",
            ]
            for way, seen in (("back", measured.back), ("forth", measured.forth))
        ),
    ]
    print_result(table(["web page", "measured"], rows))
    targets.at_most("web page: first message, cold, slow processor, ms", measured.cold, MAX_COLD)
    targets.at_most("web page: key to local echo, ms", measured.echo, MAX_ECHO)
    targets.at_most("web page: another's message to paint, ms", measured.paint, MAX_PAINT)
    task = max(measured.single, measured.loaded)
    targets.at_most("web page: main thread per received message, ms of CPU", task, MAX_TASK)
    targets.at_most("web page: growth of memory", after / before, MAX_GROWTH)
    for way, seen in (("back", measured.back), ("forth", measured.forth)):
        targets.at_most(f"web page: scrolling {way}, missing frames", seen.dropped / seen.frames, MAX_DROPPED)
        targets.at_most(f"web page: scrolling {way}, tasks > 50 ms", seen.long_tasks, 0)
        targets.at_most(f"web page: scrolling {way}, frames without a message", seen.blank, 0)
        share = seen.moved / seen.frames
        targets.at_most(f"web page: scrolling {way}, share of frames with another movement", share, MAX_MOVED)
    return True


def measure(browser: Any, chat: RunningChat, scale: Scale) -> Measured:
    """Open the page of a chat as Bob, who receives the messages of Alice."""
    tokens = chat.tokens(["alice", "bob"])
    conversation = HttpConversation(chat.http_url, tokens["alice"], ["alice", "bob"])
    conversation.send(["the first message"], "first")
    url = _address(chat, conversation)
    cold = min(_cold(browser, url) for _ in range(3))
    view = View(browser, url, "the first message")
    start = view.cpu()
    echo = statistics.median(view.echo(f"echo {number}") for number in range(scale.samples))
    view.receive(conversation, scale.filling, "filling")
    before = view.heap()
    view.receive(conversation, scale.messages, "whole")
    heaps = (before, view.heap())
    paint = statistics.median(view.paint(conversation, f"paint {number}") for number in range(scale.samples))
    single = _cpu(view, conversation, 2 * scale.samples, "single", 1)
    batched = _cpu(view, conversation, 4 * BATCH, "batched", BATCH)
    view.close()
    long = HttpConversation(chat.http_url, tokens["alice"], ["alice", "bob"])
    for first in range(0, scale.messages, BATCH):
        numbers = range(first, min(first + BATCH, scale.messages))
        long.send(mixed_messages(numbers), f"long-{first}")
    view = View(browser, _address(chat, long), "")
    view.scroll(SPEED)  # to the newest message, from the first new one
    back, forth = view.scroll(-SPEED), view.scroll(SPEED)
    loaded = _cpu(view, long, 2 * scale.samples, "single", 1)
    view.close()
    return Measured(cold, start, echo, paint, heaps, single, batched, back, forth, loaded)


def mixed_messages(numbers: Iterable[int]) -> list[str]:
    """Return messages of very different heights, with code, so that estimates are wrong."""
    return [_KINDS[number % len(_KINDS)].format(number) for number in numbers]


def _address(chat: RunningChat, conversation: HttpConversation) -> str:
    return f"{chat.web_url}#as=bob&/c/{conversation.conversation_id}"


def _cold(browser: Any, url: str) -> float:
    """Return the milliseconds from the beginning of the navigation to the first message, with nothing cached."""
    view = View(browser, url, "the first message", SLOW_DOWN)
    view.close()
    return view.first_seen


def _cpu(view: View, conversation: HttpConversation, count: int, key: str, batch: int) -> float:
    """Return the milliseconds of the main thread for each of some received messages."""
    before = view.cpu()
    view.receive(conversation, count, key, batch)
    return (view.cpu() - before) / count
