"""The product's webhook: signatures, repeats and push, with the sink of the chat as the sender."""

from __future__ import annotations

import socket
import sys
import types
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from chalicelib.core.model.notify import NotifiedMember, NotifyList
from chalicelib.core.model.publishing import Delivery, DeliveryResult, Endpoint, Outcome, Secret
from chalicelib.core.model.webhook_secret import secret_text
from chalicelib.webhooks.sink import Network, WebhookSink
from examples.product.digest import Digests
from examples.product.hooks import NOTIFY_WITHIN, Hooks, router
from examples.product.mirror import Mirror
from examples.product.push import WebPush, pywebpush_sender
from tests.gateway.support import wait_until

OLD, NEW, UNKNOWN = bytes(32), bytes(range(32)), bytes([7] * 32)
SENT_AT = 1_772_355_600
BOB = NotifiedMember("bob", mentioned=False, muted=False, reason="offline")
SUBSCRIPTION = {"endpoint": "https://push.example.com/1", "keys": {"p256dh": "x", "auth": "y"}}


class Pushed:
    """A sender of push messages that records them; subscriptions in `ended` have ended."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.ended: set[str] = set()

    def __call__(self, subscription: dict[str, Any], text: str) -> bool:
        if subscription["endpoint"] in self.ended:
            return False
        self.sent.append((subscription["endpoint"], text))
        return True


class Product:
    """The endpoint on a socket."""

    def __init__(self, directory: Path) -> None:
        self.pushed = Pushed()
        self.mirror = Mirror(directory / "product.db", lambda conversation_id, after: [])
        self.push = WebPush(directory / "product.db", self.pushed)
        self.mails: list[EmailMessage] = []
        self.digests = Digests(directory / "product.db", self.mirror, self.mails.append, "chat@shop.example.com")
        self.url = ""
        self.age = 1.0
        """Seconds since the message was sent."""

    def deliver(
        self, *keys: bytes, previous: int = 0, first: int = 1, members: tuple[NotifiedMember, ...] = (BOB,)
    ) -> DeliveryResult:
        endpoint = Endpoint("ep_1", "webhook", self.url, 0, secrets=tuple(map(Secret, keys)))
        created = {"participants": [{"participant_id": name} for name in ("alice", "bob")]}
        fields = {
            "conversation_id": "conv_1",
            "created_at": "2026-03-01T09:00:00.000Z",
            "sender": {"participant_id": "alice", "name": "Alice", "type": "human"},
        }
        events = [
            {**fields, "sequence_id": first, "type": "conversation_created", **created},
            {**fields, "sequence_id": first + 1, "type": "message", "content": "Is it still there? " * 20},
        ]
        sink = WebhookSink(network=Network(is_local=True))
        lists = [NotifyList(first + 1, members)]
        return sink.deliver(Delivery("dlv_1", endpoint, "conv_1", "0.t", previous, events, 1, lists))


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    found = Product(tmp_path)
    app = FastAPI()
    now = lambda: SENT_AT + found.age  # noqa: E731 — changed by the tests
    app.state.hooks = Hooks((secret_text(NEW), secret_text(OLD)), found.mirror, found.push, found.digests, now)
    app.include_router(router)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found.url = f"http://127.0.0.1:{listener.getsockname()[1]}/hooks/chat"
        serving = Thread(target=server.run, kwargs={"sockets": [listener]})
        serving.start()
        wait_until(lambda: server.started, "the product")
        yield found
        server.should_exit = True
        serving.join()
    found.mirror.close()
    found.push.close()
    found.digests.close()


def test_delivery_is_copied_and_notified_once(product: Product) -> None:
    product.push.subscribe("carol", {**SUBSCRIPTION, "endpoint": "https://push.example.com/hers"})
    product.push.subscribe("bob", SUBSCRIPTION)
    for _ in range(2):
        assert product.deliver(NEW) == DeliveryResult(Outcome.ACKNOWLEDGED, "status 204")
    assert [message.sequence_id for message in product.mirror.messages("conv_1")] == [2]
    assert [endpoint for endpoint, _ in product.pushed.sent] == ["https://push.example.com/1"]
    assert product.digests.send("bob", "bob@example.com", {"conv_1": 0}) == 1


@pytest.mark.parametrize(
    ("member", "age", "is_pushed"),
    [
        (BOB._replace(reason="not_subscribed"), 1, True),
        (BOB._replace(muted=True), 1, False),
        (BOB._replace(muted=True, mentioned=True), 1, True),
        (BOB, NOTIFY_WITHIN + 1, False),
    ],
)
def test_push_follows_the_notify_list(
    product: Product, member: NotifiedMember, age: float, is_pushed: bool
) -> None:
    product.push.subscribe("bob", SUBSCRIPTION)
    product.age = age
    product.deliver(NEW, members=(member,))
    assert bool(product.pushed.sent) is is_pushed


def test_either_secret_of_a_rotation_verifies_and_no_other(product: Product) -> None:
    assert product.deliver(OLD).outcome is Outcome.ACKNOWLEDGED
    assert product.deliver(UNKNOWN) == DeliveryResult(Outcome.FAILED, "status 401")
    assert product.deliver(UNKNOWN, NEW).outcome is Outcome.ACKNOWLEDGED


def test_subscription_that_has_ended_is_deleted(product: Product) -> None:
    product.push.subscribe("bob", SUBSCRIPTION)
    product.pushed.ended.add(SUBSCRIPTION["endpoint"])  # type: ignore[arg-type]
    product.deliver(NEW)
    product.pushed.ended.clear()
    product.deliver(NEW, first=3, previous=2)
    assert product.pushed.sent == []


def test_sender_is_that_of_pywebpush(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(Exception):
        response = types.SimpleNamespace(status_code=410)

    calls: list[dict[str, Any]] = []

    def webpush(subscription: dict[str, Any], data: str, **options: Any) -> None:
        calls.append({"data": data, **options})
        if data == "gone":
            raise Refused

    stub = types.SimpleNamespace(webpush=webpush, WebPushException=Refused)
    monkeypatch.setitem(sys.modules, "pywebpush", stub)
    send = pywebpush_sender("key", "mailto:shop@example.com")
    assert send is not None
    assert send(SUBSCRIPTION, "hello")
    assert not send(SUBSCRIPTION, "gone")
    claims = {"sub": "mailto:shop@example.com"}
    assert calls[0] == {"data": "hello", "vapid_private_key": "key", "vapid_claims": claims, "ttl": 3600}


def test_without_pywebpush_there_is_no_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebpush", None)
    assert pywebpush_sender("key", "mailto:shop@example.com") is None
