"""The page in a browser: its policy is in force, and nothing on it violates it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat


def test_page_loads_without_errors_and_without_requests_to_other_origins(open_page: OpenPage) -> None:
    page = open_page("alice")
    page.locator("serverless-chat").wait_for(state="attached")


def test_policy_blocks_other_scripts_other_origins_and_strings_as_markup(
    open_page: OpenPage, watch: Watch
) -> None:
    page = open_page("alice")
    watch.expect("Content Security Policy|requires 'Trusted")
    for forbidden in (
        "document.body.innerHTML = '<b>bold</b>'",
        "import('data:text/javascript,1')",
        "fetch('https://example.com/')",
        "document.createElement('script').text = '1'",
    ):
        assert evaluated(page, forbidden) == "TypeError", forbidden
    assert evaluated(page, "fetch('./config.json')") == ""
    assert watch.seen("connect-src")


def evaluated(page: Page, code: str) -> str:
    """Return the name of the error of an expression in the page's own world, or "" if it has none."""
    return str(
        page.evaluate(
            f"async () => {{ try {{ await ({code}); return '' }} catch (error) {{ return error.name }} }}"
        )
    )


@whole_only
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_has_no_axe_violations(open_page: OpenPage, scheme: str) -> None:
    page = open_page("alice", color_scheme=scheme)
    page.locator("serverless-chat").wait_for(state="attached")
    assert violations(page) == []


@whole_only
def test_axe_finds_a_violation(browser: Browser, web_chat: WebChat) -> None:
    page = browser.new_page()
    page.goto(web_chat.web_url)
    page.evaluate("document.body.append(document.createElement('img'))")
    assert any(found.startswith("image-alt") for found in violations(page))
    page.close()
