"""The audit log with entries that earlier versions wrote."""

from __future__ import annotations

from chalicelib.aws.dynamodb.moderation_items import audit_entry_to_item, position_outside_commits
from chalicelib.aws.dynamodb.values import marshal_item
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.model.moderation import AuditEntry
from chalicelib.core.protocol.queries import AuditQuery
from chalicelib.core.protocol.requests import CreateInvite
from tests.support.app_harness import ENVIRONMENT, AppHarness, principal

ALICE = principal("alice")


def audited(harness: AppHarness, chat: str) -> list[str]:
    entries = harness.chat.conversations.moderation.audit(ALICE, chat, AuditQuery())["entries"]
    return [entry["action"] for entry in entries]


def add_entry_of_an_earlier_version(harness: AppHarness, chat: str, at: int) -> None:
    """Add one as functions do that do not note it in the head, and give it a random part."""
    entry = AuditEntry("invite_revoked", "alice", invite_id="i")
    position = f"{position_outside_commits(at)}0a1b2c3d"
    item = audit_entry_to_item(chat, harness.head(chat).sequence_id, position, at, entry)
    harness.store.put_item(TableName=ENVIRONMENT["CHAT_CONVERSATIONS_TABLE"], Item=marshal_item(item))


def test_entries_of_an_earlier_version_at_the_newest_sequence_id_are_listed() -> None:
    """During a deployment, functions of both run at the same time."""
    harness = AppHarness()
    chat = harness.create_conversation("alice", "bob")
    add_entry_of_an_earlier_version(harness, chat, milliseconds(harness.clock))
    assert audited(harness, chat) == ["invite_revoked"]
    harness.clock.advance(1)
    harness.chat.conversations.invites.create(ALICE, chat, CreateInvite())
    assert audited(harness, chat) == ["invite_revoked", "invite_created"]
    add_entry_of_an_earlier_version(harness, chat, milliseconds(harness.clock) + 1)
    assert audited(harness, chat) == ["invite_revoked", "invite_created", "invite_revoked"]
