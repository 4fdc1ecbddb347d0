"""The marketplace of docs/integrate.md beside a running chat: its users talk, over real sockets."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from serverless_chat import Ticket
from serverless_chat.blocking import Chat
from websockets.sync.client import connect

from examples.product.identity import AUDIENCE, SERVICE_CLIENT, SERVICE_SCOPE
from examples.product.main import create_app
from examples.product.settings import Settings
from tests.gateway.support import wait_until
from tests.support.server import ServerProcess, start_server

PASSWORD = "correct horse"


def settings_of_the_chat(product_url: str) -> dict[str, str]:
    """Return the settings of docs/integrate.md."""
    return {
        "CHAT_JWT_SECRET": "",
        "CHAT_JWKS_URL": f"{product_url}/.well-known/jwks.json",
        "CHAT_JWT_ISSUER": product_url,
        "CHAT_JWT_AUDIENCE": AUDIENCE,
        "CHAT_SERVICE_SCOPE": SERVICE_SCOPE,
        "CHAT_SERVICE_CLIENTS": SERVICE_CLIENT,
    }


@pytest.fixture(scope="module")
def product_socket() -> Iterator[socket.socket]:
    """Return the listening socket of the product, whose address the chat must know first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture(scope="module")
def product_url(product_socket: socket.socket) -> str:
    """Return the address of the product."""
    return f"http://127.0.0.1:{product_socket.getsockname()[1]}"


