"""Keys: their order, and that no two things have the same one."""

from __future__ import annotations

import itertools

import pytest

from chalicelib.aws.dynamodb import keys, work_keys
from chalicelib.aws.dynamodb.keys import Key
from chalicelib.core.model.messages import IdempotencyKey
from chalicelib.core.model.privacy import ErasureJob, RetentionCheck, erasure_id
from chalicelib.core.ports.commits import Purge

CONVERSATION = "conv_1234567890123456789012"
# Ids that try to be something else: all visible ASCII characters are allowed.
IDS = ["a", "b", "a#b", "C#a", "#", "~", "U#a", "HEAD", "a~", "0"]


def all_keys(participant_id: str) -> list[Key]:
    key = IdempotencyKey(CONVERSATION, participant_id, "1")
    job = ErasureJob(erasure_id(participant_id), 1_000, 0, 0, participant_id)
    return [
        keys.membership_key(CONVERSATION, participant_id),
        keys.footprint_key(CONVERSATION, participant_id),
        keys.roster_key(CONVERSATION, participant_id),
        keys.past_membership_key(CONVERSATION, participant_id),
        keys.ban_key(CONVERSATION, participant_id),
        keys.reaction_key(CONVERSATION, 1, participant_id, "👋"),
        keys.idempotency_record_key(keys.idempotency_hash(key)),
        work_keys.erasure_key(job.job_id),
        work_keys.pending_erasure_key(job),
    ]


COMMON = [
    keys.head_key(CONVERSATION),
    keys.details_key(CONVERSATION),
    keys.event_key(CONVERSATION, 1),
    keys.invite_key(CONVERSATION, "ivt_1"),
    work_keys.retention_progress_key(CONVERSATION),
    work_keys.retention_check_key(RetentionCheck(CONVERSATION, 1)),
    work_keys.purge_key(Purge(CONVERSATION, 1)),
]


def test_no_two_items_have_the_same_key() -> None:
    every = [*COMMON, *itertools.chain.from_iterable(all_keys(participant_id) for participant_id in IDS)]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("participant_id", IDS)
def test_items_of_others_are_in_no_range_of_a_participant(participant_id: str) -> None:
    pk = keys.participant_pk(participant_id)
    for other in IDS:
        if other != participant_id:
            assert keys.participant_pk(other) != pk


def test_idempotency_hash_separates_its_parts() -> None:
    parts = [("c", "ab", "c"), ("c", "a", "bc"), ("ca", "b", "c"), ("c", "abc", ""), ("c", "2:ab", "1:c")]
    assert len({keys.idempotency_hash(IdempotencyKey(*each)) for each in parts}) == len(parts)


def test_idempotency_hash_differs_for_each_participant() -> None:
    hashes = {keys.idempotency_hash(IdempotencyKey(CONVERSATION, participant_id, "1")) for participant_id in IDS}
    assert len(hashes) == len(IDS)
    assert all(len(hashed) == 43 for hashed in hashes)


def test_events_sort_by_number() -> None:
    numbers = [1, 2, 9, 10, 99, 100, 12345, 999_999_999]
    sks = [keys.event_sk(number) for number in numbers]
    assert sorted(sks) == sks


def test_range_after_a_key_begins_with_the_next_one() -> None:
    assert "B#a" < keys.sk_after("B#a") < min("B#a!", "B#aa", "B#b")


def test_range_up_to_a_prefix_contains_all_that_begin_with_it() -> None:
    assert keys.ban_key(CONVERSATION, "a")[1] < keys.sk_up_to(keys.BAN_PREFIX) < keys.INVITE_PREFIX
    assert keys.sk_up_to("E#") > keys.event_sk(10**16 - 1)
    assert keys.sk_up_to("R#") < "S#"


def test_reactions_with_one_emoji_are_among_those_to_the_message() -> None:
    _, sk = keys.reaction_key(CONVERSATION, 7, "a", "👋")
    assert sk.startswith(keys.reaction_prefix(7, "👋"))
    assert keys.reaction_prefix(7, "👋").startswith(keys.reaction_prefix(7))
    assert not sk.startswith(keys.reaction_prefix(7, "🎉"))
    assert not sk.startswith(keys.reaction_prefix(70))


def test_audit_entries_after_a_sequence_id_are_those_of_later_ones() -> None:
    beyond = keys.audit_sk_after(5)
    assert keys.audit_sk(5, "at000000000000000abcdef") < beyond < keys.audit_sk(6, "00")


def test_audit_entries_after_a_position_exclude_that_position() -> None:
    sk = keys.audit_sk(5, "01")
    beyond = keys.audit_sk_after(sk.removeprefix(keys.AUDIT_PREFIX))
    assert sk < beyond < keys.audit_sk(5, "02")


def test_due_range_contains_what_is_due() -> None:
    low, high = work_keys.due_by(1_000)
    assert low <= work_keys.due_sk(0, CONVERSATION) < work_keys.due_sk(1_000, CONVERSATION) <= high
    assert high < work_keys.due_sk(1_001, CONVERSATION)
    assert work_keys.parse_due_sk(work_keys.due_sk(1_000, CONVERSATION)) == (1_000, CONVERSATION)
