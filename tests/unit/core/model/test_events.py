"""New events, the actors in them, and pseudonyms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.model.actors import Actor, ParticipantType, Principal
from chalicelib.core.model.events import new_event
from chalicelib.core.model.privacy import ErasureJob, erasure_id
from tests.unit.aws.dynamodb.samples import MEMBER

ANN = Actor("ann", "Ann", "agent")


def test_event_has_the_common_fields_and_those_of_its_type() -> None:
    assert new_event("c", 7, "renamed", sender=ANN, now=1_700_000_000_123, title="T") == {
        "conversation_id": "c",
        "sequence_id": 7,
        "type": "renamed",
        "created_at": "2023-11-14T22:13:20.123Z",
        "sender": {"participant_id": "ann", "name": "Ann", "type": "agent"},
        "title": "T",
    }


def test_event_without_a_sequence_id_gets_it_later() -> None:
    assert "sequence_id" not in new_event("c", None, "renamed", sender=ANN, now=0)


def test_principal_outside_a_conversation_is_named_by_the_credential_or_the_id() -> None:
    assert Principal("ann", "Ann").as_actor() == Actor("ann", "Ann", "human")
    assert Principal("a" * 200, None).as_actor() == Actor("a" * 200, "a" * 100, "human")


@pytest.mark.parametrize("kind", ["human", "agent"])
def test_type_is_that_of_the_credential_in_a_conversation_too(kind: ParticipantType) -> None:
    caller = Principal(MEMBER.participant_id, None, kind)
    for stored in ("human", "agent"):
        assert caller.as_actor(replace(MEMBER, type=stored)).type == kind
    assert caller.as_actor().type == kind


def test_member_has_the_name_of_the_credential_or_the_stored_one() -> None:
    assert Principal("other", "New").as_actor(MEMBER) == Actor(MEMBER.participant_id, "New", MEMBER.type)
    assert Principal("other", None).as_actor(MEMBER) == Actor(MEMBER.participant_id, MEMBER.name, MEMBER.type)


def test_pseudonym_depends_on_the_salt_and_the_conversation() -> None:
    job = ErasureJob(erasure_id("ann"), 0, 1, 0, "ann", pseudonym_salt="salt")
    other = ErasureJob(erasure_id("ann"), 0, 1, 0, "ann", pseudonym_salt="another")
    # `printf salt:c | sha256sum`, its first 16 bytes in base64url
    assert job.pseudonym("c") == "erased_PTIMWi06rW3-VeFY8k6dtA"
    assert len({job.pseudonym("c"), job.pseudonym("d"), other.pseudonym("c")}) == 3
