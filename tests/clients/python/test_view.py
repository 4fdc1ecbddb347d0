"""Messages as a reader sees them now."""

from __future__ import annotations

import itertools

from serverless_chat.core.message import Message, Reaction
from serverless_chat.core.outputs import JsonObject
from serverless_chat.core.view import View

from tests.clients.python.drive import event


def folded(*events: JsonObject) -> list[Message]:
    view = View()
    view.add(events)
    return view.messages()


def test_edit_changes_the_content_and_keeps_the_fields_that_it_does_not_name() -> None:
    sent = event(1, mentions=["carol"], metadata={"a": 1})
    edited = event(2, "message_edited", target=1, content="new", metadata={})
    [message] = folded(sent, edited)
    assert (message.content, message.edited_at) == ("new", "at 2")
    assert (message.mentions, message.metadata) == (("carol",), None)


def test_deleted_message_keeps_its_place_without_content_and_reactions() -> None:
    reacted = event(2, "reaction_added", target=1, emoji="🎉")
    [message] = folded(event(1), reacted, event(3, "message_deleted", target=1))
    assert message.is_deleted
    assert (message.sequence_id, message.content, message.reactions) == (1, None, ())


def test_update_within_the_window_is_kept_for_a_message_that_older_brings_back() -> None:
    view = View()
    sent, early = event(1), event(2, "message_edited", target=1, content="new")
    view.add([sent, early, event(3), event(4, "reaction_added", target=1, emoji="🎉"), event(5)])
    view.remove([sent, early])
    assert [message.sequence_id for message in view.messages()] == [3, 5]
    view.add([sent, early])
    message = view.messages()[0]
    assert (message.content, [reaction.emoji for reaction in message.reactions]) == ("new", ["🎉"])


def test_reactions_are_listed_in_the_order_of_first_use() -> None:
    carol = {"participant_id": "carol"}
    [message] = folded(
        event(1),
        event(2, "reaction_added", target=1, emoji="🎉"),
        event(3, "reaction_added", target=1, emoji="👍"),
        event(4, "reaction_added", target=1, emoji="🎉", sender=carol),
        event(5, "reaction_removed", target=1, emoji="👍"),
    )
    assert message.reactions == (Reaction("🎉", ("bob", "carol")),)


def test_reaction_that_a_moderator_removed_is_that_of_the_named_participant() -> None:
    added = event(2, "reaction_added", target=1, emoji="🎉")
    carol = {"participant_id": "carol"}
    removed = event(3, "reaction_removed", target=1, emoji="🎉", sender=carol, participant_id="bob")
    [message] = folded(event(1), added, removed)
    assert message.reactions == ()


def test_erased_sender_gets_the_pseudonym_and_the_earlier_messages_count_as_deleted() -> None:
    erased = event(2, "participant_erased", participant_id="erased_1")
    before, after = folded(event(1, client_message_id="k"), erased, event(3))
    assert before.sender is not None
    assert before.sender["participant_id"] == "erased_1"
    assert (before.is_deleted, before.content, before.client_message_id) == (True, None, None)
    assert after.content == "text 3"


def test_erased_participant_is_renamed_in_reactions() -> None:
    carol = {"participant_id": "carol", "name": "Carol"}
    erased = event(3, "participant_erased", participant_id="erased_1", sender=carol)
    [message] = folded(event(1), event(2, "reaction_added", target=1, emoji="🎉", sender=carol), erased)
    assert message.reactions == (Reaction("🎉", ("erased_1",)),)


def test_reaction_of_a_participant_who_has_returned_after_an_erasure_is_not_that_of_the_pseudonym() -> None:
    alice = {"participant_id": "alice", "name": "Alice"}
    reacted = {"target": 1, "emoji": "🎉", "sender": alice}
    [message] = folded(
        event(1),
        event(2, "reaction_added", **reacted),
        event(3, "participant_erased", sender=alice, participant_id="erased_1"),
        event(4, "reaction_added", **reacted),
    )
    assert message.reactions == (Reaction("🎉", ("erased_1", "alice")),)


def test_expired_messages_have_no_content() -> None:
    first, second = folded(event(1), event(2), event(3, "content_expired", up_to=1))
    assert (first.is_expired, first.content) == (True, None)
    assert (second.is_expired, second.content) == (False, "text 2")


def test_view_is_the_same_for_every_order_in_which_pages_come() -> None:
    events = [
        event(1),
        event(2, "message_edited", target=1, content="a"),
        event(3, "message_edited", target=1, content="b"),
        event(4, "reaction_added", target=1, emoji="🎉"),
        event(5, "message_deleted", target=1),
    ]
    for count in range(1, len(events) + 1):
        expected = folded(*events[:count])
        assert all(folded(*order) == expected for order in itertools.permutations(events[:count]))


def test_unknown_event_type_is_ignored() -> None:
    assert folded(event(1, "of_a_newer_protocol")) == []


def test_view_folds_only_the_messages_that_an_event_changes() -> None:
    view = View()
    view.add(event(number) for number in range(1, 4))
    before = view.messages()
    view.add([event(4, "message_edited", target=2, content="new")])
    after = view.messages()
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_view_is_the_same_however_pages_divide_the_events() -> None:
    erased = event(9, "participant_erased", participant_id="erased_1", sender={"participant_id": "carol"})
    events = [
        *(event(1), event(2), event(3, "reaction_added", target=2, emoji="🎉"), event(4)),
        *(event(5, "message_edited", target=4, content="new"), event(6, "content_expired", up_to=1), event(7)),
        *(event(8, sender={"participant_id": "carol"}), erased, event(10)),
    ]
    expected = folded(*events)
    assert [message.sequence_id for message in expected] == [1, 2, 4, 7, 8, 10]
    for first, second in itertools.combinations(range(len(events)), 2):
        view = View()
        for begin, end in ((0, first), (first, second), (second, len(events))):
            view.add(events[begin:end])
            assert view.messages() == folded(*events[:end]), (begin, end)
        assert view.newest() == (events[-1], expected[-1])


def test_messages_of_a_sender_share_it_until_it_changes() -> None:
    names = ("Bob", "Bob", "Robert", "Robert")
    sent = [event(number, sender={"participant_id": "bob", "name": name}) for number, name in enumerate(names, 1)]
    senders = [message.sender for message in folded(*sent)]
    assert [(sender or {})["name"] for sender in senders] == list(names)
    assert [senders[0] is senders[1], senders[1] is senders[2], senders[2] is senders[3]] == [True, False, True]


def test_removed_events_leave_the_others_as_they_are() -> None:
    events = [event(1), event(2), event(3, "reaction_added", target=1, emoji="🎉"), event(4)]
    view = View()
    view.add(events)
    view.messages()
    view.remove(events[:1])
    assert [message.sequence_id for message in view.messages()] == [2, 4]
    view.add(events[:1])
    assert view.messages() == folded(*events)
    view.remove(events[:3])
    assert [message.sequence_id for message in view.messages()] == [4]
