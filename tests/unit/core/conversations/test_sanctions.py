"""Every sanction on every way back: the whole table of `specs/sanctions.py`, on the application in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.kernel.errors import ChatError, Muted, NotFound, RateLimited
from chalicelib.core.model.actors import Principal, Service
from chalicelib.core.protocol.queries import ReactionsQuery
from chalicelib.core.protocol.requests import (
    CreateInvite,
    EditMessage,
    NewParticipant,
    UpdateConversation,
    UpdateParticipant,
)
from chalicelib.identity.model import Identity
from specs.sanctions import SANCTIONS, Effect, Sanction, Way
from tests.support.app_harness import AppHarness, principal

EVE = principal("eve")
ALICE = principal("alice")
THUMB = "👍"


class Scene:
    """A conversation of an owner, a moderator, eve, and dan, who joined after eve."""

    def __init__(self, sanction: Sanction, way: Way) -> None:
        self.sanction, self.way = sanction, way
        # Without a grace period, an erasure takes no time in which the limits would recover.
        self.harness = AppHarness({"CHAT_TIME_ERASURE_GRACE": "0"})
        self.services = self.harness.chat.conversations
        policy = "open" if way in (Way.REJOIN, Way.ERASURE) else "invite"
        self.chat = self.harness.create_conversation("alice", join_policy=policy)
        self.other_chat = self.harness.create_conversation("alice", join_policy="invite")
        self.harness.add("alice", self.chat, "mod", "moderator")
        self.invite = self.new_invite()
        self.services.members.join(EVE, self.chat, self.invite)
        self.harness.add("alice", self.chat, "dan")
        self.target = self.harness.send_message("alice", self.chat)
        self.own_message = self.harness.send_message("eve", self.chat)
        self.harness.chat.messaging.reactions.add(EVE, self.chat, self.target, THUMB)
        if way is Way.EARLIER_ADDITION:
            self.be_pending_and_return()
        if way is Way.METADATA or sanction is Sanction.DEMOTION:
            self.update_eve(role="moderator")

    # ---- acts ------------------------------------------------------------------------------------------

    def new_invite(self) -> str:
        created = self.services.invites.create(ALICE, self.chat, CreateInvite())
        return str(created["invite"])

    def update_eve(self, **changes: Any) -> None:
        self.services.moderation.update(ALICE, self.chat, "eve", UpdateParticipant(**changes))

    def join(self, secret: str | None = None) -> None:
        self.services.members.join(self.eve(), self.chat, secret)

    def eve(self) -> Principal:
        """Return eve, if her token is accepted now."""
        now = int(self.harness.clock.now())
        identity = Identity("eve", "eve", now + 3600, now + 1).under(
            self.harness.chat.stores.revocations.rules("eve")
        )
        return Principal(identity.participant_id, identity.name, identity.type)

    def be_pending_and_return(self) -> None:
        """Let eve leave, be added, and return by an invite instead of accepting."""
        self.services.members.leave(EVE, self.chat)
        self.harness.add("mod", self.chat, "eve")
        self.join(self.new_invite())

    def leave_if_member(self) -> None:
        if self.is_member():
            self.services.members.leave(EVE, self.chat)

    def is_member(self) -> bool:
        return self.harness.chat.stores.memberships.membership(self.chat, "eve") is not None

    def run_erasure(self) -> None:
        """Run an erasure of eve to its end."""
        job_id, _ = self.harness.chat.privacy.erasure.request(EVE)
        while (delay := self.harness.chat.privacy.erasure.run(job_id, 60)) is not None:
            self.harness.clock.advance(delay)

    # ---- sanctions -------------------------------------------------------------------------------------

    def impose(self) -> None:
        moderation = self.services.moderation
        match self.sanction:
            case Sanction.MUTE:
                self.update_eve(muted_for=3600)
            case Sanction.BAN:
                moderation.ban(ALICE, self.chat, "eve")
            case Sanction.REMOVAL:
                self.services.members.remove(ALICE, self.chat, "eve")
            case Sanction.DEMOTION:
                self.update_eve(role="member")
            case Sanction.ERASURE:
                job_id, _ = self.harness.chat.privacy.erasure.request(EVE)
                self.harness.chat.privacy.erasure.run(job_id, 0)
            case Sanction.RATE_LIMIT:
                self.exhaust_limits()
            case Sanction.SUSPENSION:
                self.harness.chat.backend.suspensions.suspend("eve")

    def exhaust_limits(self) -> None:
        """Let eve send, and guess invites of another conversation, until both limits are reached."""
        with pytest.raises(RateLimited):
            while True:
                self.harness.send_message("eve", self.chat)
        with pytest.raises(RateLimited):
            while True:
                self.guess()

    def guess(self) -> None:
        with pytest.raises(NotFound):
            self.services.members.join(EVE, self.other_chat, "inv_AAAAAAAAAAAAAAAAAAAAAA")

    def observe_sanction(self) -> Effect:
        """Return whether the sanction is in force on eve, who is a member again."""
        match self.sanction:
            case Sanction.MUTE:
                with pytest.raises(Muted):
                    self.harness.send_message("eve", self.chat)
                return Effect.IN_FORCE
            case Sanction.DEMOTION:
                role = self.harness.member(self.chat, "eve").role
                return Effect.IN_FORCE if role == "member" else Effect.ENDS
            case Sanction.RATE_LIMIT:
                with pytest.raises(RateLimited):
                    self.join()
                return Effect.IN_FORCE
        assert self.harness.send_message("eve", self.chat)
        return Effect.ENDS


# ---- ways ----------------------------------------------------------------------------------------------------


def rejoin(scene: Scene) -> Effect:
    scene.leave_if_member()
    scene.join()
    return scene.observe_sanction()


def use_the_invite_again(scene: Scene) -> Effect:
    scene.leave_if_member()
    scene.join(scene.invite)
    return scene.observe_sanction()


def use_a_new_invite(scene: Scene) -> Effect:
    scene.leave_if_member()
    scene.join(scene.new_invite())
    return scene.observe_sanction()


def join_after_opening(scene: Scene) -> Effect:
    scene.leave_if_member()
    scene.services.lifecycle.update(ALICE, scene.chat, UpdateConversation(join_policy="open"))
    scene.join()
    return scene.observe_sanction()


def be_added(scene: Scene) -> Effect:
    if scene.is_member():
        scene.services.members.remove(ALICE, scene.chat, "eve")
    added = scene.harness.add("mod", scene.chat, "eve").response
    return Effect.PENDING if added["membership"] == "pending" else scene.observe_sanction()


def be_added_and_accept(scene: Scene) -> Effect:
    assert be_added(scene) is Effect.PENDING
    scene.join()
    return scene.observe_sanction()


def accept_an_earlier_addition(scene: Scene) -> Effect:
    scene.leave_if_member()
    scene.join()
    return scene.observe_sanction()


def be_added_by_a_service(scene: Scene) -> Effect:
    """No service ends a sanction unseen."""
    if scene.sanction is Sanction.RATE_LIMIT:
        scene.services.members.remove(ALICE, scene.chat, "eve")
    scene.leave_if_member()
    request = NewParticipant(participant_id="eve", name="Eve")
    scene.services.additions.add(Service("shop").as_principal(), scene.chat, request)
    if scene.sanction is Sanction.RATE_LIMIT:
        with pytest.raises(RateLimited):
            scene.harness.send_message("eve", scene.chat)
        return Effect.IN_FORCE
    return scene.observe_sanction()


def be_erased_and_join(scene: Scene) -> Effect:
    scene.run_erasure()
    scene.join()
    return scene.observe_sanction()


def succeed(scene: Scene) -> Effect:
    """Let one owner after another leave, until eve is the owner or the conversation is closed."""
    before: list[str] = []
    owner = "alice"
    while scene.services.members.leave(principal(owner), scene.chat).response["remaining_participants"]:
        roster = scene.harness.chat.stores.memberships.roster(scene.chat)
        (owner,) = (member.participant_id for member in roster if member.role == "owner")
        if owner == "eve":
            return {1: Effect.AFTER_MODERATORS, 2: Effect.LAST}[len(before)]
        before.append(owner)
    return Effect.NEVER


def edit(scene: Scene) -> Effect:
    edited = EditMessage(content="edited")
    scene.harness.chat.messaging.updates.edit(scene.eve(), scene.chat, scene.own_message, edited)
    return Effect.UNAFFECTED


def react(scene: Scene) -> Effect:
    scene.harness.chat.messaging.reactions.add(scene.eve(), scene.chat, scene.own_message, THUMB)
    return Effect.UNAFFECTED


def show_typing(scene: Scene) -> Effect:
    scene.harness.chat.sessions.connections.open("eve=", Identity("eve", "eve", 2_000_000_000, 1_900_000_000))
    replies = scene.harness.send_frame("eve=", type="typing", conversation_id=scene.chat, is_typing=True)
    return Effect[replies[0]["code"]] if replies else Effect.UNAFFECTED


def remove_earlier_reaction(scene: Scene) -> Effect:
    if scene.sanction is Sanction.ERASURE:
        scene.run_erasure()

    def reactions() -> list[dict[str, Any]]:
        history = scene.services.history.reactions(ALICE, scene.chat, scene.target, ReactionsQuery())
        return list(history["reactions"])

    (reaction,) = reactions()
    whose = reaction["participant_id"]
    removed = scene.harness.chat.messaging.reactions.remove_of_participant(
        principal("mod"), scene.chat, scene.target, THUMB, whose
    )
    assert reactions() == []
    event = scene.harness.events(scene.chat)[-1]
    assert (event["sequence_id"], event["participant_id"]) == (removed.sequence_id, whose)
    return Effect.REMAIN if whose == "eve" else Effect.PSEUDONYMOUS


def change_title(scene: Scene) -> Effect:
    scene.services.lifecycle.update(scene.eve(), scene.chat, UpdateConversation(title="Eve was here"))
    return Effect.UNAFFECTED


def write_to_the_owner(scene: Scene) -> Effect:
    _, opened = scene.services.directs.open(scene.eve(), "alice")
    scene.harness.send_message("eve", opened.response["conversation_id"])
    return Effect.UNAFFECTED


WAYS: dict[Way, Callable[[Scene], Effect]] = {
    Way.REJOIN: rejoin,
    Way.USED_INVITE: use_the_invite_again,
    Way.NEW_INVITE: use_a_new_invite,
    Way.OPEN_JOIN: join_after_opening,
    Way.ADDITION: be_added,
    Way.ACCEPTANCE: be_added_and_accept,
    Way.EARLIER_ADDITION: accept_an_earlier_addition,
    Way.SERVICE_ADDITION: be_added_by_a_service,
    Way.ERASURE: be_erased_and_join,
    Way.SUCCESSION: succeed,
    Way.EDIT: edit,
    Way.REACT: react,
    Way.TYPING: show_typing,
    Way.EARLIER_REACTIONS: remove_earlier_reaction,
    Way.METADATA: change_title,
    Way.DIRECT: write_to_the_owner,
}


@pytest.mark.parametrize(("sanction", "way"), SANCTIONS, ids=lambda value: str(value.name).lower())
def test_sanction_has_the_effect_of_the_table(sanction: Sanction, way: Way) -> None:
    scene = Scene(sanction, way)
    scene.impose()
    try:
        effect = WAYS[way](scene)
    except ChatError as error:
        effect = Effect[error.code]
    assert effect is SANCTIONS[sanction, way]


def test_table_has_every_way_for_every_sanction() -> None:
    assert set(SANCTIONS) == {(sanction, way) for sanction in Sanction for way in Way}
    assert set(WAYS) == set(Way)
