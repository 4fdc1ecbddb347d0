"""Who and what is on stage while a program runs."""

from __future__ import annotations

import itertools
import secrets
from collections import Counter, defaultdict
from typing import Any

import aiohttp

from tests.invariants.history.person import HTTP_PATIENCE, Person
from tests.invariants.history.programs import Program, Start
from tests.invariants.history.records import Call, Json, Recorder
from tests.invariants.history.world import RETENTION_DAY, RETENTION_DAYS, World


class Cast:
    """The people, the conversations in the order in which they were made, and the record of it all."""

    def __init__(self, world: World, program: Program) -> None:
        self.world = world
        self.recorder = Recorder()
        # One connection a request: a kept one that breaks would make the library repeat a request by itself.
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            timeout=aiohttp.ClientTimeout(total=HTTP_PATIENCE),
            trust_env=False,
        )
        self.conversations: list[str] = []
        self.invites: dict[str, list[Json]] = defaultdict(list)
        """By conversation, as those who made them were told of them."""
        self.inside: dict[str, set[str]] = defaultdict(set)
        """By conversation, who is in as far as anybody was told; a hint for whom a step is worth while."""
        self.owners: dict[str, Person] = {}
        """By conversation, who made it."""
        self._heads: Counter[str] = Counter()
        self._said: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._texts = itertools.count(1)
        tag = secrets.token_hex(4)
        faults: dict[int, dict[int, dict[str, Any]]] = {
            who: {each.socket: {each.fault: 1.0} for each in program.bad_sockets if each.who == who}
            for who in range(program.people)
        }
        # Each id begins with the one before: no key may take one for the other.
        self.people = [
            Person(self, f"p/{tag}" + "#C" * who, f"Person {who}", faults[who]) for who in range(program.people)
        ]
        self.recorder.history.people = {each.id: each.name for each in self.people}
        self.recorder.history.posts_are_reliable = program.posts_are_reliable
        self.recorder.history.retention_days = RETENTION_DAYS
        self.recorder.history.retention_day = RETENTION_DAY

    def see(self, where: str, sequence_id: int) -> None:
        """Somebody has seen the log of a conversation reach so far."""
        self._heads[where] = max(self._heads[where], sequence_id)

    def head(self, where: str) -> int:
        """How far the log of a conversation reaches as far as anybody knows."""
        return self._heads[where]

    def spoke(self, where: str, who: str, sequence_id: int) -> None:
        """A message of somebody is this event."""
        self.see(where, sequence_id)
        self._said[where].append((sequence_id, who))

    def messages(self, where: str) -> list[tuple[int, str]]:
        """The messages of a conversation with who said them, as far as they were acknowledged."""
        return self._said[where]

    def text(self) -> str:
        """A text that nobody has said yet."""
        return f"text {next(self._texts)} ☂"

    async def creates(self, start: Start) -> Call:
        """A new conversation."""
        owner = self.people[start.owner % len(self.people)]
        others = [self.people[each % len(self.people)] for each in start.others]
        body: Json = {
            "title": self.text(),
            "participants": [
                {"participant_id": each.id, "name": each.name, "role": "moderator" if index == 1 else "member"}
                for index, each in enumerate(others)
                if each is not owner
            ],
            "join_policy": "open" if start.is_open else "invite",
        }
        call = await owner.http("create", "", "POST", "/conversations", body=body)
        if call.is_ok:
            call.where = call.answer["conversation_id"]
            self.conversations.append(call.where)
            self.owners[call.where] = owner
            self.inside[call.where] = {owner.id, *(each.id for each in others)}
            self.see(call.where, 1)
        return call
