"""The first minutes with the chat: a new checkout, `make run`, and two people in two browser windows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.mutants.workspace import worktree
from scripts.node import WEB, node_program
from scripts.setup import STAMP
from scripts.web import DIST, INPUTS
from tests.browser.conftest import ACTION_MILLISECONDS
from tests.support.server import ROOT, STOP_TIMEOUT

ADDRESS_SECONDS = 120.0
"""On a busy machine; on an idle one, the address is there after a fraction of it."""
PAGE_MILLISECONDS = 120_000


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """Return a checkout in which nothing has been set up. Skips the test where there is no Node.js."""
    if node_program(ROOT, WEB) is None:
        pytest.skip("there is no Node.js to build the web page: see `make setup`")
    with worktree() as tree:
        yield tree


@contextlib.contextmanager
def make_run(checkout: Path, directory: Path) -> Iterator[Mapping[str, Any]]:
    """Run the chat by `make run` in a checkout, and yield its ready line."""
    with (directory / "out").open("w+") as out, (directory / "log").open("w+") as log:
        process = subprocess.Popen(
            ["make", "run", "ARGS=--port 0 --json"],
            cwd=checkout,
            env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield _first_line(Path(out.name), Path(log.name), process)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(STOP_TIMEOUT)


@pytest.fixture(scope="module")
def running(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    """Return the ready line of the first `make run` in the checkout."""
    with make_run(checkout, tmp_path_factory.mktemp("stranger")) as ready:
        yield ready


def test_new_checkout_shows_the_page_that_it_builds_beside_the_running_chat(
    running: Mapping[str, Any], browser: Browser
) -> None:
    assert running["web_page"] == "building"
    page = browser.new_page()
    page.set_default_timeout(ACTION_MILLISECONDS)
    answer = page.goto(running["web_url"])
    assert answer is not None
    # The note that it is being built reloads itself.
    page.locator("serverless-chat").wait_for(state="attached", timeout=PAGE_MILLISECONDS)
    page.close()


def test_two_people_chat_in_two_windows(running: Mapping[str, Any], browser: Browser) -> None:
    alice, bob = (_window(browser, running["web_url"]) for _ in range(2))  # both as Alice, the first participant
    switcher = bob.get_by_role("link", name="Bob")
    switcher.click()
    expect(switcher).to_have_attribute("aria-current", "true")
    alice.get_by_role("button", name="New conversation").click()
    alice.get_by_label("Title", exact=True).fill("Lunch")
    alice.get_by_label("People").fill("bob")
    alice.get_by_role("button", name="Create", exact=True).click()
    bob.get_by_role("button", name="Lunch").click()
    for writer, reader, text in ((alice, bob, "Noodles at noon?"), (bob, alice, "On my way")):
        writer.get_by_role("textbox", name="Message Lunch").fill(text)
        writer.keyboard.press("Enter")
        expect(reader.locator(".entry.message").filter(has_text=text)).to_be_visible()
    for window in (alice, bob):
        window.context.close()


def test_second_start_prepares_and_builds_nothing(
    running: Mapping[str, Any], checkout: Path, tmp_path: Path
) -> None:
    assert running
    before = _prepared(checkout)
    with make_run(checkout, tmp_path) as again:
        assert again["web_page"] == "ready"
        assert "Preparing" not in (tmp_path / "log").read_text("utf-8")
    assert _prepared(checkout) == before


def test_page_of_the_checkout_is_the_same_byte_for_byte(running: Mapping[str, Any], checkout: Path) -> None:
    assert running
    if (checkout / DIST / INPUTS).read_bytes() != (ROOT / DIST / INPUTS).read_bytes():
        pytest.skip("web/dist is not the build of the present sources: `make setup` builds it")

    def files(dist: Path) -> dict[Path, bytes]:
        return {path.relative_to(dist): path.read_bytes() for path in dist.rglob("*") if path.is_file()}

    assert files(checkout / DIST) == files(ROOT / DIST)


def _prepared(checkout: Path) -> dict[Path, int]:
    """Return when set-up and the build have last written: their logs, the environment's stamp, and the page."""
    found = [*checkout.glob(".setup/*.log"), checkout / ".venv" / STAMP, *(checkout / DIST).rglob("*")]
    assert checkout / DIST / INPUTS in found
    return {path: path.stat().st_mtime_ns for path in found}


def _window(browser: Browser, url: str) -> Page:
    page = browser.new_context().new_page()
    page.set_default_timeout(PAGE_MILLISECONDS)
    page.goto(url)
    page.locator("serverless-chat").wait_for(state="attached")
    page.set_default_timeout(ACTION_MILLISECONDS)
    return page


def _first_line(out: Path, log: Path, process: subprocess.Popen[bytes]) -> Mapping[str, Any]:
    deadline = time.monotonic() + ADDRESS_SECONDS
    while not (text := out.read_text(encoding="utf-8")).endswith("\n"):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, f"no address after {ADDRESS_SECONDS} s: {log.read_text('utf-8')}"
        time.sleep(0.05)
    ready: Mapping[str, Any] = json.loads(text)
    return ready
