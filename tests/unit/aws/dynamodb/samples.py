"""Values of the model, with every field set."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.model.connections import Connection, Subscription, command_order
from chalicelib.core.model.conversations import ConversationDetails, Head, Membership
from chalicelib.core.model.events import Event, MessageState, Reaction
from chalicelib.core.model.messages import DraftMessage, IdempotencyKey, QueuedRun
from chalicelib.core.model.moderation import AuditEntry, Ban, Invite
from chalicelib.core.model.privacy import DataLocation, ErasureJob, erasure_id

CONVERSATION = "conv_1234567890123456789012"

HEAD = Head(
    conversation_id=CONVERSATION,
    sequence_id=7,
    message_count=4,
    last_message=6,
    updated_at=1_700_000_000_000,
    participant_count=2,
    roster_version=3,
    departed={"bob": 5},
    contended_until=1_700_000_000_500,
    active_at=1_699_999_999_000,
    event_sizes="7:$$",
    direct="accepted",
    opener_messages=1,
    blockers=frozenset({"bob"}),
    audited_at=1_699_999_998_000,
)
MEMBER = Membership(
    conversation_id=CONVERSATION,
    participant_id="alice",
    name="Alice",
    type="human",
    role="moderator",
    joined_at=1_700_000_000_000,
    epoch=1,
    read_up_to=6,
    read_message_count=3,
    muted_until=1_700_000_100_000,
    own_unread=frozenset({7}),
    is_added=True,
    archived=True,
    pinned=True,
    notifications_muted=True,
    hidden_at=5,
)
DETAILS = ConversationDetails(
    conversation_id=CONVERSATION,
    title="Title",
    join_policy="open",
    metadata={"a": [1, {"b": None}], "ü": 1.5},
    created_at=1_700_000_000_000,
    created_by="alice",
    retention_days=30,
)
SENDER = replace(MEMBER, own_unread=frozenset())
STATE = MessageState(
    version=9,
    overrides={"content": "edited"},
    edited_at="2026-01-01T00:00:00.000Z",
    edits=(8, 9),
    reactions={"👋": 2},
)
REACTION = Reaction(target=6, participant_id="alice", emoji="👋", sequence_id=7)
KEY = IdempotencyKey(CONVERSATION, "alice", "client-1")
BAN = Ban(CONVERSATION, "eve", "Eve", "alice", 1_700_000_000_000)
INVITE = Invite(CONVERSATION, "ivt_1", "alice", 1_700_000_000_000, 1_700_003_600, 5, 2)
ENTRY = AuditEntry("muted", "alice", "bob", 6, "member", 1_700_000_100_000, "ivt_1", service="backend")
JOB = ErasureJob(erasure_id("bob"), 1_700_000_000_000, 3, 1, "bob", "salt")
LOCATION = DataLocation(
    CONVERSATION, is_member=False, erased_at_event=8, started_at=1_700_000_000_000, position="E#1"
)
CONNECTION = Connection(
    "x=", "alice", "Alice", 1_700_003_600, 1_700_000_000_000, 1_700_000_000_500, 3, True, False, has_feed=True
)
SUBSCRIPTION = Subscription(
    CONVERSATION, "x=", "alice", 1, 3, 1_700_003_600, 1_700_000_000_000, command_order(7, 1_700_000_000_000)
)


def message(sequence_id: int = 6) -> Event:
    return {
        "conversation_id": CONVERSATION,
        "sequence_id": sequence_id,
        "type": "message",
        "message_id": f"msg_{sequence_id}",
        "created_at": "2026-01-01T00:00:00.000Z",
        "sender": {"participant_id": "alice", "name": "Alice", "type": "human"},
        "content": "grüß 👋",
    }


QUEUED = QueuedRun("000-1", 1_700_000_000_000, [DraftMessage(message(), KEY)], SENDER)
