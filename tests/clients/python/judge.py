"""Judges all notifications of a client against the logs of the server: L9."""

from __future__ import annotations

from serverless_chat.core.client import Client
from serverless_chat.core.outputs import (
    Appended,
    Discarded,
    JsonObject,
    Output,
    Prepended,
    Refused,
    Replaced,
    Resolved,
    Trimmed,
)

from tests.conformance.gateway import Gateway

TRANSIENT = {"UNAVAILABLE", "RATE_LIMITED", "UNAUTHORIZED", "TOKEN_EXPIRED", "INTERNAL", "NOT_ATTEMPTED"}


class Judge:
    """Follows the notifications as a user interface does, and keeps what the user sent."""

    def __init__(self, server: Gateway) -> None:
        self._server = server
        self.shown: dict[str, list[JsonObject]] = {}
        self.history_of: dict[str, str] = {}
        self.sent: dict[str, list[str]] = {}
        """By conversation: the client_message_ids in the order of the user's sends."""
        self.resolved_in: dict[str, set[str]] = {}
        """By client_message_id: the histories in which its send was resolved."""
        self.discarded: set[str] = set()

    def restarted(self) -> None:
        """The process ended: nothing is shown."""
        self.shown, self.history_of = {}, {}

    def notify(self, output: Output) -> None:
        """Apply a notification, and compare the shown events with the log."""
        match output:
            case Replaced(conversation_id, history_id, start, events):
                self.shown[conversation_id] = list(events)
                self.history_of[conversation_id] = history_id
                assert not events or events[0]["sequence_id"] == start
            case Appended(conversation_id, events):
                self.shown[conversation_id] += events
            case Prepended(conversation_id, events):
                self.shown[conversation_id][:0] = events
            case Trimmed(conversation_id, start):
                shown = self.shown[conversation_id]
                self.shown[conversation_id] = shown[start - shown[0]["sequence_id"] :]
            case Discarded(conversation_id):
                self.shown[conversation_id] = []
            case Resolved(conversation_id, client_message_id, sequence_id, history_id):
                self._resolved(conversation_id, client_message_id, sequence_id, history_id)
            case Refused(error=error):
                assert error["code"] not in TRANSIENT
            case _:
                return
        for conversation_id in self.shown:
            self._compare(conversation_id)

    def check(self, client: Client, conversations: list[str]) -> None:
        """Compare the state of a client, between two inputs, with the notifications and the sends."""
        for conversation_id in conversations:
            assert client.events(conversation_id) == self.shown.get(conversation_id, [])
            self._check_unresolved(client, conversation_id)
        for conversation_id, log in self._server.logs.items():
            self.check_log(conversation_id, log)

    def check_log(self, conversation_id: str, log: list[JsonObject]) -> None:
        """Check that each send is in the log at most once, and in order."""
        sent = self.sent.get(conversation_id, [])
        logged = [event["client_message_id"] for event in log if "client_message_id" in event]
        assert len(set(logged)) == len(logged)
        kept = [key for key in logged if key not in self.discarded]
        assert kept == [key for key in sent if key in set(kept)], "in another order"
        for event in log:
            resolved_in = {number(name) for name in self.resolved_in.get(event.get("client_message_id", ""), ())}
            made_in = self._server.made_in(conversation_id, event["sequence_id"])
            assert not resolved_in or made_in in resolved_in or made_in < min(resolved_in), "sent again"

    def _compare(self, conversation_id: str) -> None:
        events = self.shown[conversation_id]
        if not events:
            return
        start = events[0]["sequence_id"]
        log = self._server.histories[self.history_of[conversation_id]][conversation_id]
        assert events == log[start - 1 : start - 1 + len(events)], "not the log from the marked start"

    def _resolved(self, conversation_id: str, key: str, sequence_id: int, history_id: str) -> None:
        event = self._server.histories[history_id][conversation_id][sequence_id - 1]
        assert event["client_message_id"] == key
        self.resolved_in.setdefault(key, set()).add(history_id)

    def _check_unresolved(self, client: Client, conversation_id: str) -> None:
        messages = client.messages(conversation_id)
        shown = [message.client_message_id for message in messages if message.client_message_id]
        assert len(shown) == len(set(shown)), "shown twice"
        for key in self.sent.get(conversation_id, []):
            if key not in self.resolved_in and key not in self.discarded:
                status = next(message.status for message in messages if message.client_message_id == key)
                assert status in {"pending", "failed"}


def number(history_id: str) -> int:
    """Return the number of a history: a higher one is newer."""
    return int(history_id.partition(".")[0])
