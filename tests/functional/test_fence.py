"""A fenced stage: every function answers that it is unavailable, and neither reads nor writes a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import Internal
from chalicelib.settings import current_settings
from tests.support.engine import Engine

from .conftest import Callbacks, token
from .test_rest_events import asked
from .test_socket_events import CONNECTION, connecting, context, saying

_NAMES = ("version", "account", "region", "detail-type", "source", "time", "id")
SCHEDULED = {**dict.fromkeys(_NAMES, "x"), "resources": [], "detail": {}}
SQS_MESSAGE = {
    "Records": [{"body": "erasure:abc", "receiptHandle": "1", "eventSourceARN": "arn:aws:sqs:x:1:jobs"}]
}


@pytest.fixture
def fenced(chat: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the app with an open connection and a conversation, after the fence was set."""
    assert chat.connect(connecting({"Authorization": f"Bearer {token('alice')}"}), None)["statusCode"] == 200
    assert asked(chat, "POST", "/conversations", body='{"title":"Trip"}')[0] == 201
    monkeypatch.setenv("CHAT_FENCED", "1")
    for cache in (current_settings, bootstrap.verifier, bootstrap.application):
        cache.cache_clear()
    yield chat


def rows(store_engine: Engine) -> list[Any]:
    """Return the rows that the tests of this file write."""
    settings, client = current_settings(), store_engine.client()
    partitions = [
        (settings.conversations_table, "U#alice"),
        (settings.connections_table, "U#alice"),
        (settings.connections_table, f"X#{CONNECTION}"),
    ]
    return [
        client.query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
        )["Items"]
        for table, pk in partitions
    ]


def test_http_is_unavailable(fenced: Any, store_engine: Engine) -> None:
    before = rows(store_engine)
    for method, path, body in (("GET", "/conversations", None), ("POST", "/conversations", '{"title":"Trip"}')):
        status, answer, headers = asked(fenced, method, path, body=body)
        assert (status, answer["error"]["code"]) == (503, "UNAVAILABLE")
        assert "Retry-After" in headers
    assert asked(fenced, "GET", "/health")[0] == 503
    assert rows(store_engine) == before


def test_handshake_is_unavailable(fenced: Any, store_engine: Engine) -> None:
    before = rows(store_engine)
    event = connecting({"Authorization": f"Bearer {token('alice')}"}, connection_id="another=")
    assert fenced.connect(event, None)["statusCode"] == 503
    assert rows(store_engine) == before


def test_frame_is_answered_by_an_error_with_its_id(
    fenced: Any, callbacks: Callbacks, store_engine: Engine
) -> None:
    before = rows(store_engine)
    fenced.message(saying({"type": "ping", "id": "p1"}), None)
    (frame,) = callbacks.posted_to(CONNECTION)
    assert (frame["type"], frame["code"], frame["retryable"], frame["id"]) == ("error", "UNAVAILABLE", True, "p1")
    assert rows(store_engine) == before


def test_disconnect_changes_nothing(fenced: Any, store_engine: Engine) -> None:
    before = rows(store_engine)
    assert fenced.disconnect({"requestContext": context("$disconnect", "DISCONNECT", CONNECTION)}, None)
    assert rows(store_engine) == before


def test_background_work_fails_so_that_it_is_repeated(fenced: Any, store_engine: Engine) -> None:
    before = rows(store_engine)
    for function, event in ((fenced.sweep, SCHEDULED), (fenced.worker, SQS_MESSAGE)):
        with pytest.raises(Internal):
            function(event, None)
    assert rows(store_engine) == before
