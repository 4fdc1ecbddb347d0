"""Problems that a page shows only in its console and its traffic; each fails the test that opened the page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page

_INLINE = ("data", "blob", "about")


class Watch:
    """Collects errors in the console, exceptions, violations of the policy, and requests to other origins.

    A broken connection is an error in the console, too: a test that causes one calls `expect`.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = set(origins)
        self._problems: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def add(self, page: Page) -> None:
        """Watch a page from now on. Call it before the page loads."""
        page.on("console", self._console)
        page.on("pageerror", self._exception)
        page.on("request", lambda request: self._contact(request.url))
        page.on("websocket", lambda websocket: self._contact(websocket.url))

    def expect(self, pattern: str) -> None:
        """Accept the problems that match a regular expression."""
        self._expected.append(re.compile(pattern))

    def problems(self) -> list[str]:
        """Return the problems that were not expected."""
        return [text for text in self._problems if not any(found.search(text) for found in self._expected)]

    def seen(self, pattern: str) -> bool:
        """Return whether there was a problem that matches a regular expression, expected or not."""
        return any(re.search(pattern, text) for text in self._problems)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._problems.append(f"console {message.type}: {message.text}")

    def _exception(self, error: Error) -> None:
        self._problems.append(f"exception: {error}")

    def _contact(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _INLINE and f"{parts.scheme}://{parts.netloc}" not in self._origins:
            self._problems.append(f"request to another origin: {url}")