@pytest.fixture(scope="module")
def chat(product_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Return a chat that trusts the product."""
    environment = {**settings_of_the_chat(product_url), "CHAT_EVENTS": "on", "CHAT_WEBHOOKS_LOCAL": "1"}
    server = start_server(tmp_path_factory.mktemp("product") / "chat.log", environment)
    yield server
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def product(
    chat: ServerProcess, product_url: str, product_socket: socket.socket, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FastAPI]:
    """Run the product, and return its application."""
    settings = Settings(
        product_url=product_url,
        chat_url=chat.endpoint.http_url,
        chat_ws_url=chat.endpoint.ws_url,
        database=str(tmp_path_factory.mktemp("product") / "product.db"),
    )
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    serving = Thread(target=server.run, kwargs={"sockets": [product_socket]})
    serving.start()
    wait_until(lambda: server.started, "the product")
    yield app
    server.should_exit = True
    serving.join()


class Browser(httpx.Client):
    """The browser of a user of the product."""

    def found(self, method: str, path: str) -> Any:
        """Return the body of a successful answer."""
        answer = self.request(method, path)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextmanager
def signed_in(product_url: str, user_id: str) -> Iterator[Browser]:
    """Sign in for the context; sign up before, unless the user has."""
    with Browser(base_url=product_url, timeout=10) as browser:
        browser.post("/users", json={"user_id": user_id, "password": PASSWORD, "name": user_id.title()})
        browser.post("/session", json={"user_id": user_id, "password": PASSWORD}).raise_for_status()
        yield browser


def test_buyer_and_seller_talk(product_url: str, chat: ServerProcess) -> None:
    with signed_in(product_url, "alice") as alice, signed_in(product_url, "bob") as bob:
        contact = "/items/17/contact?seller_id=bob"
        room = alice.found("POST", contact)["conversation_id"]
        assert alice.found("POST", contact)["conversation_id"] == room, "a second click opens the same one"
        assert [
            entry["conversation_id"] for entry in alice.found("GET", "/chat/conversations")["conversations"]
        ] == [room]

        urls = chat.endpoint.http_url, chat.endpoint.ws_url
        with (
            Chat(*urls, lambda: str(alice.found("POST", "/chat/token")["token"])) as alices,
            Chat(*urls, lambda: Ticket(bob.found("POST", "/chat/ticket")["ticket"])) as bobs,
        ):
            events = bobs.open(room, timeout=10).events(timeout=10)
            alices.open(room, timeout=10).send("Is it still there?", timeout=10)
            messages = (event for event in events if event["type"] == "message")
            received = [(message["sender"], message["content"]) for message in itertools.islice(messages, 2)]
        assert [(sender["name"], content) for sender, content in received] == [
            ("System", "Alice asks about item 17."),
            ("Alice", "Is it still there?"),
        ]
        assert "via" not in received[1][0], "alice wrote it herself"


def test_product_copies_messages_from_its_webhook(product: FastAPI, product_url: str, chat: ServerProcess) -> None:
    hooks, backend = product.state.hooks, product.state.product
    service = {"Authorization": f"Bearer {backend.identity.service_token()}"}
    endpoints = f"{chat.endpoint.http_url}/service/endpoints"
    created = httpx.post(endpoints, headers=service, json={"url": f"{product_url}/hooks/chat"}).json()
    product.state.hooks = hooks._replace(secrets=(created["secret"],))
    tested = httpx.post(f"{endpoints}/{created['endpoint_id']}/test", headers=service, timeout=20).json()
    assert tested == {"outcome": "acknowledged", "reason": "status 204"}
    with signed_in(product_url, "carol") as carol, signed_in(product_url, "dave"):
        room = carol.found("POST", "/items/18/contact?seller_id=dave")["conversation_id"]

    def copied() -> list[str | None]:
        return [message.content for message in hooks.mirror.messages(room)]

    wait_until(lambda: copied() == ["Carol asks about item 18."], "the copy of the message")
    wait_until(lambda: hooks.mirror.members(room) == ["carol", "dave"], "the members")
    state = httpx.get(f"{endpoints}/{created['endpoint_id']}", headers=service).json()
    assert (state["enabled"], state["failures"], "secret" in state) == (True, 0, False)
    assert httpx.delete(f"{endpoints}/{created['endpoint_id']}", headers=service).status_code == 204


class Listed:
    """In place of Web Push: records the notify lists."""

    def __init__(self) -> None:
        self.lists: list[tuple[str, list[dict[str, Any]]]] = []

    def notify(self, message: dict[str, Any], members: list[dict[str, Any]]) -> int:
        self.lists.append((message["content"], members))
        return 0


def test_webhook_has_notify_lists(product: FastAPI, product_url: str, chat: ServerProcess) -> None:
    """Bob watches the conversation, Carol is offline, and Dave has another page of the chat open."""
    hooks, identity, listed = product.state.hooks, product.state.product.identity, Listed()

    def call(method: str, path: str, user: str, body: dict[str, Any]) -> Any:
        token = identity.user_token(user, user.title()) if user else identity.service_token()
        headers, url = {"Authorization": f"Bearer {token}"}, f"{chat.endpoint.http_url}{path}"
        answer = httpx.request(method, url, headers=headers, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    hook = {"url": f"{product_url}/hooks/chat", "types": ["message"], "notify": True}
    created = call("POST", "/service/endpoints", "", hook)
    product.state.hooks = hooks._replace(secrets=(created["secret"],), push=listed)
    others = [{"participant_id": name, "name": name.title()} for name in ("bob", "carol", "dave")]
    room = call("POST", "/conversations", "alice", {"title": "Garden", "participants": others})["conversation_id"]
    tickets = [call("POST", "/tickets", name, {})["ticket"] for name in ("bob", "dave")]
    bobs, daves = (connect(f"{chat.endpoint.ws_url}?ticket={ticket}") for ticket in tickets)
    with bobs, daves:
        bobs.send(json.dumps({"type": "hello", "subscribe": [{"conversation_id": room, "after": 0}]}))
        daves.send(json.dumps({"type": "hello", "feed": True}))
        for socket_ in (bobs, daves):
            assert json.loads(socket_.recv(timeout=10))["type"] == "welcome"
        while "subscribed" not in bobs.recv(timeout=10):
            pass
        message = {"content": "Who waters the plants?", "client_message_id": "1", "mentions": ["carol"]}
        call("POST", f"/conversations/{room}/messages", "alice", message)
        wait_until(lambda: listed.lists, "the notify list")
    neither = {"mentioned": False, "muted": False}
    assert listed.lists == [
        (
            "Who waters the plants?",
            [
                {"participant_id": "carol", **neither, "mentioned": True, "reason": "offline"},
                {"participant_id": "dave", **neither, "reason": "not_subscribed"},
            ],
        )
    ]
    call("DELETE", f"/service/endpoints/{created['endpoint_id']}", "", {})
    product.state.hooks = hooks


def test_suspended_user_is_excluded_until_the_suspension_is_lifted(product_url: str, chat: ServerProcess) -> None:
    with signed_in(product_url, "mallory") as mallory, signed_in(product_url, "admin") as admin:
        token = mallory.found("POST", "/chat/token")["token"]

        def status() -> int:
            headers = {"Authorization": f"Bearer {token}"}
            return httpx.post(f"{chat.endpoint.http_url}/tickets", headers=headers).status_code

        assert status() == 201
        assert mallory.put("/users/admin/suspension").status_code == 403
        admin.found("PUT", "/users/mallory/suspension")
        assert status() == 403, "before the token expires"
        assert mallory.post("/chat/token").status_code == 401
        admin.found("DELETE", "/users/mallory/suspension")
        with signed_in(product_url, "mallory") as again:
            assert again.found("GET", "/chat/conversations")["conversations"] == []


def test_refusal_of_the_chat_concerns_the_user(product_url: str, chat: ServerProcess) -> None:
    with signed_in(product_url, "grace") as grace, signed_in(product_url, "heidi"):
        token = grace.found("POST", "/chat/token")["token"]
        blocks = f"{chat.endpoint.http_url}/me/blocks?participant_id=heidi"
        httpx.put(blocks, headers={"Authorization": f"Bearer {token}"}).raise_for_status()
        answer = grace.post("/items/17/contact?seller_id=heidi")
        assert (answer.status_code, answer.json()) == (409, {"code": "BLOCKED"})


def test_user_who_has_not_signed_in_receives_no_token(product_url: str) -> None:
    for path in ("/chat/token", "/chat/ticket", "/items/17/contact?seller_id=bob"):
        assert httpx.post(f"{product_url}{path}").status_code == 401
    wrong = {"user_id": "alice", "password": "not the password"}
    assert httpx.post(f"{product_url}/session", json=wrong).status_code == 401


def test_documentation_has_the_settings_of_this_test() -> None:
    text = (Path(__file__).parents[2] / "docs" / "integrate.md").read_text()
    for name, value in settings_of_the_chat("http://127.0.0.1:9000").items():
        if value:
            assert f"{name}={value}" in text
