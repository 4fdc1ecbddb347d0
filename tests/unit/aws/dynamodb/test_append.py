"""The transaction of a commit, and what it means that one of its conditions failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws.dynamodb.append import append
from chalicelib.aws.dynamodb.append_steps import Precondition, Step, require_member_op, to_error
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import TransactionCancelled
from chalicelib.aws.dynamodb.keys import event_sk
from chalicelib.aws.dynamodb.log_items import head_to_item, idempotency_record_to_item
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import marshal_item
from chalicelib.core.model.consent import Standing
from chalicelib.core.model.messages import IdempotencyRecord
from chalicelib.core.model.privacy import ErasureCommit
from chalicelib.core.ports.commits import Commit, HeadConflict, MessageAppend, PreconditionFailed, WriteConflict
from tests.support.fakes import FakeClock
from tests.unit.aws.dynamodb.fakes import ScriptedClient, service_error
from tests.unit.aws.dynamodb.samples import BAN, ENTRY, HEAD, INVITE, JOB, KEY, LOCATION, MEMBER, message

NEW_HEAD = replace(HEAD, sequence_id=8, message_count=5, last_message=8)
MESSAGE = MessageAppend(message(8), MEMBER, KEY, queued_as="000-1")
BOB = replace(MEMBER, participant_id="bob", muted_until=0)


def operations(commit: Commit) -> list[dict[str, Any]]:
    """Return the operations of the transaction, each with its kind."""
    client = ScriptedClient({})
    dynamo = Dynamo(client, FakeClock())
    append(dynamo, Table(dynamo, "t"), commit)
    (call,) = client.calls
    return [{"kind": kind, **arguments} for each in call["TransactItems"] for kind, arguments in each.items()]


def sk_of(operation: dict[str, Any]) -> str:
    key = operation.get("Key") or operation["Item"]
    return str(key["sk"]["S"])


def error_of(commit: Commit, **reasons: Any) -> Exception:
    """Return the error of a commit of which the operations with these sort keys fail."""
    codes = [
        {
            "Code": "ConditionalCheckFailed",
            **({"Item": marshal_item(reasons[sk_of(each)])} if reasons[sk_of(each)] else {}),
        }
        if sk_of(each) in reasons
        else {"Code": "None"}
        for each in operations(commit)
    ]
    dynamo = Dynamo(
        ScriptedClient(service_error("TransactionCanceledException", CancellationReasons=codes)), FakeClock()
    )
    with pytest.raises(Exception) as caught:
        append(dynamo, Table(dynamo, "t"), commit)
    return caught.value


# ---- operations ----------------------------------------------------------------------------------------


def test_first_operation_moves_the_head_on_the_condition_that_it_is_as_read() -> None:
    head, *_ = operations(Commit(HEAD, NEW_HEAD, messages=[MESSAGE]))
    assert (head["kind"], sk_of(head)) == ("Update", "HEAD")
    assert head["ConditionExpression"] == (
        "#sequence_id = :old AND #state = :live AND attribute_not_exists(#revision)"
    )
    values = head["ExpressionAttributeValues"]
    assert (values[":old"], values[":new"], values[":live"]) == ({"N": "7"}, {"N": "8"}, {"S": "live"})


def test_head_that_was_rewritten_must_have_the_same_revision() -> None:
    head, *_ = operations(Commit(replace(HEAD, revision=3), NEW_HEAD))
    assert head["ConditionExpression"].endswith("#revision = :revision")
    assert head["ExpressionAttributeValues"][":revision"] == {"N": "3"}


def test_message_is_written_with_record_and_read_pointer_and_leaves_the_queue() -> None:
    _, event, record, queued, pointer = operations(Commit(HEAD, NEW_HEAD, messages=[MESSAGE]))
    assert (event["kind"], sk_of(event), event["Item"]["message_count"]) == ("Put", event_sk(8), {"N": "5"})
    assert (record["kind"], sk_of(record)) == ("Put", "K")
    assert (queued["kind"], sk_of(queued)) == ("Delete", "000-1")
    assert (pointer["kind"], sk_of(pointer)) == ("Update", f"C#{HEAD.conversation_id}")
    assert pointer["ExpressionAttributeValues"][":own"] == {"NS": ["8"]}
    for operation in (event, record, queued, pointer):
        assert operation["ConditionExpression"]


def sender_update(*messages: MessageAppend) -> tuple[str, dict[str, Any]]:
    """Return the update of the sender's membership in a commit of these messages: its expression and values."""
    last = messages[-1].event["sequence_id"]
    head = replace(HEAD, sequence_id=last, message_count=HEAD.message_count + last - HEAD.sequence_id)
    key = "alice"
    (update,) = [
        each
        for each in operations(Commit(HEAD, head, messages=messages))
        if each.get("Key", {}).get("pk") == {"S": f"U#{key}"}
    ]
    values = {name: next(iter(value.values())) for name, value in update["ExpressionAttributeValues"].items()}
    return update["UpdateExpression"], values


