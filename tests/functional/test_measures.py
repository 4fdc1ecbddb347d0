"""The metrics of each function: driven by events, and read from the log as CloudWatch does."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.settings import current_settings

from .conftest import Callbacks
from .test_rest_events import asked
from .test_socket_events import connecting, conversation, leaving, opened, saying

Json = dict[str, Any]


class Lines:
    """The metric lines since the last call."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def take(self) -> list[Json]:
        """Return and forget the metric lines since the last call."""
        found = [
            json.loads(record.getMessage())
            for record in self._caplog.records
            if record.name == "chalicelib.metrics"
        ]
        self._caplog.clear()
        return found

    def measured(self) -> Json:
        """Return the metrics of the only line since the last call."""
        (line,) = self.take()
        names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
        # Only the first test of a process sees its cold start; it has a separate test.
        return {name: line[name] for name in names if name != "ColdStarts"}


@pytest.fixture
def lines(chat: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Lines:
    caplog.set_level(logging.INFO, "chalicelib.metrics")
    monkeypatch.setenv("CHAT_STAGE", "dev")
    monkeypatch.setenv("CHAT_LIMIT_MESSAGE_BURST", "24")
    monkeypatch.setenv("CHAT_LIMIT_MESSAGES_PER_SECOND", "1")
    for cache in (current_settings, bootstrap.application):
        cache.cache_clear()
    return Lines(caplog)


def two_listening(chat: Any) -> str:
    where = conversation("alice", "bob")
    for person, connection in (("alice", "a="), ("bob", "b=")):
        opened(chat, person, connection)
        chat.message(saying({"type": "subscribe", "conversation_id": where}, connection), None)
    return where


def message(where: str, key: str) -> Json:
    return {"type": "message", "conversation_id": where, "client_message_id": key, "content": "hi"}


def test_message_over_the_websocket_writes_one_line_with_all_metrics(chat: Any, lines: Lines) -> None:
    where = two_listening(chat)
    lines.take()
    chat.message(saying(message(where, "1"), "a="), None)
    (line,) = lines.take()
    assert (line["Stage"], line["function"], line["request_id"]) == ("dev", "message", "Xux7aHf-FiAFqTg=")
    assert (line["connection_id"], line["conversation_id"]) == ("a=", where)
    assert (line["MessagesAccepted"], line["PostsDelivered"], line["FanOutSize"]) == (1, 3, 2)
    assert 0 < line["FanOutLatency"] < 10_000
    assert line["AckLatency"] > 0
    absent = {
        "MessagesDuplicate",
        "MessagesQueued",
        "AppendConflicts",
        "PostsGone",
        "PostsRetried",
        "PostsDropped",
    }
    assert not absent & set(line)


def test_a_repeat_is_a_duplicate_and_is_not_accepted_again(chat: Any, lines: Lines) -> None:
    where = two_listening(chat)
    chat.message(saying(message(where, "1"), "a="), None)
    lines.take()
    chat.message(saying(message(where, "1"), "a="), None)
    measured = lines.measured()
    assert (measured["MessagesDuplicate"], measured["PostsDelivered"]) == (1, 3)
    assert "MessagesAccepted" not in measured


def test_message_over_http_has_no_ack_latency(chat: Any, lines: Lines) -> None:
    where = two_listening(chat)
    lines.take()
    status, _, _ = asked(
        chat,
        "POST",
        f"/conversations/{where}/messages",
        resource="/conversations/{conversation_id}/messages",
        parameters={"conversation_id": where},
        body='{"content":"hi"}',
    )
    assert status == 201
    (line,) = lines.take()
    assert (line["function"], line["request_id"]) == ("api", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
    assert line["conversation_id"] == where
    assert (line["MessagesAccepted"], line["PostsDelivered"], line["FanOutSize"]) == (1, 2, 2)
    assert "AckLatency" not in line


def test_rate_limited_message_is_counted(chat: Any, lines: Lines) -> None:
    where = two_listening(chat)
    measured = []
    for number in range(28):
        lines.take()
        chat.message(saying(message(where, str(number)), "a="), None)
        measured.append(lines.measured())
    assert any(each.get("MessagesRateLimited") == 1 for each in measured)
    assert all(("MessagesRateLimited" in each) != ("MessagesAccepted" in each) for each in measured)


def test_stale_connection_is_counted_once(chat: Any, callbacks: Callbacks, lines: Lines) -> None:
    where = two_listening(chat)
    lines.take()
    callbacks.stale.add("b=")
    chat.message(saying(message(where, "1"), "a="), None)
    measured = lines.measured()
    assert (measured["PostsGone"], measured["FanOutSize"], measured["MessagesAccepted"]) == (1, 2, 1)
    # The ack, the event, and the presence of bob.
    assert measured["PostsDelivered"] == 3


class Broken(logging.Handler):
    """A log that takes nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("no space left on device")


def test_broken_log_does_not_lose_a_message(chat: Any, callbacks: Callbacks, lines: Lines) -> None:
    where = two_listening(chat)
    opened(chat, "bob", "c=")
    chat.message(saying({"type": "subscribe", "conversation_id": where}, "c="), None)
    callbacks.posted.clear()
    callbacks.stale.add("b=")
    callbacks.refused.add("c=")
    broken = Broken()
    logging.getLogger().addHandler(broken)
    try:
        assert chat.message(saying(message(where, "1"), "a="), None) == {"statusCode": 200}
    finally:
        logging.getLogger().removeHandler(broken)
    assert {"events", "message_ack"} <= {each["type"] for each in callbacks.posted_to("a=")}
    stores = bootstrap.application().stores
    assert {each.connection_id for each in stores.subscriptions.subscribers(where)} == {"a=", "c="}


def test_no_line_is_written_without_a_stage(chat: Any, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAT_STAGE")
    current_settings.cache_clear()
    two_listening(chat)
    assert lines.take() == []


def test_event_without_metrics_writes_no_line(chat: Any, lines: Lines) -> None:
    two_listening(chat)
    asked(chat, "GET", "/health", authorizer={})
    lines.take()
    asked(chat, "GET", "/conversations")
    chat.connect(connecting({}), None)
    chat.auth(
        {"type": "TOKEN", "methodArn": "arn:aws:execute-api:r:1:a/dev/GET/x", "authorizationToken": "x"}, None
    )
    assert lines.take() == []
    chat.disconnect(leaving("never="), None)
    assert lines.take() == []
