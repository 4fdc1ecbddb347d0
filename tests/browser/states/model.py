"""States of the page: where they are, and the way to each of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.sockets import Relay
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient


@dataclass(frozen=True, slots=True)
class Stage:
    """The fixtures that scenes need, and a tag that tells the participants of tests apart."""

    tag: str
    people: Callable[[str], TestClient]
    open_page: Callable[..., Page]
    web_chat: WebChat
    browser: Browser
    watch: Watch
    directory: Path
    ends: ExitStack

    def person(self, name: str) -> TestClient:
        """Return a client of the chat for a participant of this test."""
        return self.people(f"{name}-{self.tag}")

    def page_of(self, person: TestClient, conversation: str | None = None, **options: Any) -> Page:
        """Open the page as a participant. Nothing moves on it."""
        fragment = f"/c/{conversation}" if conversation else ""
        return self.open_page(person.id, fragment, **{"reduced_motion": "reduce", **options})


@dataclass(slots=True)
class Visit:
    """An open page of a scene, and what its states need to know."""

    page: Page
    conversation: str = ""
    people: dict[str, TestClient] = field(default_factory=dict)
    relay: Relay = field(default_factory=Relay)

    def expect(self, selector: str) -> None:
        """Wait until an element is visible."""
        self.page.locator(selector).first.wait_for()


Stages = Callable[[str], Stage]
"""Makes the stage of a scene, by a tag."""
Way = Callable[[Visit], Iterator[None]]
"""Brings the page into a state, yields, and brings it back."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A page with its data, and the states that it can be brought into, one after another."""

    open: Callable[[Stage], Visit]
    states: Mapping[str, Way]

    def visit(self, stage: Stage, wanted: Callable[[str], bool] = lambda name: True) -> Iterator[tuple[str, Page]]:
        """Open the page, yield the names of the states while it is in them, and close the page."""
        visit = self.open(stage)
        for name, way in self.states.items():
            if not wanted(name):
                continue
            steps = way(visit)
            next(steps)
            yield name, visit.page
            next(steps, None)
        visit.page.close()


def by(*clicks: str, shows: str, leave: str = "Escape") -> Way:
    """Return the way that clicks elements in turn, and waits for another one. A key leaves the state."""

    def way(visit: Visit) -> Iterator[None]:
        for selector in clicks:
            visit.page.locator(selector).first.click()
        visit.expect(shows)
        yield
        if leave:
            visit.page.keyboard.press(leave)

    return way


def of_message(content: str, action: str, *clicks: str, shows: str, leave: str = "Escape") -> Way:
    """Return the way that begins with a button of a message, which is shown under the pointer."""

    def way(visit: Visit) -> Iterator[None]:
        message = visit.page.locator(article(content)).first
        message.hover()
        message.locator(button(action)).click()
        yield from by(*clicks, shows=shows, leave=leave)(visit)

    return way


def row_menu(title: str, *clicks: str, shows: str, leave: str = "Escape") -> Way:
    """Return the way that begins with the menu of a conversation in the list, which is shown under the pointer."""

    def way(visit: Visit) -> Iterator[None]:
        visit.page.locator(f'.conversation:has-text("{title}")').first.hover()
        yield from by(button(f"Actions for {title}"), *clicks, shows=shows, leave=leave)(visit)

    return way


def stay(visit: Visit) -> Iterator[None]:
    """Leave the page as it is."""
    del visit
    yield


def button(name: str) -> str:
    """Return the selector of a button."""
    return f'role=button[name="{name}"]'


def in_panel(name: str) -> str:
    """Return the selector of a button in the panel beside the messages."""
    return f"role=complementary >> {button(name)}"


def item(name: str) -> str:
    """Return the selector of a menu's item."""
    return f'role=menuitem[name="{name}"]'


def dialog(name: str) -> str:
    """Return the selector of a dialog."""
    return f'role=dialog[name="{name}"]'


def textbox(name: str) -> str:
    """Return the selector of a text field by the beginning of its name, which can end with a hint."""
    return f"role=textbox[name=/^{re.escape(name)}/]"


def searchbox(name: str) -> str:
    """Return the selector of a search field."""
    return f'role=searchbox[name="{name}"]'


def article(content: str) -> str:
    """Return the selector of a message by a part of its text."""
    return f'article:has-text("{content}")'


def toast(content: str) -> str:
    """Return the selector of a toast outside of dialogs, by a part of its text."""
    return f'.frame > .toasts > :has-text("{content}")'
