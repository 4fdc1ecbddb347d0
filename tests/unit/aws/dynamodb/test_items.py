"""Every item maps back to the value that it was made of, through DynamoDB's typed form."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from chalicelib.aws.dynamodb.connection_items import (
    MAX_CONNECTION_SECONDS,
    active_connection_to_item,
    connection_from_item,
    connection_to_item,
    subscription_from_item,
    subscription_to_items,
)
from chalicelib.aws.dynamodb.conversation_items import details_from_item, details_to_item
from chalicelib.aws.dynamodb.erasure_items import (
    data_location_from_item,
    data_location_to_item,
    job_from_item,
    job_to_item,
)
from chalicelib.aws.dynamodb.log_items import (
    event_from_item,
    event_to_item,
    head_from_item,
    head_to_item,
    idempotency_record_from_item,
    idempotency_record_to_item,
    message_state_text,
    queue_front_from_items,
    queue_lease_to_item,
    queued_run_from_item,
    queued_run_to_item,
    reaction_from_item,
    reaction_to_item,
)
from chalicelib.aws.dynamodb.membership_items import (
    membership_attributes,
    membership_from_item,
    membership_to_items,
    past_membership_from_item,
    past_membership_to_item,
)
from chalicelib.aws.dynamodb.moderation_items import (
    audit_entry_to_item,
    audit_record_from_item,
    ban_from_item,
    ban_to_item,
    invite_from_item,
    invite_to_item,
    position_in_commit,
    position_outside_commits,
)
from chalicelib.aws.dynamodb.retention_items import check_from_item, progress_from_item
from chalicelib.aws.dynamodb.values import Item, marshal_item, unmarshal_item
from chalicelib.aws.dynamodb.work_keys import retention_check_key
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.conversations import OtherParticipant, PastMembership
from chalicelib.core.model.events import StoredEvent
from chalicelib.core.model.messages import DraftMessage, IdempotencyRecord, QueueFront, QueueLease
from chalicelib.core.model.moderation import AuditRecord
from chalicelib.core.model.privacy import DataLocation, RetentionCheck, RetentionProgress
from tests.unit.aws.dynamodb.samples import (
    BAN,
    CONNECTION,
    CONVERSATION,
    DETAILS,
    ENTRY,
    HEAD,
    INVITE,
    JOB,
    KEY,
    LOCATION,
    MEMBER,
    QUEUED,
    REACTION,
    SENDER,
    STATE,
    SUBSCRIPTION,
    message,
)

OTHER = OtherParticipant("bob", "Bob", "agent", "https://example.com/b", 3, 1_700_000_000)


def stored(item: Item) -> Item:
    """Return an item as DynamoDB returns it."""
    return unmarshal_item(json.loads(json.dumps(marshal_item(item))))


SAMPLES: dict[str, tuple[Any, Callable[[Any], Item], Callable[[Item], Any]]] = {
    "head": (HEAD, head_to_item, head_from_item),
    "details": (DETAILS, details_to_item, details_from_item),
    "details without retention": (replace(DETAILS, retention_days=None), details_to_item, details_from_item),
    "membership": (MEMBER, lambda value: membership_to_items(value)[0], membership_from_item),
    "membership of a direct conversation": (
        replace(MEMBER, other=OTHER),
        lambda value: membership_to_items(value)[0],
        membership_from_item,
    ),
    "membership without a mute": (
        replace(MEMBER, muted_until=0),
        lambda value: membership_to_items(value)[0],
        membership_from_item,
    ),
    "reaction": (REACTION, lambda value: reaction_to_item(CONVERSATION, value), reaction_from_item),
    "queued message": (
        QUEUED,
        queued_run_to_item,
        lambda item: queued_run_from_item(CONVERSATION, item),
    ),
    "queued message without a client's id": (
        replace(QUEUED, messages=[DraftMessage(message(), replace(KEY, client_message_id="\0msg_6"))]),
        queued_run_to_item,
        lambda item: queued_run_from_item(CONVERSATION, item),
    ),
    "queued run of messages with a client's id": (
        replace(
            QUEUED,
            messages=[
                DraftMessage(
                    message(number) | {"client_message_id": f"c{number}"},
                    replace(KEY, client_message_id=f"c{number}"),
                )
                for number in (6, 7)
            ],
        ),
        queued_run_to_item,
        lambda item: queued_run_from_item(CONVERSATION, item),
    ),
    "queued message with a token of another type than the membership": (
        replace(QUEUED, member=replace(SENDER, type="agent")),
        queued_run_to_item,
        lambda item: queued_run_from_item(CONVERSATION, item),
    ),
    "queued message that a service sent for the participant": (
        replace(
            QUEUED,
            messages=[DraftMessage(message() | {"sender": {**message()["sender"], "via": "service"}}, KEY)],
        ),
        queued_run_to_item,
        lambda item: queued_run_from_item(CONVERSATION, item),
    ),
    "ban": (BAN, ban_to_item, ban_from_item),
    "ban without a name": (BAN._replace(name=None), ban_to_item, ban_from_item),
    "invite": (INVITE, invite_to_item, invite_from_item),
    "invite without a limit": (INVITE._replace(max_uses=None), invite_to_item, invite_from_item),
    "erasure job": (JOB, job_to_item, job_from_item),
    "data location": (LOCATION, lambda value: data_location_to_item(JOB, value), data_location_from_item),
    "connection of an agent": (replace(CONNECTION, type="agent"), connection_to_item, connection_from_item),
    "connection": (CONNECTION, connection_to_item, connection_from_item),
    "connection without a name": (replace(CONNECTION, name=None), connection_to_item, connection_from_item),
    "subscription": (SUBSCRIPTION, lambda value: subscription_to_items(value)[0], subscription_from_item),
    "subscription, as the fan-out finds it": (
        SUBSCRIPTION,
        lambda value: subscription_to_items(value)[1],
        subscription_from_item,
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_value_is_restored_from_its_item(name: str) -> None:
    value, to_item, from_item = SAMPLES[name]
    assert from_item(stored(to_item(value))) == value


def test_head_is_provisional_as_long_as_it_expires() -> None:
    item = stored(head_to_item(HEAD))
    assert not head_from_item(item).is_provisional
    assert head_from_item(item | {"expires_at": 1}).is_provisional


def test_event_is_restored_with_its_place_among_messages() -> None:
    item = event_to_item(message(), 4, "hashed")
    assert event_from_item(stored(item)) == StoredEvent(message(), 4)
    assert item["idempotency_key"] == "hashed"


def test_updated_message_is_restored_with_its_state() -> None:
    item = event_to_item(message(), 4, None) | {"state": message_state_text(STATE), "deleted_by": 9}
    assert event_from_item(stored(item)) == StoredEvent(message(), 4, STATE, 9)


def test_idempotency_record_is_restored() -> None:
    record = idempotency_record_from_item(stored(idempotency_record_to_item("hashed", message())))
    assert record == IdempotencyRecord("msg_6", 6, "2026-01-01T00:00:00.000Z")


def test_roster_entry_has_no_read_pointer() -> None:
    _, entry = membership_to_items(MEMBER)
    assert membership_from_item(stored(entry)) == replace(
        SENDER, read_up_to=0, read_message_count=0, archived=False, pinned=False, hidden_at=0
    )


def test_past_membership_keeps_read_pointer_and_mute() -> None:
    past = past_membership_from_item(stored(past_membership_to_item(SENDER, 7)))
    assert past == PastMembership(
        MEMBER.read_up_to, MEMBER.read_message_count, MEMBER.muted_until, removed_at_event=7
    )


def test_past_membership_keeps_own_messages_after_the_pointer() -> None:
    member = replace(MEMBER, own_unread=frozenset({7, 9}))
    past = past_membership_from_item(stored(past_membership_to_item(member, 0)))
    assert past is not None
    assert past.own_unread == {7, 9}


def test_newest_own_messages_of_both_sets_are_unread_and_the_others_obsolete() -> None:
    item, _ = membership_to_items(MEMBER)
    sets = {
        "own_unread_0": frozenset({5, 6, *range(7, 60)}),
        "own_unread_1": frozenset(range(60, 112)),
    }
    member = membership_from_item(stored(item | sets))
    assert member.own_unread == set(range(12, 112))
    assert member.own_obsolete == (frozenset(range(5, 12)), frozenset())


def test_queued_run_has_only_the_obsolete_own_messages_of_its_sender() -> None:
    obsolete = (frozenset({1}), frozenset({2}))
    member = replace(MEMBER, own_unread=frozenset(range(7, 107)), own_obsolete=obsolete)
    queued = queued_run_from_item(CONVERSATION, stored(queued_run_to_item(replace(QUEUED, member=member))))
    assert queued.member == replace(SENDER, own_obsolete=obsolete)


def test_queued_message_keeps_what_its_sender_has_seen() -> None:
    run = replace(QUEUED, messages=[replace(QUEUED.messages[0], seen=0)])
    assert queued_run_from_item(CONVERSATION, stored(queued_run_to_item(run))) == run


def test_mark_of_a_ban_is_not_a_past_membership() -> None:
    assert past_membership_from_item({"pk": "p", "sk": "L#eve", "banned_at": 1}) is None


def test_ban_has_no_id_in_its_key() -> None:
    assert "eve" not in ban_to_item(BAN)["sk"]


def test_audit_entry_is_restored_with_its_position() -> None:
    item = stored(audit_entry_to_item(CONVERSATION, 6, position_in_commit(1), 1_700_000_000_000, ENTRY))
    position = item["sk"].removeprefix("A#")
    assert audit_record_from_item(item) == AuditRecord(ENTRY, 6, 1_700_000_000_000, position)


def test_entries_of_a_commit_precede_the_others_at_its_sequence_id() -> None:
    others = [position_outside_commits(at) for at in (1, 999_999_999_999, 1_700_000_000_000)]
    assert sorted(others) == others
    assert position_in_commit(0) < position_in_commit(1) < position_in_commit(24) < others[0]


def test_membership_is_a_data_location() -> None:
    membership, _ = membership_to_items(MEMBER)
    assert data_location_from_item(stored(membership)).is_member


def test_finished_job_belongs_to_no_participant() -> None:
    item = job_to_item(JOB) | {"participant_id": None, "pseudonym_salt": None, "done_at": 5}
    job = job_from_item(stored(item))
    assert (job.participant_id, job.is_running, job.done_at) == ("", False, 5)


def test_retention_check_is_restored_from_its_key() -> None:
    check = RetentionCheck(CONVERSATION, 1_700_000_000)
    pk, sk = retention_check_key(check)
    assert check_from_item({"pk": pk, "sk": sk}) == check


def test_conversation_that_was_never_checked_has_no_progress() -> None:
    assert progress_from_item(None) == RetentionProgress(0, 0)
    assert progress_from_item({"due_at": 5, "cleared_up_to": 3}) == RetentionProgress(5, 3)


def test_active_connection_is_a_subscription_to_nothing() -> None:
    found = subscription_from_item(stored(active_connection_to_item(CONNECTION, 4)))
    assert (found.conversation_id, found.connection_id, found.generation) == ("", "x=", 4)


def test_items_of_a_connection_outlive_it() -> None:
    expected = CONNECTION.connected_at // 1000 + MAX_CONNECTION_SECONDS
    assert connection_to_item(CONNECTION)["expires_at"] == expected
    assert {item["expires_at"] for item in subscription_to_items(SUBSCRIPTION)} == {expected}


def test_profile_is_in_the_membership_and_with_the_avatar_in_the_roster() -> None:
    member = replace(MEMBER, avatar_url="https://example.com/a", profile_version=3)
    own, entry = map(membership_from_item, membership_to_items(member))
    assert (own.name, own.profile_version, own.avatar_url) == (member.name, 3, None)
    assert (entry.name, entry.profile_version, entry.avatar_url) == (member.name, 3, member.avatar_url)


def test_samples_have_no_field_at_its_default() -> None:
    # A field that is not stored would otherwise be restored by its default, unnoticed.
    ignored = {
        "state",
        "is_provisional",
        "revision",
        "expired_up_to",
        "done_at",
        "expires_at",
        "is_stale",
        "token_issued_at",
        "is_member",
        "own_obsolete",
        "other",  # of direct conversations only
        "avatar_url",
        "profile_version",
        "is_service",  # only in a queued run: tests/unit/core/messaging/test_system_messages.py
    }
    for value, _, _ in (
        SAMPLES[name] for name in ("head", "membership", "connection", "subscription", "data location")
    ):
        fields = value._asdict() if isinstance(value, DataLocation) else asdict(value)
        assert all(fields[name] for name in fields if name not in ignored), value


def test_queued_run_of_version_0_2_0_is_read() -> None:
    sender = replace(QUEUED.member, own_obsolete=(frozenset(), frozenset()))
    member = membership_attributes(sender)
    entries = json_codec.dumps([{"event": message(), "key": KEY.client_message_id}])
    item: Item = {"sk": "000-1", "queued_at": QUEUED.queued_at, "messages": entries, "member": member}
    assert queued_run_from_item(CONVERSATION, stored(item)) == replace(QUEUED, member=sender)


def test_front_of_a_queue_is_its_lease_and_its_oldest_run() -> None:
    lease = QueueLease("000-0", 1_700_000_000_024, 1_700_000_000_024)
    runs = [stored(queued_run_to_item(replace(QUEUED, queue_id=f"000-{number}"))) for number in (1, 2)]
    stored_lease = stored(queue_lease_to_item(CONVERSATION, lease))
    assert stored_lease["sk"] < runs[0]["sk"], "a query returns it first"
    assert queue_front_from_items([]) == QueueFront(None, None)
    assert queue_front_from_items(runs) == QueueFront(None, "000-1", QUEUED.queued_at)
    assert queue_front_from_items([stored_lease]) == QueueFront(lease, None)
    assert queue_front_from_items([stored_lease, runs[0]]) == QueueFront(lease, "000-1", QUEUED.queued_at)
