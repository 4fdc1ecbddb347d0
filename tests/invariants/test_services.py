"""A service that acts for members: each event and each entry of the audit log shows it, in every process."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.limits import Timing
from local.faults.errors import Crash
from local.faults.faulty import FaultyClient
from local.faults.plans import CRASH_AFTER, nth
from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.process import Process
from tests.invariants.tables import Tables


def acting(process: Process) -> Process:
    process.service = "backend"
    return process


def shown(harness: Harness) -> list[tuple[str, str | None]]:
    """Return the type of each event after the creation, and by what it was caused."""
    events = harness.process().list_events("alice")["events"][1:]
    return [(event["type"], event["sender"].get("via")) for event in events]


def test_message_of_a_service_is_shown_as_one_when_another_process_commits_it(tables: Tables) -> None:
    harness = tables.harness()
    harness.make_contended()
    dying = FaultyClient(harness.tables.engine, nth(1, CRASH_AFTER, "put_item"))
    with pytest.raises(Crash):
        acting(harness.process(dying)).post_message("alice", "queued", "k")
    harness.process(skew=0.1, timing=Timing(append_deadline=2)).post_message("alice", "alive", "l")
    assert check(harness, subscribers=MEMBERS).texts == ["queued", "alive"]
    assert shown(harness) == [("message", "service"), ("message", None)]
    repeated = harness.process(skew=1.0).post_message("alice", "queued", "k")
    assert repeated["sender"]["via"] == "service"


def test_audit_log_names_the_service_in_every_action(tables: Tables) -> None:
    harness = tables.harness(Setup(non_members=("dave", "erin")))
    for name in ("bob", "carol"):
        harness.process().post_message(name, f"of {name}")
    harness.process().add_reaction("bob", 2, "👍")
    acts = acting(harness.process(skew=1.0))
    acts.update_conversation("alice", title="Order")
    acts.mute("alice", "bob")
    acts.mute("alice", "bob", 0)
    acts.set_role("alice", "carol", "moderator")
    acts.delete_message("alice", 3)
    acts.remove_reaction_of("alice", "bob", 2, "👍")
    invite = acts.create_invite("alice")
    acts.join("dave", invite)
    acts.revoke_invite("alice", invite)
    acts.ban("alice", "erin")
    acts.unban("alice", "erin")
    acts.remove_participant("alice", "dave")
    acts.ban("alice", "bob")
    assert check(harness, subscribers=("alice", "carol")).state == "live"
    entries = harness.process(skew=2.0).list_audit("alice")["entries"]
    assert {entry["action"] for entry in entries} == {
        "conversation_updated", "muted", "unmuted", "role_changed", "message_deleted", "reaction_removed",
        "invite_created", "invite_used", "invite_revoked", "banned", "unbanned", "removed",
    }  # fmt: skip
    assert {entry["service"] for entry in entries} == {"backend"}
    assert {via for _, via in shown(harness)[3:]} == {"service"}


def test_owner_who_succeeds_is_in_the_audit_log_by_the_service(tables: Tables) -> None:
    harness = tables.harness()
    acting(harness.process()).leave("alice")
    (entry,) = harness.process(skew=1.0).list_audit("bob")["entries"]
    assert (entry["action"], entry["service"]) == ("role_changed", "backend")
    check(harness, subscribers=("bob", "carol"))
