"""How many messages fit into a transaction and into an entry of the queue."""

from __future__ import annotations

from chalicelib.core.kernel.limits import MAX_BATCH_COMMANDS
from chalicelib.core.messaging.run import Run, SendResult
from chalicelib.core.messaging.transaction_size import MAX_RUN_BYTES, TransactionSize, first_run
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.messages import DraftMessage, IdempotencyKey, QueuedRun
from tests.unit.aws.dynamodb.samples import MEMBER


def draft(number: int, size: int = 10) -> DraftMessage:
    return DraftMessage({"content": size * "x"}, IdempotencyKey("conv_x", "alice", f"{number}"))


def run_of(count: int, member: Membership = MEMBER, size: int = 10) -> QueuedRun:
    return QueuedRun("1", 0, [draft(number, size) for number in range(count)], member)


def test_full_batch_is_one_run() -> None:
    messages = [draft(number) for number in range(MAX_BATCH_COMMANDS)]
    assert first_run(messages) == messages


def test_run_is_split_by_items() -> None:
    assert len(first_run([draft(number) for number in range(60)])) == 48
    assert TransactionSize().add(run_of(48))
    assert not TransactionSize().add(run_of(49))


def test_run_is_split_by_bytes_but_has_one_message_at_least() -> None:
    messages = [draft(number, MAX_RUN_BYTES // 3) for number in range(6)]
    assert len(first_run(messages)) == 2
    assert len(first_run([draft(1, 2 * MAX_RUN_BYTES), draft(2)])) == 1


def test_transaction_is_filled_by_items() -> None:
    size = TransactionSize()
    assert [size.add(run_of(20)) for _ in range(3)] == [True, True, False]
    assert size.add(run_of(7)), "a smaller one fits"


def test_transaction_is_filled_by_bytes() -> None:
    size = TransactionSize()
    assert [size.add(run_of(1, size=1_000_000)) for _ in range(4)] == [True, True, True, False]


def test_run_with_a_repeated_key_is_settled_once_and_marked() -> None:
    one, other = draft(1), draft(2)
    run = Run([one, other, draft(1)])
    assert run.next_messages() == [one, other]
    run.settle(other, SendResult({"sequence_id": 3}, duplicate=False))
    assert run.sent == [], "the first has no result yet"
    assert run.next_messages() == [one]
    run.settle(one, SendResult({"sequence_id": 4}, duplicate=False))
    assert [(result.event["sequence_id"], result.duplicate) for result in run.sent] == [
        (4, False), (3, False), (4, True),
    ]  # fmt: skip
    assert run.next_messages() == []
