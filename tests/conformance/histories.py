"""The data of the gateway: logs by history, the places of messages in them, and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.conformance.logs import FoldedLog

TOKEN_SECONDS = 3_600
JsonObject = dict[str, Any]
Log = list[JsonObject]


class Histories:
    """All logs that there ever were: a restore begins another history."""

    def __init__(self, conversations: Sequence[str]) -> None:
        self.number = 0
        self.histories: dict[str, dict[str, Log]] = {self.history_id: {name: [] for name in conversations}}
        self.now = 1_800_000_000.0
        """The time of the server in seconds."""
        self.expiries: dict[str, float] = {}
        """By token."""
        self._places: dict[str, dict[str, int]] = {name: {} for name in conversations}
        """By conversation and client_message_id: the sequence id in the present history."""
        self._newest_histories: dict[str, str] = {}
        """By client_message_id: the last history whose log had it."""
        self._folded: dict[tuple[str, str], FoldedLog] = {}
        self._kept: dict[str, dict[str, int]] = {self.history_id: dict.fromkeys(conversations, 0)}
        """By history and conversation: how many events it has from the history before."""

    @property
    def history_id(self) -> str:
        return f"{self.number}.conversations"

    @property
    def logs(self) -> dict[str, Log]:
        return self.histories[self.history_id]

    def folded(self, history_id: str, conversation_id: str) -> FoldedLog:
        """Return a log as a reader sees it."""
        known = self._folded.get((history_id, conversation_id))
        if known is None:
            known = FoldedLog(self.histories[history_id][conversation_id])
            self._folded[history_id, conversation_id] = known
        return known

    def place(self, conversation_id: str, client_message_id: str) -> int | None:
        """Return the sequence id of a message in the present history."""
        return self._places[conversation_id].get(client_message_id)

    def newest_history(self, client_message_id: str) -> str | None:
        """Return the last history whose log had a message, which a restore can have lost."""
        return self._newest_histories.get(client_message_id)

    def made_in(self, conversation_id: str, sequence_id: int) -> int:
        """Return the number of the history in which an event of the present log was appended."""
        number = self.number
        while sequence_id <= self._kept[f"{number}.conversations"][conversation_id]:
            number -= 1
        return number

    def new_token(self) -> str:
        """Return a token, which is valid for an hour."""
        token = f"token{len(self.expiries) + 1}"
        self.expiries[token] = self.now + TOKEN_SECONDS
        return token

    def is_expired(self, token: str) -> bool:
        """Return whether the server does not accept a token any more. One of another issuer has no end."""
        return self.expiries.get(token, self.now + 1) <= self.now

    def expire_tokens(self) -> None:
        """Let all tokens expire now, as after a change of the key that signs them."""
        for token in self.expiries:
            self.expiries[token] = min(self.expiries[token], self.now)

    def _begin_history(self, kept: int) -> None:
        logs = {name: log[: max(1, kept)] for name, log in self.logs.items()}
        self.number += 1
        self.histories[self.history_id] = logs
        self._kept[self.history_id] = {name: len(log) for name, log in logs.items()}
        for name, places in self._places.items():
            self._places[name] = {key: place for key, place in places.items() if place <= len(logs[name])}

    def _note_place(self, event: JsonObject) -> None:
        if (key := event.get("client_message_id")) is not None:
            self._places[event["conversation_id"]][key] = event["sequence_id"]
            self._newest_histories[key] = self.history_id
