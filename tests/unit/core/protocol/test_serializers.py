"""The objects in responses, events and frames: every field, and the ones that are omitted."""

from __future__ import annotations

from chalicelib.core.model.moderation import AuditEntry, AuditRecord, Ban
from chalicelib.core.protocol import serializers
from tests.unit.aws.dynamodb.samples import BAN, CONVERSATION, DETAILS, ENTRY, HEAD, INVITE, MEMBER, REACTION

TIME = "2023-11-14T22:13:20.000Z"
"""1,700,000,000 s, as in the samples."""


def test_participant_has_role_presence_and_mute() -> None:
    expected = {
        "participant_id": "alice",
        "name": "Alice",
        "type": "human",
        "role": "moderator",
        "joined_at": TIME,
        "online": True,
        "muted_until": "2023-11-14T22:15:00.000Z",
    }
    assert serializers.participant(MEMBER, online=True) == expected


def test_ban_names_the_person_if_known() -> None:
    expected = {"participant_id": "eve", "name": "Eve", "banned_by": "alice", "banned_at": TIME}
    assert serializers.ban(BAN) == expected
    nameless = Ban(BAN.conversation_id, "eve", None, "alice", BAN.banned_at)
    assert serializers.banned_ref(nameless) == {"participant_id": "eve"}


def test_listed_invite_has_its_creation_and_uses() -> None:
    invite = {"invite_id": "ivt_1", "expires_at": "2023-11-14T23:13:20.000Z", "max_uses": 5}
    assert serializers.invite(INVITE) == invite
    assert serializers.listed_invite(INVITE) == {**invite, "created_by": "alice", "created_at": TIME, "uses": 2}


def test_audit_entry_has_only_the_fields_of_its_action() -> None:
    always = {"sequence_id": 7, "created_at": TIME, "action": "muted", "actor_id": "alice"}
    assert serializers.audit_entry(AuditRecord(ENTRY, 7, 1_700_000_000_000, "p")) == {
        **always,
        "participant_id": "bob",
        "target": 6,
        "role": "member",
        "muted_until": "2023-11-14T22:15:00.000Z",
        "invite_id": "ivt_1",
        "service": "backend",
    }
    bare = AuditRecord(AuditEntry("muted", "alice"), 7, 1_700_000_000_000, "p")
    assert serializers.audit_entry(bare) == always


def test_conversation_has_head_and_details() -> None:
    assert serializers.conversation(HEAD, DETAILS) == {
        "conversation_id": CONVERSATION,
        "title": "Title",
        "created_at": TIME,
        "created_by": "alice",
        "updated_at": TIME,
        "join_policy": "open",
        "metadata": DETAILS.metadata,
        "head": 7,
        "message_count": HEAD.message_count,
        "participant_count": 2,
        "retention_days": 30,
        "direct": True,
    }


def test_reaction_detail_has_participant_and_emoji() -> None:
    assert serializers.reaction_detail(REACTION) == {"participant_id": "alice", "emoji": "👋", "sequence_id": 7}
