"""The two tables, and conversations in them."""

from __future__ import annotations

import itertools
import json
import secrets
from dataclasses import replace

from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.model.conversations import JoinPolicy
from chalicelib.identity.settings import IdentitySettings
from chalicelib.settings import Settings
from local.dynamodb.item_codec import encode
from local.faults.client import DynamoClient
from local.faults.engine import MemoryEngine
from tests.invariants.harness import QUANTUM, Harness, Setup
from tests.support.items import items_with, stored_keys, write_encoded

_TEMPLATES: dict[tuple[Settings, Setup], _Template] = {}
SECRET = "a secret of the law tests, 32 bytes and more"


def memory_tables() -> Tables:
    """Return new tables in memory."""
    return Tables(MemoryEngine("conversations", "connections"), "conversations", "connections")


class Tables:
    """The two tables in an engine, and harnesses on them."""

    def __init__(self, engine: DynamoClient, conversations_table: str, connections_table: str) -> None:
        self.engine = engine
        self.conversations_table = conversations_table
        self.connections_table = connections_table
        self.settings = Settings(
            conversations_table=conversations_table,
            connections_table=connections_table,
            management_endpoint="http://127.0.0.1/no-such-thing",
            region="us-east-1",
            identity=IdentitySettings(SECRET, None, None, None),
            # The feed has its own tests: it would multiply the schedules of all others.
            limits=Limits(activity_participants=0),
            timing=Timing(append_deadline=3 * QUANTUM),
            version="laws",
            history_id=HistoryId(0, conversations_table),
        )
        self._numbers = itertools.count(1)

    def with_limits(self, **limits: int) -> Tables:
        """Return the same tables with other limits."""
        other = Tables(self.engine, self.conversations_table, self.connections_table)
        other.settings = replace(self.settings, limits=replace(self.settings.limits, **limits))
        return other

    def with_events(self) -> Tables:
        """Return the same tables of a deployment that publishes events."""
        other = Tables(self.engine, self.conversations_table, self.connections_table)
        other.settings = replace(self.settings, events=True)
        return other

    def stored_keys(self) -> list[str]:
        """Return the keys of all items of the conversations' table, of an engine in memory."""
        return stored_keys(self.engine, self.conversations_table)

    def items_with(self, *texts: str) -> list[str]:
        """Return the items that contain one of these texts in any attribute or key, as JSON; in memory only."""
        return items_with(self.engine, (self.conversations_table, self.connections_table), *texts)

    def harness(self, shape: Setup | None = None) -> Harness:
        """Return a new conversation with this setup.

        The application creates the first one of each setup in this process; this is a copy of its items under
        other ids, in one write.
        """
        shape = shape or Setup()
        template = _TEMPLATES.get((self.settings, shape))
        if template is None:
            template = _TEMPLATES[self.settings, shape] = _Template(self._create(shape))
        tag = f"{next(self._numbers)}-{secrets.token_hex(4)}"
        harness = Harness(self, shape, tag, f"conv_{secrets.token_urlsafe(16)}")
        write_encoded(self.engine, template.copy(harness))
        return harness

    def _create(self, shape: Setup) -> Harness:
        """Create a conversation through the application."""
        harness = Harness(self, shape, f"template-{secrets.token_hex(8)}", "")
        process = harness.process(skew=-10.0)
        owner, *others = shape.members
        policy: JoinPolicy = "open" if shape.is_open else "invite"
        made = process.create_conversation(owner, others, roles=dict(shape.roles), join_policy=policy)
        harness.conversation = made["conversation_id"]
        for socket in shape.sockets:
            process.connect(socket)
            process.send_frame(socket, "subscribe" if socket in shape.subscribed else "ping")
        return harness


class _Template:
    """The items of a conversation, as JSON."""

    def __init__(self, made: Harness) -> None:
        self._ids = made.conversation, made.tag
        self._text = json.dumps([[*key, encode(item)] for key, item in made.items().items()], ensure_ascii=False)

    def copy(self, harness: Harness) -> list[tuple[str, str, str, str]]:
        """Return table, key and JSON of each item, with the ids of another conversation."""
        conversation, tag = self._ids
        copied = self._text.replace(conversation, harness.conversation).replace(tag, harness.tag)
        return [(table, pk, sk, encoded) for table, pk, sk, encoded in json.loads(copied)]
