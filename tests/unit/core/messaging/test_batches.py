"""Batches: the size of the answer, the deadline, and defects."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from chalicelib.core.conversations.prices import price
from chalicelib.core.kernel.errors import ConversationBusy, NotAttempted, RateLimited, ValidationFailed
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.kernel.limits import MAX_BATCH_COMMANDS, Limits, Timing
from chalicelib.core.messaging.batch_results import BatchResult
from chalicelib.core.messaging.batches import Batches
from chalicelib.core.messaging.run import RunResult, SendResult
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol import frames
from chalicelib.core.protocol.acknowledgements import message_ack
from chalicelib.core.protocol.batch import Batch
from chalicelib.core.protocol.commands import Message
from chalicelib.core.protocol.frames import MAX_FRAME_BYTES
from chalicelib.core.protocol.parsing import parse_command
from chalicelib.core.realtime.outbox import Push
from tests.support.app_harness import AppHarness, principal

ROOT = Path(__file__).resolve().parents[4]
WORST_ID = "\x01" * 256
"""The `id` with the most bytes as JSON, at the largest setting."""
WORST_CLIENT_MESSAGE_ID = '"' * 256
CONVERSATION = "conv_Zm9vYmFyYmF6cXV4cXV1eA"
LARGEST = 2**53 - 1
LONGEST = HistoryId(10**15 - 1, "x" * 255)


def largest_acks() -> list[frames.Frame]:
    event = {
        "conversation_id": CONVERSATION,
        "message_id": "msg_Zm9vYmFyYmF6cXV4cXV1eA",
        "sequence_id": LARGEST,
        "created_at": "2026-03-01T09:00:00.000Z",
        "content": "as the hook changed it",
    }
    command = Message.model_construct(
        type="message",
        conversation_id=CONVERSATION,
        client_message_id=WORST_CLIENT_MESSAGE_ID,
        content="as it was sent",
    )
    ack = message_ack(event, command, duplicate=False)
    assert "stored" in ack
    return [{**frames.with_history_id(ack, LONGEST), "id": WORST_ID} for _ in range(MAX_BATCH_COMMANDS)]


def largest_errors() -> list[frames.Frame]:
    details = [{"path": "\\U0001f600" * 64, "problem": "must be " + 40 * "x"} for _ in range(20)]
    echo = {"id": WORST_ID, "conversation_id": "\x01" * 128, "client_message_id": "\x01" * 128}
    return [frames.error(ValidationFailed(details=details), echo) for _ in range(MAX_BATCH_COMMANDS)]


@pytest.mark.parametrize("results", [largest_acks(), largest_errors()], ids=["acknowledgements", "errors"])
def test_answer_of_the_largest_batch_fits_into_a_frame(results: list[frames.Frame]) -> None:
    frame = {**frames.with_history_id(frames.batch_result(results), LONGEST), "id": WORST_ID}
    assert len(json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()) <= MAX_FRAME_BYTES
    assert [result["type"] for result in frame["results"]] == [result["type"] for result in results]
    for result in frame["results"]:
        required = ("code", "message") if result["type"] == "error" else ("conversation_id", "client_message_id")
        assert all(name in result for name in required)


def test_answer_that_fits_keeps_everything() -> None:
    results = [frames.error(ValidationFailed.at("content", "must not be empty"), {"id": "1"})] * 24
    assert frames.batch_result(results)["results"] == results


def test_burst_below_the_largest_batch_is_refused() -> None:
    assert Limits(message_burst=MAX_BATCH_COMMANDS).message_burst == 24
    with pytest.raises(ValueError, match="message_burst must be at least 24"):
        Limits(message_burst=MAX_BATCH_COMMANDS - 1)


@pytest.mark.parametrize("name", ["client_message_id_characters", "command_id_characters"])
def test_id_limit_with_which_an_answer_would_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at most 256"):
        Limits(**{name: 257})


def test_batch_ends_before_its_function_times_out() -> None:
    timing = Timing()
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    for function in ("websocket_message", "api_handler"):
        lambda_timeout = config["lambda_functions"][function]["lambda_timeout"]
        assert lambda_timeout <= 29, "API Gateway waits no longer"
        longest = timing.batch_deadline + timing.append_deadline + timing.socket_fan_out
        assert longest + 2 < lambda_timeout


def message(conversation_id: str, number: int, **fields: Any) -> dict[str, Any]:
    client_message_id = f"m{number}"
    return {
        "type": "message",
        "conversation_id": conversation_id,
        "client_message_id": client_message_id,
        "content": "x",
        **fields,
    }


def execute(harness: AppHarness, *commands: dict[str, Any]) -> list[str]:
    """Return the codes or types of the results."""
    return codes(harness.chat.messaging.batches.execute(principal("alice"), parsed(*commands).entries))


def parsed(*commands: dict[str, Any]) -> Batch:
    batch, _ = parse_command(json.dumps({"type": "batch", "commands": commands}), Limits())
    assert isinstance(batch, Batch)
    return batch


def codes(result: BatchResult) -> list[str]:
    """Return the codes or types of the results."""
    return [str(frame.get("code", frame["type"])) for frame in result.frames]


def test_commands_after_the_deadline_are_not_attempted(harness: AppHarness) -> None:
    conversation_id = harness.create_conversation("alice")
    react = {"type": "react", "conversation_id": conversation_id, "target": 2, "emoji": "👍"}
    # One gathering for the parts is the last to return; the first for a command is that of the messages.
    harness.gather.after(1, lambda: harness.clock.advance(harness.chat.runtime.timing.batch_deadline))
    results = execute(harness, message(conversation_id, 1), react, message(conversation_id, 2))
    assert results == ["message_ack", "NOT_ATTEMPTED", "NOT_ATTEMPTED"]
    assert harness.head(conversation_id).sequence_id == 2


def test_each_result_names_the_history_of_its_sequence_id(harness: AppHarness) -> None:
    conversation_id = harness.create_conversation("alice")
    target = {"conversation_id": conversation_id, "target": 2}
    read = {"type": "read", "conversation_id": conversation_id, "sequence_id": 2}
    listed = [message(conversation_id, 1), {"type": "react", "emoji": "👍", **target}, read]
    result = harness.chat.messaging.batches.execute(principal("alice"), parsed(*listed).entries)
    own = str(harness.chat.runtime.history_id)
    assert [frame["history_id"] for frame in result.frames] == [own] * 3
    assert [entry["history_id"] for entry in result.results] == [own] * 3


def test_not_attempted_can_be_retried() -> None:
    assert (NotAttempted.code, NotAttempted.status, NotAttempted.retryable) == ("NOT_ATTEMPTED", 503, True)
    assert ConversationBusy.status == NotAttempted.status


def test_conversations_with_different_names_of_the_same_text_are_apart(harness: AppHarness) -> None:
    one, other = harness.create_conversation("alice"), harness.create_conversation("alice")
    results = execute(harness, message(one, 1, content=""), message(other, 1), message(one, 2), message(other, 2))
    assert results == ["VALIDATION_FAILED", "message_ack", "NOT_ATTEMPTED", "message_ack"]


def allowed_batches(harness: AppHarness, caller: Principal, *listed: dict[str, Any]) -> int:
    """Return how many of twenty batches are executed."""
    allowed = 0
    for _ in range(20):
        with contextlib.suppress(RateLimited):
            harness.chat.messaging.batches.execute(caller, parsed(*listed).entries)
            allowed += 1
    return allowed


def test_reads_in_batches_are_charged_to_the_budget_as_single_ones_are() -> None:
    harness = AppHarness({"CHAT_LIMIT_BUDGET_BURST": "2000", "CHAT_LIMIT_SERVICE_BUDGET_BURST": "2000"})
    conversation_id = harness.create_conversation("alice")
    read = {"type": "read", "conversation_id": conversation_id, "sequence_id": 1}
    batch = [read] * MAX_BATCH_COMMANDS
    most = 3000 // (price("read") * MAX_BATCH_COMMANDS)
    """The burst, and half of it, which the process forgets."""
    for caller in principal("alice"), Principal("alice", "Alice", service="shop"):
        assert 2 < allowed_batches(harness, caller, *batch) <= most
    assert allowed_batches(harness, principal("bob"), *batch[:1], *batch[:1]) == 20


class DefectiveSender:
    """A sender with a defect in one of its methods."""

    def __init__(self, sender: Sender, *, send_run: str = "", pushes: bool = False) -> None:
        """`send_run` is the conversation whose messages meet the defect."""
        self._sender = sender
        self._conversation = send_run
        self._pushes = pushes

    def send_run(self, caller: Principal, conversation_id: str, messages: Sequence[Message]) -> RunResult:
        if conversation_id == self._conversation:
            raise RuntimeError("a defect")
        return self._sender.send_run(caller, conversation_id, messages)

    def pushes(self, *sent: SendResult, connection_id: str | None = None) -> list[Push]:
        if self._pushes:
            raise RuntimeError("a defect")
        return self._sender.pushes(*sent)


def batches_with(harness: AppHarness, **defects: Any) -> Batches:
    application, stores = harness.chat, harness.chat.stores
    return Batches(
        sender=cast(Sender, DefectiveSender(application.messaging.sender, **defects)),
        message_updates=application.messaging.updates,
        reactions=application.messaging.reactions,
        history=application.conversations.history,
        rate_limits=stores.rate_limits,
        charge=lambda _caller, _price: None,
        runtime=application.runtime,
    )


def test_defect_in_one_conversation_does_not_cost_the_results_of_others(harness: AppHarness) -> None:
    one, other = harness.create_conversation("alice"), harness.create_conversation("alice")
    batches = batches_with(harness, send_run=one)
    result = batches.execute(
        principal("alice"), parsed(message(one, 1), message(other, 1), message(one, 2)).entries
    )
    assert codes(result) == ["INTERNAL", "message_ack", "NOT_ATTEMPTED"]
    assert isinstance(result.failure, RuntimeError)


def test_defect_in_pushes_keeps_the_results_of_committed_messages(harness: AppHarness) -> None:
    conversation_id = harness.create_conversation("alice")
    batches = batches_with(harness, pushes=True)
    result = batches.execute(principal("alice"), parsed(message(conversation_id, 1)).entries)
    assert codes(result) == ["message_ack"]
    assert isinstance(result.failure, RuntimeError)
