"""The web page in Chromium: its first message, its own and others' messages, and its work at 10,000 messages.

Times inside the page are taken in the frame in which the message is in the document. The clock of the page and of
this process are the same machine's.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.settings import ROOT
from scripts.browser import MISSING, chromium
from scripts.web import DIST

from .checkout import RunningChat, running_chat
from .http_conversation import HttpConversation
from .stats import table
from .targets import Targets

Print = Callable[[str], None]
BATCH = 24
TIMEOUT_MILLISECONDS = 120_000
SLOW_DOWN = 4
"""How many times slower than this machine the processor of the cold start is."""
MAX_COLD, MAX_ECHO, MAX_PAINT, MAX_TASK, MAX_GROWTH = 1_500.0, 50.0, 100.0, 8.0, 1.25
_OBSERVER = """
window.benchSeen = (text) => new Promise((resolve) => {
  const look = () => {
    const root = document.querySelector("serverless-chat")?.shadowRoot;
    const rows = root ? [...root.querySelectorAll("article")] : [];
    const isShown = rows.some((row) => row.textContent.includes(text));
    if (isShown) resolve([performance.now(), Date.now()]); else requestAnimationFrame(look);
  };
  look();
});
window.benchKey = () => new Promise((resolve) =>
  addEventListener("keydown", (event) => event.key === "Enter" && resolve(event.timeStamp), { capture: true }));
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    messages: int = 10_000
    samples: int = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds, and the growth of the memory as a ratio."""

    cold: float
    """The best of three: whatever else the machine does makes it longer."""
    start: float
    """Of the main thread until the first message, at this machine's speed."""
    echo: float
    paint: float
    task: float
    growth: float


def report(scale: Scale, print_result: Print, targets: Targets) -> bool:
    """Measure and print; return whether the results are correct."""
    program = chromium()
    if program is None or not (ROOT / DIST / "index.html").exists():
        print_result(MISSING if program is None else "The web page is not built: see `make setup`.")
        return True
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (its import takes longer than most benchmarks)

    with running_chat(ROOT) as chat, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        measured = measure(browser, chat, scale)
        browser.close()
    rows = [
        [f"first message, cold, processor {SLOW_DOWN} times slower", f"{measured.cold:.0f} ms"],
        ["main thread until the first message", f"{measured.start:.0f} ms"],
        ["from the key to the message on the screen", f"{measured.echo:.0f} ms"],
        ["from another's request to the screen, without the request", f"{measured.paint:.0f} ms"],
        [f"main thread per received message, at {scale.messages:,}", f"{measured.task:.1f} ms"],
        ["memory after the second half, against that after the first", f"{measured.growth:.2f}"],
    ]
    print_result(table(["web page", "measured"], rows))
    targets.at_most("web page: first message, cold, slow processor, ms", measured.cold, MAX_COLD)
    targets.at_most("web page: key to local echo, ms", measured.echo, MAX_ECHO)
    targets.at_most("web page: another's message to paint, ms", measured.paint, MAX_PAINT)
    targets.at_most("web page: main thread per received message, ms", measured.task, MAX_TASK)
    targets.at_most("web page: growth of memory", measured.growth, MAX_GROWTH)
    return True


def measure(browser: Any, chat: RunningChat, scale: Scale) -> Measured:
    """Open the page of a chat as Bob, who receives the messages of Alice."""
    tokens = chat.tokens(["alice", "bob"])
    conversation = HttpConversation(chat.http_url, tokens["alice"], ["alice", "bob"])
    conversation.send(["the first message"], "first")
    url = f"{chat.web_url}#as=bob&/c/{conversation.conversation_id}"
    cold = min(_cold(browser, url) for _ in range(3))
    page, session = _opened(browser, url)
    start = _task_seconds(session)
    echo = statistics.median(_echo(page, f"echo {number}") for number in range(scale.samples))
    half = scale.messages // 2
    _receive(page, conversation, half, "half")
    before = _heap(session)
    _receive(page, conversation, half, "whole")
    growth = _heap(session) / before
    paint = statistics.median(_paint(page, conversation, f"paint {number}") for number in range(scale.samples))
    busy = _task_seconds(session)
    _receive(page, conversation, 4 * BATCH, "busy")
    task = (_task_seconds(session) - busy) / (4 * BATCH)
    page.context.close()
    return Measured(cold, start * 1_000, echo, paint, task * 1_000, growth)


def _opened(browser: Any, url: str, slow_down: int = 1) -> tuple[Any, Any]:
    context = browser.new_context(viewport={"width": 1024, "height": 720})
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    page = context.new_page()
    page.add_init_script(_OBSERVER)
    session = context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("Emulation.setCPUThrottlingRate", {"rate": slow_down})
    page.goto(url, wait_until="commit")
    page.evaluate("benchSeen('the first message')")
    return page, session


def _cold(browser: Any, url: str) -> float:
    """Return the milliseconds from the beginning of the navigation to the first message, with nothing cached."""
    page, _ = _opened(browser, url, SLOW_DOWN)
    seen: float = page.evaluate("benchSeen('the first message')")[0]
    page.context.close()
    return seen


def _echo(page: Any, text: str) -> float:
    """Return the milliseconds from the key that sends a message to the frame that shows it."""
    page.get_by_role("textbox", name="Message ").fill(text)
    page.evaluate("(text) => { window.benchEcho = Promise.all([benchKey(), benchSeen(text)]) }", text)
    page.keyboard.press("Enter")
    key, (seen, _) = page.evaluate("benchEcho")
    return float(seen - key)


def _paint(page: Any, conversation: HttpConversation, text: str) -> float:
    """Return the milliseconds until another's message is shown, less those of the request that sent it."""
    page.evaluate("(text) => { window.benchPaint = benchSeen(text) }", text)
    started = time.time()
    seconds = conversation.send([text], text.replace(" ", "-"))
    _, seen = page.evaluate("benchPaint")
    return max(0.0, float(seen) - (started + seconds) * 1_000)


def _receive(page: Any, conversation: HttpConversation, count: int, key: str) -> None:
    """Send messages, and wait after each batch until the page shows it: the sender has a rate limit."""
    for start in range(0, count, BATCH):
        texts = [f"{key} {number} and a few **words**" for number in range(start, start + BATCH)]
        conversation.send(texts, f"{key}-{start}")
        page.evaluate("(text) => benchSeen(text)", texts[-1].replace("**", ""))


def _metric(session: Any, name: str) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == name))


def _task_seconds(session: Any) -> float:
    """Return the seconds for which the main thread has been busy."""
    return _metric(session, "TaskDuration")


def _heap(session: Any) -> float:
    """Return the bytes of the heap after a garbage collection."""
    session.send("HeapProfiler.collectGarbage")
    return _metric(session, "JSHeapUsedSize")
