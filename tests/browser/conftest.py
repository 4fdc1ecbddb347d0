"""Fixtures of the browser tests: a browser, a chat with its page, and pages of several users at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from scripts.browser import MISSING, chromium
from scripts.web import DIST
from tests.browser.screenshots import RENDERING
from tests.browser.states.model import Stage, Stages
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import HttpClient, TestClient
from tests.support.server import ROOT

OpenPage = Callable[..., Page]
ACTION_MILLISECONDS = 15_000
"""Within this time, an action or an expectation succeeds on a busy machine."""
expect.set_options(timeout=ACTION_MILLISECONDS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Return Chromium, without its own requests to the network. Skips the test where there is none.

    It ends with the tests of this folder: in its process, other tests could not run an event loop.
    """
    program = chromium()
    if program is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=program,
            args=["--disable-background-networking", "--disable-component-update", *RENDERING],
            chromium_sandbox=os.geteuid() != 0,  # Chromium refuses its sandbox to root
        )
        yield launched
        launched.close()


@contextmanager
def running_web_chat(directory: Path) -> Iterator[WebChat]:
    """Run a chat with the built page for the context. Skips the test where the page could not be built."""
    if not (ROOT / DIST / "index.html").exists():
        pytest.skip("the web page is not built: `make setup` builds it, or says why not")
    chat = WebChat(directory / "chat.log")
    try:
        yield chat
    finally:
        chat.stop()


@pytest.fixture(scope="package")
def web_chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebChat]:
    """Return the chat of most tests, with the built page."""
    with running_web_chat(tmp_path_factory.mktemp("web-chat")) as chat:
        yield chat


@pytest.fixture(scope="package")
def chat_http(web_chat: WebChat) -> Iterator[HttpClient]:
    """Return an HTTP client of the chat, without a token."""
    client = HttpClient(web_chat.endpoint.http_url)
    yield client
    client.close()


@pytest.fixture
def people(web_chat: WebChat, chat_http: HttpClient) -> Callable[[str], TestClient]:
    """Return a function that makes a client of the chat for a participant, beside the participant's page."""
    return lambda participant_id: TestClient(
        web_chat.endpoint, chat_http, participant_id, participant_id.partition("-")[0].title()
    )


@pytest.fixture
def watch(web_chat: WebChat) -> Watch:
    """Return the watch over the pages of the test. Problems that the test does not expect fail it at its end."""
    return Watch(web_chat.origins())


@pytest.fixture
def open_page(browser: Browser, web_chat: WebChat, watch: Watch) -> Iterator[OpenPage]:
    """Return a function that opens the page in a new window, as a participant.

    `fragment` is a deep link, `script` runs before the page, and `prepare` is called with it before it loads;
    further options are those of Playwright's `new_context`.
    """
    contexts = []

    def open_as(
        participant_id: str,
        fragment: str = "",
        script: str = "",
        prepare: Callable[[Page], None] = lambda page: None,
        **options: Any,
    ) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1024, "height": 720}, **options})
        contexts.append(context)
        context.set_default_timeout(ACTION_MILLISECONDS)
        page = context.new_page()
        page.add_init_script(script)
        watch.add(page)
        prepare(page)
        page.goto(f"{web_chat.web_url}#as={participant_id}{'&' if fragment else ''}{fragment}")
        return page

    yield open_as
    problems = watch.problems()
    for context in contexts:
        context.close()
    assert not problems, problems


@pytest.fixture
def stages(
    people: Callable[[str], TestClient],
    open_page: OpenPage,
    web_chat: WebChat,
    browser: Browser,
    watch: Watch,
    tmp_path: Path,
) -> Iterator[Stages]:
    """Return a function that makes the stage of a scene, by a tag."""
    with ExitStack() as ends:
        yield lambda tag: Stage(tag, people, open_page, web_chat, browser, watch, tmp_path, ends)
