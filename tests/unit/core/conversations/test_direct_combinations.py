"""Direct conversations together with profiles, registered agents, services and suspensions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.core.kernel.errors import Forbidden, NotAccepted, Suspended
from chalicelib.core.model.actors import Service
from chalicelib.core.protocol.queries import ReportsQuery
from chalicelib.core.protocol.requests import (
    NewParticipant,
    SendMessage,
    SendSystemMessage,
    SetProfile,
    UpdateConversation,
    UpdateParticipant,
)
from tests.support.app_harness import AppHarness, principal
from tests.support.fakes import FakeJobQueue
from tests.unit.core.conversations.test_directs import CONSENT, open_direct, pending_of

SERVICE = Service("backend").as_principal()


def set_profile(harness: AppHarness, participant_id: str, name: str) -> None:
    harness.chat.conversations.profiles.set(principal(participant_id), SetProfile(name=name))


@pytest.mark.parametrize("settings", [{}, CONSENT])
@pytest.mark.parametrize("with_profile", ["alice", "bob"])
def test_participant_with_a_profile_opens_and_accepts(settings: dict[str, str], with_profile: str) -> None:
    harness = AppHarness({**settings, "CHAT_LIMIT_CHANGE_BURST": "100"}, queue=FakeJobQueue())
    set_profile(harness, with_profile, "Profiled")
    assert open_direct(harness, "alice", "bob")[0] == 201
    status, view = open_direct(harness, "bob", "alice")
    assert status == 200
    names = {member["participant_id"]: member["name"] for member in view["participants"]}
    assert names[with_profile] == "Profiled"
    assert len(names) == 2


def test_registered_agent_is_an_agent_in_a_direct_conversation() -> None:
    harness = AppHarness()
    harness.chat.backend.suspensions.register_agent("bob")
    _, view = open_direct(harness, "alice", "bob")
    assert {member["participant_id"]: member["type"] for member in view["participants"]} == {
        "alice": "human",
        "bob": "agent",
    }


def test_suspended_participant_opens_none() -> None:
    harness = AppHarness()
    harness.chat.backend.suspensions.suspend("alice")
    with pytest.raises(Suspended):
        open_direct(harness, "alice", "bob")


def test_system_messages_leave_the_opener_their_messages() -> None:
    harness = AppHarness(CONSENT)
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    sender = harness.chat.messaging.sender
    for key in ("1", "2"):
        sender.send(SERVICE, chat, SendSystemMessage(content="about item 17", client_message_id=key))
    sender.send(principal("alice"), chat, SendMessage(content="hello"))
    with pytest.raises(NotAccepted):
        sender.send(principal("alice"), chat, SendMessage(content="anybody there?"))
    sender.send(SERVICE, chat, SendSystemMessage(content="still for sale", client_message_id="3"))


def test_service_changes_neither_roster_nor_title() -> None:
    harness = AppHarness()
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    conversations = harness.chat.conversations
    changes: list[Callable[[], object]] = [
        lambda: conversations.additions.add(SERVICE, chat, NewParticipant(participant_id="carol", name="Carol")),
        lambda: conversations.moderation.update(SERVICE, chat, "bob", UpdateParticipant(role="owner")),
        lambda: conversations.lifecycle.update(SERVICE, chat, UpdateConversation(title="Shop")),
        lambda: conversations.lifecycle.update(SERVICE, chat, UpdateConversation(join_policy="open")),
        lambda: conversations.members.remove(SERVICE, chat, "bob"),
        lambda: conversations.moderation.ban(SERVICE, chat, "bob"),
    ]
    for change in changes:
        with pytest.raises(Forbidden):
            change()
    conversations.lifecycle.update(SERVICE, chat, UpdateConversation(retention_days=30))
    assert len(open_direct(harness, "alice", "bob")[1]["participants"]) == 2


def test_service_bans_neither_the_invitee_nor_others() -> None:
    """A ban would withdraw the request, and not keep the invitee from opening the conversation."""
    harness = AppHarness(CONSENT)
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    for person in ("bob", "carol"):
        with pytest.raises(Forbidden):
            harness.chat.conversations.moderation.ban(SERVICE, chat, person)
    assert [entry["conversation_id"] for entry in pending_of(harness, "bob")] == [chat]


def test_blocker_receives_no_profile_of_the_blocked() -> None:
    harness = AppHarness(queue=FakeJobQueue())
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    harness.connect("bob=", "bob")
    harness.send_frame("bob=", type="subscribe", conversation_id=chat)
    harness.chat.conversations.blocks.block(principal("bob"), "alice")
    harness.poster.posts.clear()
    set_profile(harness, "alice", "Look at me")
    for job_id in harness.chat.stores.profiles.pending(None, 1):
        harness.chat.privacy.jobs.run(f"profile:{job_id}", 5)
    assert harness.posted("bob=") == []


def test_report_in_a_direct_conversation_reaches_services_alone() -> None:
    harness = AppHarness()
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    send = harness.chat.messaging.sender.send
    target = send(principal("bob"), chat, SendMessage(content="buy my things")).event["sequence_id"]
    notice = send(SERVICE, chat, SendSystemMessage(content="item 17", client_message_id="1")).event["sequence_id"]
    reports = harness.chat.conversations.reports
    for message in (target, notice):
        reports.report(principal("alice"), chat, message, "Advertising")
    for member in ("alice", "bob"):
        with pytest.raises(Forbidden):
            reports.list(principal(member), chat, ReportsQuery())
    found = reports.list(SERVICE, chat, ReportsQuery())["reports"]
    assert {report["sequence_id"] for report in found} == {target, notice}
    closed = [reports.close(SERVICE, chat, report["report_id"], "resolved") for report in found]
    assert [(report["status"], report["closed_by"]) for report in closed] == 2 * [("resolved", "system")]
    assert reports.list(SERVICE, chat, ReportsQuery())["reports"] == []
