"""The component in a page of another origin, which loads it from the chat in three lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.http_server import QuietHandler, served_by
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

PAGE = """<!doctype html>
<html lang="en">
<title>A product</title>
<link rel="icon" href="data:,">
<script type="module" src="{web_url}serverless-chat.js"></script>
<serverless-chat http-url="{http_url}" ws-url="{ws_url}" view="both"></serverless-chat>
<script type="module" src="/product.js"></script>
</html>
"""
SCRIPT = """
document.querySelector("serverless-chat").token = async () => (await fetch("/chat-token")).text();
"""


@pytest.fixture
def product(web_chat: WebChat) -> Iterator[str]:
    """Return the address of a product's page, whose policy admits the chat's files and addresses only."""
    http_url, ws_url = web_chat.endpoint.http_url, web_chat.endpoint.ws_url
    chat = web_chat.web_url.rstrip("/")
    answers = {
        "/": ("text/html", PAGE.format(web_url=web_chat.web_url, http_url=http_url, ws_url=ws_url)),
        "/product.js": ("text/javascript", SCRIPT),
        "/chat-token": ("text/plain", web_chat.token("emma-embedded", "Emma", 3_600)),
    }
    policy = (
        f"default-src 'none'; script-src 'self' {chat}; connect-src 'self' {http_url} {ws_url.rpartition('/')[0]};"
        " img-src data:; require-trusted-types-for 'script'; trusted-types 'none'"
    )

    class Handler(QuietHandler):
        def get(self) -> None:
            kind, text = answers[self.path]
            headers = ("Content-Type", f"{kind}; charset=utf-8"), ("Content-Security-Policy", policy)
            self.answer(200, text.encode(), *headers)

    with served_by(Handler) as origin:
        yield origin


def test_page_of_another_origin_embeds_the_chat_with_its_parts(
    product: str, browser: Browser, web_chat: WebChat, people: Callable[[str], TestClient]
) -> None:
    emma = people("emma-embedded")
    orders = emma.create_conversation("Orders", [people("finn-embedded")])
    emma.post_message(orders, "Where is my parcel?")
    watch = Watch({product, *web_chat.origins()})
    context = browser.new_context()
    page = context.new_page()
    watch.add(page)
    page.goto(product)
    page.get_by_role("button", name="Orders").click()
    expect(page.locator(".entry.message")).to_contain_text("Where is my parcel?")
    page.get_by_role("button", name="New conversation").click()  # a part that is loaded when it is needed
    expect(page.get_by_role("dialog")).to_be_visible()
    context.close()
    assert watch.problems() == []


def test_page_of_another_origin_receives_no_token(browser: Browser, web_chat: WebChat) -> None:
    page = browser.new_page()
    page.goto(f"{web_chat.endpoint.http_url}/health")  # another origin on this machine, without a policy
    code = """async ([url, type]) => {
      const body = JSON.stringify({ participant_id: "alice" });
      try { return await (await fetch(url, { method: "POST", body, headers: { "Content-Type": type } })).text() }
      catch (error) { return error.name }
    }"""
    for media_type in ("application/json", "text/plain"):
        assert page.evaluate(code, [f"{web_chat.web_url}token", media_type]) == "TypeError"
    page.close()
