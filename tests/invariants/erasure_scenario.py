"""A participant who uses every feature, their erasure, and the check that no trace is left."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from chalicelib.core.kernel.limits import Timing
from chalicelib.core.model.privacy import erasure_id
from local.faults.client import DynamoClient
from tests.invariants.harness import QUANTUM, Harness, Setup
from tests.invariants.process import Process

AT_ONCE = Timing(append_deadline=3 * QUANTUM, erasure_grace=0.0, presence_debounce=0.0)
"""No other request is running, so there is no grace period."""
SECRETS = ("what bob said", "what bob meant", "bob's own mark")
"""Contents of bob's messages and edits, and one of his client message ids."""
LIVELY = Setup(non_members=("dave",), is_open=True)


def bob_lives(harness: Harness) -> None:
    """Let bob leave every kind of trace in a conversation."""
    process = harness.process()
    bob, carol = harness.participant_id("bob"), harness.participant_id("carol")
    process.set_role("alice", "bob", "moderator")
    sent = process.post_message("bob", SECRETS[0], SECRETS[2].replace(" ", "-"))["sequence_id"]
    process.edit_message("bob", sent, SECRETS[1], mentions=[carol], metadata={"mood": SECRETS[1]})
    process.add_reaction("carol", sent, "👍")
    answer = process.send_frame("carol", "message", client_message_id="m", content="hello bob", mentions=[bob])[0]
    process.add_reaction("bob", answer["sequence_id"], "🎉")
    process.edit_message("carol", answer["sequence_id"], "hello again", mentions=[bob])
    process.delete_message("bob", process.post_message("bob", SECRETS[0], "gone")["sequence_id"])
    process.create_invite("bob", max_uses=3)
    process.mute("bob", "carol", 60)
    process.mute("bob", "carol", 0)
    process.ban("bob", "dave")
    process.update_conversation("bob", title="Changed")
    process.send_frame("bob", "typing", is_typing=True)
    process.send_frame("bob", "message", client_message_id="q", content=SECRETS[0])


def bob_lives_briefly(harness: Harness) -> None:
    """Create a message of bob's, one that mentions him, and reactions."""
    process = harness.process()
    sent = process.post_message("bob", SECRETS[0], "1")["sequence_id"]
    process.add_reaction("carol", sent, "👍")
    process.edit_message("bob", sent, SECRETS[1])
    process.send_frame(
        "carol", "message", client_message_id="m", content="hello", mentions=[harness.participant_id("bob")]
    )


def erase(process: Process, name: str = "bob", *, seconds: float = 60.0, times: int = 20) -> int:
    """Request erasure and run it step by step; return the number of steps."""
    process.app.privacy.jobs.erase(process.principal(name))
    return finish(process, name, seconds=seconds, times=times)


def finish(process: Process, name: str = "bob", *, seconds: float = 60.0, times: int = 20) -> int:
    """Run the remaining steps, and return their number."""
    for step in range(1, times + 1):
        if process.app.privacy.erasure.run(erasure_id(process.harness.participant_id(name)), seconds) is None:
            return step
    raise AssertionError(
        f"it is not done after {times} steps: {process.app.privacy.erasure.status(process.principal(name))}"
    )


def eraser(harness: Harness, client: DynamoClient | None = None, *, skew: float = 100.0, **more: Any) -> Process:
    """Return a process without a grace period."""
    return harness.process(client, skew=skew, timing=more.pop("timing", AT_ONCE), **more)


def nothing_is_left(harness: Harness, name: str = "bob", secrets: Collection[str] = SECRETS) -> None:
    """Check that no item of any table contains the id, the name or a text of a participant."""
    tables = harness.tables
    assert tables.items_with(harness.participant_id(name)) == []
    # Other conversations have participants of the same name.
    held = tables.items_with(f'"{name.title()}"', *secrets)
    assert [item for item in held if harness.tag in item or harness.conversation in item] == []


def in_history(harness: Harness, reader: str = "alice") -> list[dict[str, Any]]:
    """Return the log as a member reads it."""
    process = harness.process(skew=500.0)
    events: list[dict[str, Any]] = []
    while True:
        page = process.list_events(reader, after=len(events))
        events += page["events"]
        if not page["has_more"]:
            return events
