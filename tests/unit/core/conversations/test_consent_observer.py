"""The adder cannot recognize the cause of a pending addition by answers, lists, frames, or the requests made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.bootstrap import build
from chalicelib.core.conversations.consent import Cause
from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.protocol.queries import ConversationsQuery, PageQuery
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant, SendMessage
from chalicelib.settings import Settings
from local.faults.recording import Journal, RecordingClient
from tests.support.app_harness import ENVIRONMENT, AppHarness, principal
from tests.support.fakes import FakeJobQueue
from tests.support.hooks import FakeHook, change

ALICE = principal("alice")
PEOPLE = {
    Cause.PAST: "person-left",
    Cause.CAP: "person-full",
    Cause.BLOCK: "person-bloc",
    Cause.ERASURE: "person-eras",
    Cause.SUSPENSION: "person-susp",
}
"""One person for each cause. Their ids have the same length, as this alone would change sizes."""


class Scene:
    """Alice, and people to each of whom one cause applies. Requests to the store are recorded."""

    def __init__(self, adding: str, hook: FakeHook | None = None) -> None:
        settings = {"CHAT_LIMIT_ADDED_CONVERSATIONS": "1", "CHAT_ADDING": "anyone"}
        self.harness = harness = AppHarness(settings)
        services = harness.chat.conversations
        self.chat = harness.create_conversation("alice", PEOPLE[Cause.PAST], join_policy="invite")
        services.members.leave(principal(PEOPLE[Cause.PAST]), self.chat)
        harness.create_conversation("carol", PEOPLE[Cause.CAP])
        services.blocks.block(principal(PEOPLE[Cause.BLOCK]), "alice")
        for person in PEOPLE.values():
            harness.connect(f"{person}=", person)
        harness.chat.privacy.erasure.request(principal(PEOPLE[Cause.ERASURE]))
        harness.chat.backend.suspensions.suspend(PEOPLE[Cause.SUSPENSION])
        harness.connect("alice=", "alice", self.chat)
        self.journal, self.queue, self.hook = Journal(), FakeJobQueue(), hook
        self.app = build(
            Settings.from_environment({**ENVIRONMENT, **settings, "CHAT_ADDING": adding}),
            dynamo_client=RecordingClient(harness.store, self.journal),
            poster=harness.poster,
            queue=self.queue,
            hook=hook,
            clock=harness.clock,
            gather=harness.gather,
        )

    def observe(self, act: Callable[[Scene, str], Any], person: str) -> str:
        """Return everything that an act shows to alice, and its requests, with the same name for every person."""
        first, posted = len(self.journal.entries()), len(self.harness.poster.posts)
        result = act(self, person)
        answer = getattr(result, "response", result)
        requests = [
            (record.operation, len(record.keys), record.outcome) for record in self.journal.entries()[first:]
        ]
        frames = [
            (post.connection_id, post.frame["type"])
            for post in self.harness.poster.posts[posted:]
            if post.connection_id == "alice="
        ]
        jobs = [job.partition(":")[0] for job, _ in self.queue.sent]
        self.queue.sent.clear()
        if getattr(result, "job", None):
            jobs.append(result.job.partition(":")[0])
        created = answer.get("conversation_id", "-") if isinstance(answer, dict) else "-"
        asked = [] if self.hook is None else self.hook.actions
        shown = json.dumps([answer, requests, frames, jobs, asked], sort_keys=True)
        return shown.replace(self.chat, "CHAT").replace(person, "PERSON").replace(created, "CREATED")


def add(scene: Scene, person: str) -> Any:
    request = NewParticipant(participant_id=person, name="Name")
    return scene.app.conversations.additions.add(ALICE, scene.chat, request)


def add_again(scene: Scene, person: str) -> Any:
    add(scene, person)
    return add(scene, person)


def create(scene: Scene, person: str) -> Any:
    request = CreateConversation(title="T", participants=[NewParticipant(participant_id=person, name="Name")])
    return scene.app.conversations.creation.create(ALICE, request)


def add_and_list(scene: Scene, person: str) -> Any:
    add(scene, person)
    return scene.app.conversations.pending.list_in(ALICE, scene.chat, PageQuery())


def add_and_withdraw(scene: Scene, person: str) -> Any:
    add(scene, person)
    return scene.app.conversations.pending.withdraw(ALICE, scene.chat, person)


def add_and_look(scene: Scene, person: str) -> Any:
    add(scene, person)
    return scene.app.conversations.views.view(scene.chat, ALICE, messages=True)


def add_as_moderator(scene: Scene, person: str) -> Any:
    request = NewParticipant(participant_id=person, name="Name", role="moderator")
    return scene.app.conversations.additions.add(ALICE, scene.chat, request)


def open_direct(scene: Scene, person: str) -> Any:
    return scene.app.conversations.directs.open(ALICE, person)[1]


def open_direct_again(scene: Scene, person: str) -> Any:
    open_direct(scene, person)
    return open_direct(scene, person)


def open_direct_and_write(scene: Scene, person: str) -> Any:
    chat = open_direct(scene, person).response["conversation_id"]
    outcomes = []
    for content in ("first", "second"):
        try:
            scene.app.messaging.sender.send(ALICE, chat, SendMessage(content=content))
            outcomes.append("sent")
        except ChatError as error:
            outcomes.append(error.code)
    views = scene.app.conversations.views
    listed = views.list(ALICE, ConversationsQuery())["conversations"]
    (entry,) = [entry for entry in listed if entry["conversation_id"] == chat]
    entry["last_message"].pop("message_id")
    return {"conversation_id": chat, "outcomes": outcomes, "listed": entry, "heads": views.heads(ALICE, [chat])}


OPENING = (open_direct, open_direct_again, open_direct_and_write)
ACTS = (
    *OPENING,
    add,
    add_again,
    add_as_moderator,
    create,
    add_and_list,
    add_and_withdraw,
    add_and_look,
)


@pytest.mark.parametrize(
    ("adding", "has_hook"),
    [("anyone", False), ("consent", False), ("anyone", True)],
    ids=["anyone", "consent", "with a hook"],
)
@pytest.mark.parametrize("act", ACTS)
def test_causes_cannot_be_distinguished(adding: str, has_hook: bool, act: Callable[[Scene, str], Any]) -> None:
    shown = {}
    for cause, person in PEOPLE.items():
        if act in (create, *OPENING) and cause is Cause.PAST and adding == "anyone":
            continue  # a new conversation has no former members
        hook = FakeHook(lambda _: change(name="Known to the hook")) if has_hook else None
        shown[cause] = Scene(adding, hook).observe(act, person)
    assert len(set(shown.values())) == 1, "\n".join(shown.values())


@pytest.mark.parametrize("act", [*OPENING, add, create, add_and_list, add_and_withdraw])
def test_no_cause_looks_like_a_block_if_consent_is_required(act: Callable[[Scene, str], Any]) -> None:
    scenes = Scene("consent"), Scene("consent")
    assert scenes[0].observe(act, "person-free") == scenes[1].observe(act, PEOPLE[Cause.BLOCK])


def test_two_callers_of_whom_one_is_blocked_get_the_same_bytes() -> None:
    """Alice is blocked by bob; trudy adds him to a conversation that he has left."""
    harness = AppHarness()
    chats = {}
    for caller in ("alice", "trudy"):
        chats[caller] = harness.create_conversation(caller, "bob", join_policy="invite")
        harness.chat.conversations.members.leave(principal("bob"), chats[caller])
    harness.chat.conversations.blocks.block(principal("bob"), "alice")
    fresh = harness.create_conversation("alice", join_policy="invite")
    answers, lists = [], []
    for caller, chat in (("alice", fresh), ("trudy", chats["trudy"])):
        answer = harness.add(caller, chat, "bob").response
        answers.append(json.dumps(answer).replace(caller, "CALLER"))
        page = harness.chat.conversations.pending.list_in(principal(caller), chat, PageQuery())
        lists.append(json.dumps(page).replace(caller, "CALLER"))
    assert answers[0] == answers[1]
    assert lists[0] == lists[1]


def test_invited_frame_reaches_those_who_can_accept_only() -> None:
    scene = Scene("anyone")
    for person in PEOPLE.values():
        result = add(scene, person)
        scene.app.privacy.jobs.run(result.job, 5)
    frames = {cause: scene.harness.posted(f"{person}=", "invited") for cause, person in PEOPLE.items()}
    assert {cause for cause, posted in frames.items() if posted} == {Cause.PAST, Cause.CAP}
    (frame,) = frames[Cause.PAST]
    assert frame["conversation_id"] == scene.chat


def test_invited_frames_are_limited() -> None:
    harness = AppHarness({"CHAT_ADDING": "consent", "CHAT_LIMIT_INVITATION_BURST": "2"})
    harness.connect("bob=", "bob")
    for _ in range(4):
        chat = harness.create_conversation("alice")
        result = harness.add("alice", chat, "bob")
        assert result.job is not None
        harness.chat.privacy.jobs.start(result.job)
    assert len(harness.posted("bob=", "invited")) == 2
