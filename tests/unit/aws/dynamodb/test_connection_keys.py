"""Keys of the connections table."""

from __future__ import annotations

import itertools

from chalicelib.aws.dynamodb import connection_keys as keys
from tests.unit.aws.dynamodb.test_keys import CONVERSATION, IDS


def test_no_two_items_have_the_same_key() -> None:
    every = [keys.connection_key("x="), *keys.subscription_keys("x=", CONVERSATION), keys.ticket_key("h")]
    every.append(keys.typing_key("x=", CONVERSATION))
    for participant_id in IDS:
        every += [
            keys.active_connection_key(participant_id, "x="),
            keys.pending_offline_key(CONVERSATION, participant_id),
            keys.rate_limit_key(participant_id, "messages"),
            keys.rate_limit_key(participant_id, "changes"),
            keys.ticket_owner_key(participant_id, "h"),
        ]
    assert len(set(every)) == len(every)


def test_subscription_is_found_by_connection_and_by_conversation() -> None:
    by_connection, by_conversation = keys.subscription_keys("x=", CONVERSATION)
    assert by_connection == (keys.connection_pk("x="), f"S#{CONVERSATION}")
    assert by_conversation == (f"C#{CONVERSATION}", "S#x=")


def test_prefixes_of_a_participant_are_distinct() -> None:
    for one, other in itertools.permutations([keys.CONNECTION_PREFIX, keys.TICKET_PREFIX], 2):
        assert not one.startswith(other)


def test_rate_limit_has_no_id_in_its_key() -> None:
    assert "eve" not in "".join(keys.rate_limit_key("eve", "changes"))