def sent(
    sequence_id: int, *, seen: int | None = None, name: str = "Alice", kind: str = "human", **member: Any
) -> MessageAppend:
    event = message(sequence_id)
    event["sender"] = {**event["sender"], "name": name, "type": kind}
    return MessageAppend(event, replace(MEMBER, **member), None, seen=seen)


def test_message_directly_after_the_read_pointer_moves_it() -> None:
    change, values = sender_update(sent(8, read_up_to=7))
    assert change.startswith("SET #read_up_to = :read_up_to") and change.endswith(
        "REMOVE #own_unread_0, #own_unread_1"
    )
    assert (values[":read_up_to"], values[":read_message_count"]) == ("8", "5")


def test_message_directly_after_what_its_sender_has_seen_moves_the_pointer() -> None:
    _, values = sender_update(sent(8, seen=7))
    assert (values[":read_up_to"], values[":read_message_count"]) == ("8", "5")


@pytest.mark.parametrize("seen", [None, 5, 6, 8])
def test_other_messages_leave_the_pointer_and_are_kept_as_own(seen: int | None) -> None:
    change, values = sender_update(sent(8, seen=seen))
    assert change == "ADD #own_unread_0 :own"
    assert values[":own"] == ["8"]


def test_sender_of_several_messages_has_one_read_pointer_at_the_last_of_them() -> None:
    _, values = sender_update(sent(8, read_up_to=7), sent(9, read_up_to=7))
    assert (values[":read_up_to"], values[":read_message_count"]) == ("9", "6")


def test_second_run_of_a_sender_after_another_sender_is_kept_as_own() -> None:
    bob = MessageAppend(
        {**message(9), "sender": {"participant_id": "bob", "name": "Bob", "type": "human"}}, BOB, None
    )
    change, values = sender_update(sent(8, read_up_to=7), bob, sent(10, read_up_to=7))
    assert (values[":read_up_to"], values[":read_message_count"], values[":own"]) == ("8", "5", ["10"])
    assert change.endswith(", #own_unread_0 = :own REMOVE #own_unread_1")


def test_obsolete_own_messages_are_deleted_from_the_set_that_gets_no_new_one() -> None:
    none = frozenset[int]()
    change, values = sender_update(sent(8, own_obsolete=(frozenset({2, 3}), none)))
    assert (change, values[":obsolete"]) == ("ADD #own_unread_1 :own DELETE #own_unread_0 :obsolete", ["2", "3"])
    change, values = sender_update(sent(8, own_obsolete=(none, frozenset({4}))))
    assert (change, values[":obsolete"]) == ("ADD #own_unread_0 :own DELETE #own_unread_1 :obsolete", ["4"])


@pytest.mark.parametrize("read_up_to", [6, 7], ids=["pointer stays", "pointer moves"])
def test_name_and_type_are_written_only_if_they_have_changed(read_up_to: int) -> None:
    change, values = sender_update(sent(8, read_up_to=read_up_to))
    assert "#name" not in change and "#type" not in change
    change, values = sender_update(sent(8, read_up_to=read_up_to, name="Alicia"))
    assert values[":name"] == "Alicia"
    assert change.startswith("SET #name = :name")
    assert "#type" not in change
    change, values = sender_update(sent(8, read_up_to=read_up_to, kind="agent"))
    assert values[":type"] == "agent"
    assert change.startswith("SET #type = :type")
    assert "#name" not in change
    change, values = sender_update(sent(8, read_up_to=read_up_to, kind="agent", name="Alicia"))
    assert (values[":name"], values[":type"], change.count("SET ")) == ("Alicia", "agent", 1)


def test_departed_member_is_added_to_the_head() -> None:
    head, *_ = operations(Commit(HEAD, replace(NEW_HEAD, departed={"bob": 5, "eve": 8})))
    values = head["ExpressionAttributeValues"]
    assert values[":departed0"] == {"M": {"participant_id": {"S": "eve"}, "event": {"N": "8"}}}
    assert ":departed1" not in values


