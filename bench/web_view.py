"""The web page in a window of Chromium, and measurements of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .http_conversation import HttpConversation

BATCH = 24
TIMEOUT_MILLISECONDS = 120_000
PATIENCE = 20_000
"""Frames after which a journey through the messages has failed."""
_PROBES = """
window.benchRows = () =>
  [...document.querySelector("serverless-chat")?.shadowRoot.querySelectorAll("article") ?? []];
window.benchSeen = (text) => new Promise((resolve) => {
  const look = () => {
    const isShown = benchRows().slice(-2).some((row) => row.textContent.includes(text));
    if (isShown) resolve([performance.now(), Date.now()]); else requestAnimationFrame(look);
  };
  look();
});
window.benchKey = () => new Promise((resolve) =>
  addEventListener("keydown", (event) => event.key === "Enter" && resolve(event.timeStamp), { capture: true }));
"""
_SCROLL = """([step, patience]) => new Promise((resolve, reject) => {
  const { shadowRoot: root } = document.querySelector("serverless-chat");
  const viewport = root.querySelector(".message-viewport");
  const { left, top, width, height } = viewport.getBoundingClientRect();
  const seen = { frames: 0, dropped: 0, blank: 0, longTasks: 0, longest: 0, moved: 0 };
  const tasks = new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => {
    seen.longTasks++;
    seen.longest = Math.max(seen.longest, duration);
  }));
  tasks.observe({ type: "longtask" });
  const rowAt = (part) => root.elementFromPoint(left + width / 2, top + height * part)?.closest("article");
  const bottomOf = (row) => row.getBoundingClientRect().bottom;  // its top moves if its author is not repeated
  let reference;
  const isDone = () => step > 0
    ? viewport.scrollHeight - viewport.scrollTop - height < 2
    : viewport.scrollTop <= 0 && root.querySelector(".list-head").textContent.includes("beginning");
  let last = 0;
  const frame = (now) => {
    if (last) {
      seen.frames++;
      seen.dropped += Math.max(0, Math.round((now - last) / (1000 / 60)) - 1);
      if (!rowAt(0.3) && !rowAt(0.5) && !rowAt(0.7)) seen.blank++;
      if (reference?.row.isConnected && Math.abs(bottomOf(reference.row) - reference.bottom) > 1) seen.moved++;
    }
    last = now;
    if (seen.frames > patience) return reject(new Error("the end of the messages was not reached"));
    if (!isDone()) {
      viewport.scrollBy({ top: step, behavior: "instant" });
      const row = rowAt(0.5) ?? rowAt(0.3) ?? rowAt(0.7);
      reference = row && { row, bottom: bottomOf(row) };
      return requestAnimationFrame(frame);
    }
    tasks.disconnect();
    resolve(seen);
  };
  requestAnimationFrame(frame);
})"""


@dataclass(frozen=True, slots=True)
class Scrolled:
    """Frames of a journey through the messages, and disturbances of it."""

    frames: int
    dropped: int
    """Frames of 1/60 s that were not made, beside those that were."""
    blank: int
    """Frames with no message in the middle of the list."""
    long_tasks: int
    """Tasks that took more than 50 ms."""
    longest: float
    """Milliseconds of the longest of these."""
    moved: int
    """Frames in which a message in view moved otherwise than by the scrolling."""


class View:
    """The page in a new window."""

    def __init__(self, browser: Any, url: str, text: str, slow_down: int = 1) -> None:
        """Open the page, on a processor that is slower by a factor, and wait until a message shows a text."""
        context = browser.new_context(viewport={"width": 1024, "height": 720})
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        self.page = context.new_page()
        self.page.add_init_script(_PROBES)
        self.session = context.new_cdp_session(self.page)
        # Times are those for which a processor has worked for the thread, not those on the clock.
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.session.send("Emulation.setCPUThrottlingRate", {"rate": slow_down})
        self.page.goto(url, wait_until="commit")
        self.first_seen = self.seen(text)[0]
        """Milliseconds from the beginning of the navigation to the first message."""

    def seen(self, text: str) -> tuple[float, float]:
        """Wait until one of the last messages shows a text; return the page's clock and the machine's, in ms."""
        since_navigation, clock = self.page.evaluate("(text) => benchSeen(text)", text)
        return float(since_navigation), float(clock)

    def echo(self, text: str) -> float:
        """Return the milliseconds from the key that sends a message to the frame that shows it."""
        self.page.get_by_role("textbox", name="Message ").fill(text)
        self.page.evaluate("(text) => { window.benchEcho = Promise.all([benchKey(), benchSeen(text)]) }", text)
        self.page.keyboard.press("Enter")
        key, (seen, _) = self.page.evaluate("benchEcho")
        return float(seen - key)

    def paint(self, conversation: HttpConversation, text: str) -> float:
        """Return the milliseconds until another's message is shown, less those of the request that sent it."""
        self.page.evaluate("(text) => { window.benchPaint = benchSeen(text) }", text)
        started = time.time()
        seconds = conversation.send([text], text.replace(" ", "-"))
        _, seen = self.page.evaluate("benchPaint")
        return max(0.0, float(seen) - (started + seconds) * 1_000)

    def receive(self, conversation: HttpConversation, count: int, key: str, batch: int = BATCH) -> None:
        """Receive messages, and wait after each batch until it is shown."""
        for start in range(0, count, batch):
            numbers = range(start, min(start + batch, count))
            conversation.send([f"{key} {number} and a few **words**" for number in numbers], f"{key}-{start}")
            self.seen(f"{key} {numbers[-1]} and a few words")

    def scroll(self, step: int) -> Scrolled:
        """Scroll to the end, or by a negative step to the beginning of the conversation, by a step a frame."""
        seen = self.page.evaluate(_SCROLL, [step, PATIENCE])
        return Scrolled(
            seen["frames"], seen["dropped"], seen["blank"], seen["longTasks"], seen["longest"], seen["moved"]
        )

    def cpu(self) -> float:
        """Return the milliseconds of CPU time of the main thread."""
        return self._metric("TaskDuration") * 1_000

    def heap(self) -> float:
        """Return the bytes of the heap of JavaScript after a garbage collection."""
        self.session.send("HeapProfiler.collectGarbage")
        return self._metric("JSHeapUsedSize")

    def close(self) -> None:
        """Close the window."""
        self.page.context.close()

    def _metric(self, name: str) -> float:
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == name))


@contextmanager
def chromium_at(program: Path) -> Iterator[Any]:
    """Run Chromium for the context."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (its import takes longer than most benchmarks)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()
