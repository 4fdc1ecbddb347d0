"""The judge itself: the storage, and messages that a client may leave out."""

from __future__ import annotations

import json

from tests.conformance.gateway import BOB, ME, Gateway
from tests.conformance.judge import Judge, Send, Sends


def own(key: str) -> dict[str, object]:
    return {"type": "message", "sender": ME, "content": f"text of {key}", "client_message_id": key}


def storage(*keys: str) -> str:
    return json.dumps({f"outbox/{key}": {"id": key, "content": f"text of {key}"} for key in keys})


def test_message_whose_id_begins_another_one_can_leave_the_storage_before_that() -> None:
    gateway = Gateway("conv_a")
    sends = Sends(gateway)
    for key in ("k1", "k10"):
        sends.add(Send("conv_a", f"text of {key}", tab=0))
        sends.named(key, f"text of {key}")
    sends.stored(storage("k1", "k10"))
    gateway.append("conv_a", own("k1"))
    sends.stored(storage("k10"))
    assert sends.by_key["k1"].done_in == {gateway.history_id}


def test_acknowledged_message_of_a_closed_conversation_may_be_absent_when_a_restore_has_lost_it() -> None:
    gateway = Gateway("conv_a")
    sends = Sends(gateway)
    judge = Judge(gateway, sends, tab=0)
    epoch = judge.opened("conv_a")
    sends.add(Send("conv_a", "text of k1", tab=0, epoch=epoch))
    sends.named("k1", "text of k1")
    sends.stored(storage("k1"))
    judge.closed("conv_a")
    judge.received({"type": "message_ack", "conversation_id": "conv_a", "client_message_id": "k1"})
    judge.opened("conv_a")
    place = {"history_id": gateway.history_id, "start": 1, "position": 1, "read_up_to": 1}
    judge.notify("view", {"conversation_id": "conv_a", **place, "keep_first": 0, "keep_last": 0, "messages": []})


def test_message_before_the_marked_start_may_be_absent_also_when_a_restore_has_lost_it() -> None:
    gateway = Gateway("conv_a")
    sends = Sends(gateway)
    judge = Judge(gateway, sends, tab=0)
    epoch = judge.opened("conv_a")
    sends.add(Send("conv_a", "text of k1", tab=0, epoch=epoch))
    send = sends.named("k1", "text of k1")
    sends.stored(storage("k1"))
    for event in (own("k1"), {"type": "message", "sender": BOB, "content": "later"}):
        gateway.append("conv_a", event)
    head = len(gateway.logs["conv_a"])
    place = {"history_id": gateway.history_id, "start": head + 1, "position": head, "read_up_to": 0}
    view = {"conversation_id": "conv_a", **place, "keep_first": 0, "keep_last": 0, "messages": []}
    judge.notify("view", dict(view))
    gateway.restore(0)
    judge.notify("view", dict(view))
    assert (send.is_known, send.done_in) == (True, set())
