"""A page that is open at midnight: yesterday's messages do not stay those of today."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.acting import message
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.watching import Watch
from tests.support.client import TestClient


@whole_only
def test_day_of_messages_is_right_after_midnight(
    people: Callable[[str], TestClient], open_page: OpenPage, watch: Watch
) -> None:
    alice, bob = people("alice-z1"), people("bob-z1")
    log = alice.create_conversation("Log", [bob])
    bob.post_message(log, "before midnight")
    watch.expect("WebSocket")
    page = open_page("alice-z1", f"/c/{log}", prepare=lambda page: page.clock.install())
    expect(message(page, "before midnight")).to_be_visible()
    separators = page.locator(".day-separator")
    expect(separators).to_have_text(["Today"])
    page.clock.fast_forward("24:00:00")
    expect(separators).to_have_text(["Yesterday"])
    expect(page.get_by_role("button", name=re.compile("^Log"))).to_contain_text("Yesterday")