def test_no_item_is_written_twice() -> None:
    commit = Commit(
        HEAD,
        NEW_HEAD,
        events=[message(7)],
        messages=[MESSAGE],
        joining=[BOB],
        banning=[BAN],
        invite=INVITE,
        audit=[ENTRY, ENTRY],
        purge_at=5,
        retention_check_at=6,
    )
    keys = [
        str(each.get("Key") or {name: each["Item"][name] for name in ("pk", "sk")}) for each in operations(commit)
    ]
    assert len(set(keys)) == len(keys)


def test_erased_member_leaves_a_footprint_and_no_past_membership() -> None:
    erasure = ErasureCommit(JOB, LOCATION, was_member=True, is_banned=False)
    written = operations(Commit(HEAD, NEW_HEAD, leaving=[BOB], erasure=erasure))
    puts = [sk_of(each) for each in written if each["kind"] == "Put"]
    deletes = [sk_of(each) for each in written if each["kind"] == "Delete"]
    assert puts == [f"F#{HEAD.conversation_id}"]
    assert "L#bob" in deletes


# ---- errors --------------------------------------------------------------------------------------------


def test_moved_head_is_a_conflict_with_the_current_head() -> None:
    error = error_of(Commit(HEAD, NEW_HEAD, messages=[MESSAGE]), HEAD=head_to_item(NEW_HEAD))
    assert isinstance(error, HeadConflict)
    assert error.current == NEW_HEAD


def test_missing_head_is_a_conflict_without_one() -> None:
    error = error_of(Commit(HEAD, NEW_HEAD), HEAD=None)
    assert isinstance(error, HeadConflict)
    assert error.current is None


def test_duplicate_message_has_the_record_of_the_first_one() -> None:
    record = idempotency_record_to_item("hashed", message(3))
    error = error_of(Commit(HEAD, NEW_HEAD, messages=[MESSAGE]), K=record, HEAD=head_to_item(NEW_HEAD))
    assert isinstance(error, PreconditionFailed)
    assert error.duplicates == {0: IdempotencyRecord("msg_3", 3, "2026-01-01T00:00:00.000Z")}


def test_stale_membership_is_named() -> None:
    error = error_of(Commit(HEAD, NEW_HEAD, messages=[MESSAGE]), **{f"C#{HEAD.conversation_id}": None})
    assert isinstance(error, PreconditionFailed)
    assert list(error.stale_memberships) == ["alice"]


def test_message_that_is_no_longer_queued_fails_the_precondition() -> None:
    error = error_of(Commit(HEAD, NEW_HEAD, messages=[MESSAGE]), **{"000-1": None})
    assert isinstance(error, PreconditionFailed)
    assert (error.duplicates, list(error.stale_memberships)) == ({}, [])


def test_running_erasure_prevails_over_everything_else() -> None:
    commit = Commit(HEAD, NEW_HEAD, joining=[BOB])
    erasing = {"erasing": True}
    error = error_of(commit, STANDING=erasing, HEAD=head_to_item(NEW_HEAD), **{"P#bob": None})
    assert isinstance(error, PreconditionFailed)
    assert list(error.erasing) == ["bob"]
    assert not error.stale_memberships


def test_full_standing_of_a_joining_member_is_reported() -> None:
    error = error_of(Commit(HEAD, NEW_HEAD, joining=[BOB], conversations_cap=5), STANDING={"own": 5})
    assert isinstance(error, PreconditionFailed)
    assert error.at_cap


def test_changed_standing_of_an_added_member_is_a_failed_precondition() -> None:
    commit = Commit(HEAD, NEW_HEAD, joining=[BOB], standing=Standing("bob", version=3))
    error = error_of(commit, STANDING=None)
    assert isinstance(error, PreconditionFailed)
    assert not error.at_cap
    assert not error.erasing


def test_unusable_invite_is_a_failed_precondition() -> None:
    error = error_of(Commit(HEAD, NEW_HEAD, invite=INVITE), **{"I#ivt_1": None})
    assert isinstance(error, PreconditionFailed)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError"])
def test_transaction_without_a_failed_condition_is_a_write_conflict(code: str) -> None:
    steps = [Step({}, Precondition.HEAD), Step({}, Precondition.MEMBERSHIP, "alice")]
    error = to_error(steps, TransactionCancelled([(code, None), ("None", None)]))
    assert isinstance(error, WriteConflict)


@pytest.mark.parametrize(
    ("role", "condition"), [(False, "#epoch = :epoch"), (True, "#epoch = :epoch AND #role = :role")]
)
def test_membership_is_required_with_or_without_its_role(role: bool, condition: str) -> None:
    table = Table(Dynamo(ScriptedClient(), FakeClock()), "t")
    check = require_member_op(table, MEMBER, role=role)["ConditionCheck"]
    assert check["ConditionExpression"] == condition
