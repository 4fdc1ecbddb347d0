"""Signatures, verified by the package that receivers use."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.published import TEST
from chalicelib.core.model.publishing import Delivery, DeliveryResult, Outcome, Secret
from chalicelib.core.model.webhook_secret import new_key, parse_secret, secret_text
from chalicelib.webhooks.sink import Network, WebhookSink
from tests.support.fakes import FakeClock
from tests.unit.webhooks.hostile import KEY, Receiver, delivery, receiver, status

OTHER = bytes(32)


@dataclass
class Received:
    """A request as an endpoint sees it."""

    headers: dict[str, str]
    body: bytes

    def verify(self, key: bytes) -> object:
        return Webhook(secret_text(key)).verify(self.body, self.headers)


def received(request: bytes) -> Received:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return Received({name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body)


def send(server: Receiver, now: float | None = None, **changes: object) -> DeliveryResult:
    clock = SystemClock() if now is None else FakeClock(now)
    sent = delivery(f"http://127.0.0.1:{server.port}/", **changes)
    return WebhookSink(network=Network(is_local=True), clock=clock).deliver(sent)


def test_receiver_verifies_a_delivery() -> None:
    with receiver(status("200 OK")) as server:
        assert send(server).outcome is Outcome.ACKNOWLEDGED
        request = received(server.requests[0])
    content = request.verify(KEY)
    assert content == json.loads(request.body)
    assert request.headers["webhook-id"] == "dlv_x"
    assert request.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        request.verify(OTHER)
    with pytest.raises(WebhookVerificationError):
        Received(request.headers, request.body.replace(b"Bob", b"Eve")).verify(KEY)


def test_retry_has_the_same_id_and_content_and_is_signed_anew() -> None:
    with receiver(status("500 X")) as server:
        send(server, 1_800_000_000.0)
        send(server, 1_800_003_600.0)
        first, second = map(received, server.requests)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [each.headers["webhook-timestamp"] for each in (first, second)] == ["1800000000", "1800003600"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_rotation_signs_by_both_secrets_until_the_old_one_expires() -> None:
    overlapping = (Secret(KEY), Secret(OTHER, expires_at=int(SystemClock().now()) + 60))
    expired = (Secret(KEY), Secret(OTHER, expires_at=int(SystemClock().now())))
    with receiver(status("200 OK")) as server:
        send(server, secrets=overlapping)
        send(server, secrets=expired)
        during, after = map(received, server.requests)
    during.verify(KEY)
    during.verify(OTHER)
    after.verify(KEY)
    with pytest.raises(WebhookVerificationError):
        after.verify(OTHER)


def test_endpoint_without_a_valid_secret_is_not_called() -> None:
    with receiver(status("200 OK")) as server:
        result = send(server, secrets=(Secret(KEY, expires_at=1),))
        assert result == DeliveryResult(Outcome.FAILED, "the endpoint has no secret")
        assert server.requests == []


def test_secret_of_the_settings_is_read_from_its_parameter() -> None:
    with receiver(status("200 OK")) as server:
        configured = delivery(f"http://127.0.0.1:{server.port}/", secret_parameter="/chat/hook", secrets=())
        parameters = {"/chat/hook": (Secret(OTHER),)}
        sink = WebhookSink(network=Network(is_local=True), read_secrets=parameters.__getitem__)
        assert sink.deliver(configured).outcome is Outcome.ACKNOWLEDGED
        received(server.requests[0]).verify(OTHER)


@pytest.mark.parametrize("error", [Unavailable(), ValueError("whsec_bad")])
def test_parameter_that_cannot_be_read_fails_the_attempt(error: Exception) -> None:
    def read(name: str) -> tuple[Secret, ...]:
        raise error

    sink = WebhookSink(read_secrets=read)
    result = sink.deliver(delivery("https://hooks.example.com/", secret_parameter="/chat/hook"))
    assert result == DeliveryResult(Outcome.FAILED, "the parameter with the secret cannot be read")


def test_test_event_is_signed() -> None:
    with receiver(status("202 Accepted")) as server:
        events = [{"type": TEST, "created_at": "2026-03-01T09:00:00.000Z"}]
        target: Delivery = delivery(f"http://127.0.0.1:{server.port}/")._replace(events=events)
        result = WebhookSink(network=Network(is_local=True)).deliver(target)
        assert result == DeliveryResult(Outcome.ACKNOWLEDGED, "status 202")
        content = received(server.requests[0]).verify(KEY)
    data = {"delivery_id": "dlv_x", "endpoint_id": "ep_1"}
    assert content == {"type": "chat.test", "timestamp": "2026-03-01T09:00:00.000Z", "data": data}


def test_secret_as_text() -> None:
    key = new_key()
    assert parse_secret(secret_text(key)) == key
    assert new_key() != key


@pytest.mark.parametrize("text", ["", "AAAA", "whsec_", "whsec_AAAA", "whsec_!" + "A" * 43, "whsec_" + "A" * 128])
def test_invalid_secret_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="secret must") as caught:
        parse_secret(text)
    assert text == "" or text not in str(caught.value)
