"""System messages in many interleavings, and with a crash at any store call: in the log once, in order."""

from __future__ import annotations

import pytest

from chalicelib.core.model.actors import Service
from chalicelib.core.protocol.requests import SendSystemMessage
from local.faults.client import DynamoClient
from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.stepper import crash_points

SHOP = Service("shop").as_principal()


def sends(text: str, key: str) -> Act:
    def act(process: Process) -> int:
        message = SendSystemMessage(client_message_id=key, content=text)
        sender = process.app.messaging.sender
        sent = sender.send(SHOP, process.harness.conversation, message)
        process.app.realtime.fan_out.deliver(sender.pushes(sent), within=5.0)
        return int(sent.event["sequence_id"])

    return act


@BOTH_STORES
@pytest.mark.parametrize("contended", [False, True], ids=["direct", "queued"])
def test_concurrent_system_messages_are_in_the_log_once(
    tables: Tables, engine_tables: Tables, store: Store, contended: bool
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        busy = ["CONVERSATION_BUSY"] if contended else []
        same = [ends[name] for name in ("sends", "repeats") if ends.succeeded(name, *busy)]
        assert len(set(same)) <= 1, "L2: both got the same message"
        others = ends.succeeded("bob sends", *busy)
        verdict = check(harness, subscribers=MEMBERS, tidy=not contended and store is Store.ATOMIC)
        assert sorted(verdict.texts) == sorted((["paid"] if same else []) + (["hi"] if others else []))

    acts: dict[str, Act] = {
        "sends": sends("paid", "1"),
        "repeats": sends("paid", "1"),
        "bob sends": lambda process: process.post_message("bob", "hi", "1"),
    }
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        store=store,
        arrange=Harness.make_contended if contended else lambda harness: None,
        samples=40,
        engine_tables=engine_tables,
    )


@pytest.mark.parametrize("contended", [False, True], ids=["direct", "queued"])
def test_repeat_after_a_crash_sends_a_system_message_once(tables: Tables, contended: bool) -> None:
    def begin() -> Harness:
        harness = tables.harness()
        if contended:
            harness.make_contended()
        return harness

    def act(harness: Harness, client: DynamoClient) -> None:
        sends("paid", "1")(harness.process(client))

    points = 0
    for point in crash_points(tables.engine, begin, act):
        with point as harness:
            sends("paid", "1")(harness.process(skew=1.0))
            assert check(harness, subscribers=MEMBERS, tidy=not contended).texts == ["paid"]
        points += 1
    assert points >= 4
