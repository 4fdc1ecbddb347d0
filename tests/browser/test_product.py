"""The page of the example product: two of its users sign in and talk by the embedded component."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from examples.product.main import create_app
from examples.product.settings import Settings
from scripts.web import DIST
from tests.browser.acting import message, send
from tests.browser.conftest import ACTION_MILLISECONDS
from tests.browser.selection import whole_only
from tests.browser.watching import Watch
from tests.examples.test_product import PASSWORD, settings_of_the_chat
from tests.gateway.support import wait_until
from tests.support.server import PATIENT_SETTINGS, ROOT, ServerProcess, start_server

pytestmark = whole_only


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Return the socket of the product, whose address the chat must know first."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


@pytest.fixture(scope="module")
def product_url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def chat(product_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Return a chat that trusts the product and serves the component. Skips the test where it is not built."""
    if not (ROOT / DIST / "index.html").exists():
        pytest.skip("the web page is not built: `make setup` builds it, or says why not")
    settings = {**PATIENT_SETTINGS, **settings_of_the_chat(product_url)}
    server = start_server(tmp_path_factory.mktemp("product-page") / "chat.log", settings)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def product(
    chat: ServerProcess, product_url: str, listener: socket.socket, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Run the product, and return its address."""
    settings = Settings(
        product_url=product_url,
        chat_url=chat.endpoint.http_url,
        chat_ws_url=chat.endpoint.ws_url,
        component_url=f"{chat.ready['web_url']}serverless-chat.js",
        database=str(tmp_path_factory.mktemp("product-page") / "product.db"),
    )
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="error"))
    serving = Thread(target=server.run, kwargs={"sockets": [listener]})
    serving.start()
    wait_until(lambda: server.started, "the product")
    yield product_url
    server.should_exit = True
    serving.join()


@pytest.fixture
def watch(product: str, chat: ServerProcess) -> Watch:
    """Return the watch over the pages of the product."""
    ready = chat.ready
    return Watch({product, ready["web_url"].rstrip("/"), ready["http_url"], ready["ws_url"].rpartition("/")[0]})


def sign_in(page: Page, user: str, password: str) -> None:
    page.get_by_role("textbox", name="User").fill(user)
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_buyer_and_seller_sign_in_and_talk_on_the_page_of_the_product(
    product: str, watch: Watch, browser: Browser
) -> None:
    pages = {}
    for user in ("alice", "bob"):
        body = {"user_id": user, "password": PASSWORD, "name": user.title()}
        httpx.post(f"{product}/users", json=body).raise_for_status()
        context = browser.new_context(viewport={"width": 1024, "height": 720})
        context.set_default_timeout(ACTION_MILLISECONDS)
        pages[user] = context.new_page()
        watch.add(pages[user])
        pages[user].goto(product)
    alice, bob = pages["alice"], pages["bob"]

    watch.expect("401")
    sign_in(alice, "alice", "not the password")
    expect(alice.get_by_role("alert").first).to_have_text("The user or the password is wrong.")
    expect(alice.locator("serverless-chat")).to_be_hidden()
    for user, page in pages.items():
        sign_in(page, user, PASSWORD)
        expect(page.get_by_text("No conversations yet")).to_be_visible()

    watch.expect("404")
    alice.get_by_role("textbox", name="Item 17 is sold by").fill("nobody")
    alice.get_by_role("button", name="Ask the seller").click()
    expect(alice.locator("#contact").get_by_role("alert")).to_contain_text("There is no such seller")
    alice.get_by_role("textbox", name="Item 17 is sold by").fill("bob")
    alice.get_by_role("button", name="Ask the seller").click()
    expect(alice.get_by_role("heading", name="Bob", level=1)).to_be_visible()
    expect(message(alice, "Alice asks about item 17.")).to_be_visible()
    send(alice, "Is it still there?")

    bob.get_by_role("button", name="Alice").first.click()
    expect(message(bob, "Is it still there?")).to_be_visible()
    send(bob, "It is, come by")
    expect(message(alice, "It is, come by")).to_be_visible()
    expect(alice.locator(".pending")).to_have_count(0)

    # After a reload the product asks again: the component has kept no token.
    alice.reload()
    expect(alice.get_by_role("button", name="Sign in")).to_be_enabled()
    assert "eyJ" not in str(alice.evaluate("[{ ...sessionStorage }, { ...localStorage }]"))
    for page in pages.values():
        page.context.close()
    assert watch.problems() == []
