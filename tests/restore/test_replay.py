"""Changes that a restore must not undo, one test for each: made after the point in time, they hold afterwards."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import Muted, NotFound, Unauthorized
from chalicelib.core.model.conversations import ConversationState
from chalicelib.core.protocol.queries import PageQuery
from chalicelib.core.protocol.requests import CreateInvite, EditMessage, UpdateConversation
from chalicelib.identity.model import Identity
from infra.errors import InfraError
from tests.support.app_harness import principal

from .support import OLD, RESTORED, RestoreHarness

DAY = 24 * 3600
THUMB = "👍"


@pytest.fixture
def harness() -> RestoreHarness:
    """Return a chat without data."""
    return RestoreHarness()


def finish(harness: RestoreHarness, conversation_id: str) -> None:
    """Restore, twice, as after a kill, and check the laws of the log."""
    harness.replay()
    harness.restore()
    harness.check_log(conversation_id)


def test_events_since_are_lost_and_their_ids_are_given_again(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.send_message("ann", chat, "kept")
    harness.snapshot()
    harness.send_message("bob", chat, "lost")
    harness.create_conversation("ann")
    assert harness.losses() == (1, 1, 1)
    finish(harness, chat)
    assert [event.get("content") for event in harness.events(chat)] == [None, "kept"]
    assert harness.send_message("ann", chat, "after") == 3
    assert str(harness.chat.settings.history_id) == f"1.{RESTORED}"


def test_message_that_was_lost_can_be_sent_again_and_a_kept_one_is_not_doubled(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann")
    kept = harness.send_message("ann", chat, "kept", client_message_id="one")
    harness.snapshot()
    harness.send_message("ann", chat, "lost", client_message_id="two")
    finish(harness, chat)
    assert harness.send_message("ann", chat, "kept", client_message_id="one") == kept
    assert harness.send_message("ann", chat, "lost", client_message_id="two") == kept + 1


@pytest.mark.parametrize("way", ["leaves", "removed", "banned"])
def test_member_who_left_since_is_not_a_member(harness: RestoreHarness, way: str) -> None:
    chat = harness.create_conversation("ann", "bob")
    invite = harness.chat.conversations.invites.create(principal("ann"), chat, CreateInvite())
    harness.snapshot()
    if way == "leaves":
        harness.chat.conversations.members.leave(principal("bob"), chat)
    elif way == "removed":
        harness.chat.conversations.members.remove(principal("ann"), chat, "bob")
    else:
        harness.chat.conversations.moderation.ban(principal("ann"), chat, "bob")
    finish(harness, chat)
    assert not harness.is_member(chat, "bob")
    assert harness.events(chat)[-1]["type"] == "participant_left"
    with pytest.raises(NotFound):
        harness.send_message("bob", chat)
    if way == "leaves":
        harness.chat.conversations.members.join(principal("bob"), chat)
        return
    for secret in (None, invite["invite"]):
        with pytest.raises(NotFound):
            harness.chat.conversations.members.join(principal("bob"), chat, secret)
    bans = harness.chat.conversations.moderation.bans(principal("ann"), chat, PageQuery())["bans"]
    assert [ban["banned_by"] for ban in bans] == (["ann"] if way == "banned" else [])


def test_outsider_who_was_banned_since_is_banned(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann")
    harness.snapshot()
    harness.chat.conversations.moderation.ban(principal("ann"), chat, "eve")
    finish(harness, chat)
    with pytest.raises(NotFound):
        harness.chat.conversations.members.join(principal("eve"), chat)
    assert ("U#eve", f"F#{chat}") in harness.rows(), "an erasure finds the ban"


def test_ban_that_was_lifted_since_holds(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.chat.conversations.moderation.ban(principal("ann"), chat, "bob")
    harness.snapshot()
    harness.chat.conversations.moderation.unban(principal("ann"), chat, "bob")
    finish(harness, chat)
    with pytest.raises(NotFound):
        harness.chat.conversations.members.join(principal("bob"), chat)


def test_member_who_came_and_was_removed_since_cannot_return_by_an_older_invite(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann")
    older = harness.chat.conversations.invites.create(principal("ann"), chat, CreateInvite())["invite"]
    harness.snapshot()
    harness.chat.conversations.members.join(principal("bob"), chat)
    harness.chat.conversations.members.remove(principal("ann"), chat, "bob")
    finish(harness, chat)
    for secret in (None, older):
        with pytest.raises(NotFound):
            harness.chat.conversations.members.join(principal("bob"), chat, secret)
    harness.send_message("ann", chat)
    newer = harness.chat.conversations.invites.create(principal("ann"), chat, CreateInvite())["invite"]
    harness.chat.conversations.members.join(principal("bob"), chat, newer)


@pytest.mark.parametrize(("before", "since"), [(0, 3600), (3600, 60), (60, 3600), (3600, 0)])
def test_longer_mute_holds(harness: RestoreHarness, before: int, since: int) -> None:
    chat = harness.create_conversation("ann", "bob")
    if before:
        harness.update("ann", chat, "bob", muted_for=before)
    harness.snapshot()
    harness.update("ann", chat, "bob", muted_for=since)
    finish(harness, chat)
    with pytest.raises(Muted):
        harness.send_message("bob", chat)
    harness.clock.advance(3500)
    with pytest.raises(Muted):
        harness.send_message("bob", chat)
    harness.clock.advance(101)
    harness.send_message("bob", chat)


def test_mute_of_a_member_who_left_since_holds_on_return(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.snapshot()
    harness.update("ann", chat, "bob", muted_for=3600)
    harness.chat.conversations.members.leave(principal("bob"), chat)
    finish(harness, chat)
    harness.chat.conversations.members.join(principal("bob"), chat)
    with pytest.raises(Muted):
        harness.send_message("bob", chat)


def roles(harness: RestoreHarness, chat: str) -> dict[str, str]:
    return {entry.participant_id: entry.role for entry in harness.chat.stores.memberships.roster(chat)}


def test_lower_role_holds_and_promotions_are_lost(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "cat", "dan")
    harness.add("ann", chat, "bob", "moderator")
    harness.snapshot()
    harness.update("ann", chat, "bob", role="member")
    harness.update("ann", chat, "cat", role="moderator")
    finish(harness, chat)
    assert roles(harness, chat) == {"ann": "owner", "bob": "member", "cat": "member", "dan": "member"}
    assert harness.member(chat, "bob").role == "member", "in both rows"


def test_present_owner_stays_owner_if_no_other_is_left(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.snapshot()
    harness.update("ann", chat, "bob", role="owner")
    harness.update("bob", chat, "ann", role="member")
    finish(harness, chat)
    assert roles(harness, chat) == {"ann": "member", "bob": "owner"}


def test_last_owner_who_left_since_has_a_successor(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.snapshot()
    harness.add("ann", chat, "cat", "owner")
    harness.chat.conversations.members.leave(principal("ann"), chat)
    finish(harness, chat)
    assert roles(harness, chat) == {"bob": "owner"}, "cat came later, and is unknown to the restored table"


def test_conversation_that_everyone_left_since_is_closed(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.snapshot()
    for participant_id in ("ann", "bob"):
        harness.chat.conversations.members.leave(principal(participant_id), chat)
    finish(harness, chat)
    assert harness.head(chat).state is ConversationState.CLOSED


@pytest.mark.parametrize("is_purged", [False, True])
def test_conversation_that_was_deleted_since_is_deleted_with_all_rows(
    harness: RestoreHarness, is_purged: bool
) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.send_message("ann", chat, "secret")
    harness.snapshot()
    harness.chat.conversations.lifecycle.delete(principal("ann"), chat)
    if is_purged:
        harness.chat.conversations.lifecycle.purge_due(60)
        assert not any(chat in pk for pk, _ in harness.rows(OLD))
    harness.replay()
    harness.restore()
    with pytest.raises(NotFound):
        harness.send_message("ann", chat)
    harness.chat.conversations.lifecycle.purge_due(60)
    left = {pk for pk, sk in harness.rows() if sk != "STANDING"}
    assert left == {"RETENTION"}, "a check, which finds nothing when it is due"


@pytest.mark.parametrize("by", ["bob", "ann"])
def test_message_that_was_deleted_since_is_deleted_with_its_edits_and_reactions(
    harness: RestoreHarness, by: str
) -> None:
    chat = harness.create_conversation("ann", "bob")
    target = harness.send_message("bob", chat, "secret")
    updates = harness.chat.messaging.updates
    updates.edit(principal("bob"), chat, target, EditMessage(content="also secret"))
    harness.chat.messaging.reactions.add(principal("ann"), chat, target, THUMB)
    kept = harness.send_message("bob", chat, "kept")
    harness.snapshot()
    updates.delete(principal(by), chat, target)
    finish(harness, chat)
    assert "secret" not in str(harness.rows()) and THUMB not in str(
        [row for (_, sk), row in harness.rows().items() if sk.startswith("R#")]
    )
    deleted = harness.events(chat)[target - 1]
    assert "deleted_at" in deleted and "content" not in deleted
    assert harness.events(chat)[kept - 1]["content"] == "kept"
    (event,) = [event for event in harness.events(chat) if event["type"] == "message_deleted"]
    assert event["target"] == target
    harness.chat.messaging.updates.delete(principal("bob"), chat, target)
    assert harness.events(chat)[-1] == event, "a repetition of the deletion changes nothing"


def test_edit_since_is_lost(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann")
    target = harness.send_message("ann", chat, "first")
    harness.snapshot()
    harness.chat.messaging.updates.edit(principal("ann"), chat, target, EditMessage(content="second"))
    finish(harness, chat)
    assert harness.events(chat)[target - 1]["content"] == "first"


def test_content_that_expired_since_is_expired() -> None:
    harness = RestoreHarness(CHAT_RETENTION_DAYS="30")
    chat = harness.create_conversation("ann")
    target = harness.send_message("ann", chat, "secret")
    harness.clock.advance(29 * DAY)
    newer = harness.send_message("ann", chat, "newer")
    harness.snapshot()
    harness.clock.advance(2 * DAY)
    harness.chat.privacy.jobs.sweep(60)
    finish(harness, chat)
    assert "secret" not in str(harness.rows())
    assert harness.events(chat)[target - 1]["expired"] is True
    assert harness.events(chat)[newer - 1]["content"] == "newer"
    assert harness.head(chat).expired_up_to >= target


@pytest.mark.parametrize("is_finished", [True, False])
def test_participant_who_was_erased_since_is_erased_before_the_stage_opens(
    harness: RestoreHarness, is_finished: bool
) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.send_message("bob", chat, "secret of bob")
    harness.snapshot()
    erasure = harness.chat.privacy.erasure
    job_id, _ = erasure.request(principal("bob"))
    while is_finished and (delay := erasure.run(job_id, 60)) is not None:
        harness.clock.advance(delay)
    harness.replay()
    assert "bob" not in str(harness.rows()), "before the stage is opened"
    harness.restore()
    harness.check_log(chat)
    assert harness.chat.privacy.erasure.status(principal("bob"))["status"] == "done"
    old = Identity("bob", "Bob", int(harness.clock.now()) + 3600, int(harness.clock.now()) - 1000)
    with pytest.raises(Unauthorized):
        harness.chat.sessions.connections.open("a=", old)


def test_erasure_of_a_participant_without_restored_data_keeps_its_status(harness: RestoreHarness) -> None:
    harness.snapshot()
    chat = harness.create_conversation("bob")
    erasure = harness.chat.privacy.erasure
    job_id, _ = erasure.request(principal("bob"))
    while erasure.run(job_id, 60) is not None:
        pass
    harness.restore()
    assert harness.chat.privacy.erasure.status(principal("bob"))["status"] == "done"
    assert not any(chat in str(key) for key in harness.rows())


def test_invite_that_was_revoked_since_is_revoked(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", join_policy="invite")
    invites = harness.chat.conversations.invites
    revoked, kept = (invites.create(principal("ann"), chat, CreateInvite())["invite"] for _ in range(2))
    harness.snapshot()
    invites.revoke(principal("ann"), chat, revoked)
    finish(harness, chat)
    with pytest.raises(NotFound):
        harness.chat.conversations.members.join(principal("bob"), chat, revoked)
    harness.chat.conversations.members.join(principal("bob"), chat, kept)


def test_use_of_an_invite_since_counts(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", join_policy="invite")
    invites = harness.chat.conversations.invites
    once = invites.create(principal("ann"), chat, CreateInvite(max_uses=1))["invite"]
    many = invites.create(principal("ann"), chat, CreateInvite())["invite"]
    harness.snapshot()
    harness.chat.conversations.members.join(principal("bob"), chat, once)
    harness.chat.conversations.members.join(principal("cat"), chat, many)
    harness.chat.conversations.members.leave(principal("cat"), chat)
    finish(harness, chat)
    for participant_id, secret in (("dan", once), ("cat", many)):
        with pytest.raises(NotFound):
            harness.chat.conversations.members.join(principal(participant_id), chat, secret)


def test_stricter_join_policy_and_shorter_retention_hold(harness: RestoreHarness) -> None:
    stricter, looser = harness.create_conversation("ann"), harness.create_conversation("ann", join_policy="invite")
    lifecycle = harness.chat.conversations.lifecycle
    lifecycle.update(principal("ann"), looser, UpdateConversation(retention_days=40))
    harness.snapshot()
    changes = UpdateConversation(join_policy="invite", retention_days=30, title="Renamed")
    lifecycle.update(principal("ann"), stricter, changes)
    lifecycle.update(principal("ann"), looser, UpdateConversation(join_policy="open", retention_days=None))
    finish(harness, stricter)
    harness.check_log(looser)
    details = [harness.chat.stores.conversations.details(chat) for chat in (stricter, looser)]
    assert [(found.title, found.join_policy, found.retention_days) for found in details if found] == [
        ("Trip", "invite", 30),
        ("Trip", "invite", 40),
    ]


def test_queued_messages_are_dropped(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann")
    harness.store.put_item(
        TableName=OLD, Item={"pk": {"S": f"Q#{chat}"}, "sk": {"S": "1#a"}, "expires_at": {"N": "1"}}
    )
    harness.snapshot()
    finish(harness, chat)
    assert not any(pk.startswith("Q#") for pk, _ in harness.rows())


def test_restored_data_without_changes_since_are_the_same(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.send_message("bob", chat)
    harness.update("ann", chat, "bob", muted_for=3600)
    harness.chat.conversations.moderation.ban(principal("ann"), chat, "eve")
    harness.snapshot()
    finish(harness, chat)
    assert harness.rows() == harness.rows(OLD)


def test_row_of_an_unknown_kind_stops_the_restore(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann")
    harness.snapshot()
    harness.store.put_item(TableName=OLD, Item={"pk": {"S": f"C#{chat}"}, "sk": {"S": "Z#secret"}})
    for step in (harness.losses, harness.replay):
        with pytest.raises(InfraError, match="a row of an unknown kind") as refused:
            step()
        assert "secret" not in str(refused.value)
    assert harness.rows() == {key: row for key, row in harness.rows(OLD).items() if key[1] != "Z#secret"}


def test_clients_connect_again_and_load_the_new_history(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.connect("before=", "bob", chat)
    harness.snapshot()
    position = harness.send_message("ann", chat, "lost")
    known = str(harness.chat.settings.history_id)
    harness.restore()
    frame = harness.chat.sessions.dispatcher.receive("before=", '{"type": "ping"}')
    assert frame.close_with is not None, "the new table does not know the connection"
    harness.send_message("ann", chat, "after")
    harness.chat.sessions.connections.open("after=", Identity("bob", "bob", int(harness.clock.now()) + 3600))
    wanted = {"conversation_id": chat, "after": position}
    welcome, subscribed = harness.send_frame("after=", type="hello", history_id=known, subscribe=[wanted])
    assert (welcome["type"], subscribed["reset"]) == ("welcome", True)
    assert [event.get("content") for event in subscribed["events"]] == [None, "after"]
    harness.send_frame("after=", type="message", conversation_id=chat, content="live", client_message_id="1")
    assert harness.posted("after=", "events")[-1]["events"][0]["content"] == "live"
