"""The participants and conversations of a running program."""

from __future__ import annotations

import itertools
import secrets
from collections import Counter, defaultdict
from typing import Any

import aiohttp

from tests.invariants.history.generators import Program, Start
from tests.invariants.history.participant import HTTP_TIMEOUT, Participant
from tests.invariants.history.records import Call, Json, Recorder
from tests.invariants.history.server import RETENTION_DAY, RETENTION_DAYS, HistoryServer


class Registry:
    """The participants, the conversations in the order of their creation, and the recorder."""

    def __init__(self, server: HistoryServer, program: Program) -> None:
        self.server = server
        self.recorder = Recorder()
        # One connection per request: the library would repeat a request by itself if a kept one breaks.
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            timeout=aiohttp.ClientTimeout(total=HTTP_TIMEOUT),
            trust_env=False,
        )
        self.conversations: list[str] = []
        self.invites: dict[str, list[Json]] = defaultdict(list)
        """By conversation, as their creators received them."""
        self.members: dict[str, set[str]] = defaultdict(set)
        """By conversation, as the answers suggest: a hint for choosing participants."""
        self.creators: dict[str, Participant] = {}
        """By conversation."""
        self._heads: Counter[str] = Counter()
        self._said: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._texts = itertools.count(1)
        tag = secrets.token_hex(4)
        faults: dict[int, dict[int, dict[str, Any]]] = {
            index: {
                faulty_socket.socket: {faulty_socket.fault: 1.0}
                for faulty_socket in program.faulty_sockets
                if faulty_socket.participant == index
            }
            for index in range(program.participants)
        }
        # Each id is a prefix of the next one: no key may confuse them.
        self.participants = [
            Participant(self, f"p/{tag}" + "#C" * index, f"Person {index}", faults[index])
            for index in range(program.participants)
        ]
        self.recorder.history.names = {participant.id: participant.name for participant in self.participants}
        self.recorder.history.posts_are_reliable = program.posts_are_reliable
        self.recorder.history.retention_days = RETENTION_DAYS
        self.recorder.history.retention_day = RETENTION_DAY

    def note_head(self, conversation_id: str, sequence_id: int) -> None:
        """Note that the log reaches this sequence id."""
        self._heads[conversation_id] = max(self._heads[conversation_id], sequence_id)

    def head(self, conversation_id: str) -> int:
        """Return the highest sequence id that was noted."""
        return self._heads[conversation_id]

    def note_message(self, conversation_id: str, sender: str, sequence_id: int) -> None:
        """Note the event of a message."""
        self.note_head(conversation_id, sequence_id)
        self._said[conversation_id].append((sequence_id, sender))

    def messages(self, conversation_id: str) -> list[tuple[int, str]]:
        """Return the acknowledged messages of a conversation with their senders."""
        return self._said[conversation_id]

    def new_text(self) -> str:
        """Return a unique text."""
        return f"text {next(self._texts)} ☂"

    async def create_conversation(self, start: Start) -> Call:
        """Create a conversation."""
        owner = self.participants[start.owner % len(self.participants)]
        others = [self.participants[other % len(self.participants)] for other in start.others]
        body: Json = {
            "title": self.new_text(),
            "participants": [
                {"participant_id": other.id, "name": other.name, "role": "moderator" if index == 1 else "member"}
                for index, other in enumerate(others)
                if other is not owner
            ],
            "join_policy": "open" if start.is_open else "invite",
        }
        call = await owner.http("create", "", "POST", "/conversations", body=body)
        if call.is_ok:
            call.conversation_id = call.answer["conversation_id"]
            self.conversations.append(call.conversation_id)
            self.creators[call.conversation_id] = owner
            self.members[call.conversation_id] = {owner.id, *(other.id for other in others)}
            self.note_head(call.conversation_id, 1)
        return call
