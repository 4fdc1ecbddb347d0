"""Measures the Python client; prints one line of JSON. Run by `bench/python_client.py`."""

from __future__ import annotations

import gc
import json
import random
import sys
import time
import tracemalloc
from collections.abc import Callable

from serverless_chat.core.client import Client
from serverless_chat.core.outputs import JsonObject, SendFrame

EVENTS, PAGE, ROUNDS = 10_000, 50, 10
FEW, MANY, WINDOW = 20_000, 100_000, 5_000
CONVERSATIONS = 300
NOW = 1_800_000_000.0
HISTORY = "1.conversations"
WELCOME: JsonObject = {
    "type": "welcome",
    "history_id": HISTORY,
    "participant": {"participant_id": "alice", "name": "Alice", "type": "human"},
    "ping_interval": 240,
    "expires_at": "2126-01-15T08:00:00.000Z",
    "limits": {"frame_bytes": 32_768},
}


def measure() -> dict[str, float]:
    """Return seconds of processor time, bytes and numbers of frames by their names."""
    texts = [_frame(first, PAGE) for first in range(1, EVENTS + 1, PAGE)]
    # By turns, as other processes slow the processor's caches down at times.
    rounds = [(_timed(lambda: _parse(texts)), _timed(lambda: _apply(texts))) for _ in range(ROUNDS)]
    parsing, applying = (min(times) for times in zip(*rounds, strict=True))
    few, many = _memory()
    names = [f"conv_{number}" for number in range(CONVERSATIONS)]
    frames, answers = _reconnect(names)
    return {
        "parsing": parsing,
        "applying": applying,
        "few": few,
        "many": many,
        "reconnecting": min(_timed(lambda: _reconnect(names)) for _ in range(ROUNDS)),
        "frames": len(frames),
        "bytes": sum(map(len, frames)),
        "answers": len(answers),
        "answer_bytes": sum(map(len, answers)),
    }


def _message(sequence_id: int) -> JsonObject:
    return {
        "conversation_id": "conv_a",
        "sequence_id": sequence_id,
        "type": "message",
        "created_at": "2026-11-29T12:00:00.000Z",
        "sender": {"participant_id": "bob", "name": "Bob", "type": "human"},
        "message_id": f"msg_{sequence_id}".ljust(26, "x"),
        "client_message_id": f"client-{sequence_id}",
        "content": f"Message number {sequence_id}, of a usual length for people who write to each other.",
    }


def _frame(first: int, count: int) -> str:
    events = [_message(number) for number in range(first, first + count)]
    frame = {"type": "events", "history_id": HISTORY, "conversation_id": "conv_a", "events": events}
    return _compact(frame)


def _parse(texts: list[str]) -> None:
    for text in texts:
        json.loads(text)


def _apply(texts: list[str]) -> None:
    client = _followed()
    for text in texts:
        client.receive(1, json.loads(text), NOW)
        list(client.outputs())
    if len(client.messages("conv_a")) != EVENTS:
        raise AssertionError("events are missing")


def _followed(window: int | None = None) -> Client:
    """Return a client that follows an empty conversation."""
    client = _connected(["conv_a"], window)
    [hello] = [frame for frame in map(json.loads, _sent(client)) if frame["type"] == "hello"]
    client.receive(1, _subscribed(hello["id"], "conv_a"), NOW)
    list(client.outputs())
    return client


def _connected(conversations: list[str], window: int | None = None) -> Client:
    client = Client({}, random.random)
    for conversation_id in conversations:
        client.open(conversation_id, NOW, window=window)
    client.start(NOW)
    client.token_received("token", NOW)
    client.socket_opened(1, NOW)
    client.receive(1, WELCOME, NOW)
    return client


def _sent(client: Client) -> list[str]:
    return [json.dumps(output.frame) for output in client.outputs() if isinstance(output, SendFrame)]


def _memory() -> tuple[int, int]:
    """Return the bytes of a room with a window after few and after many messages."""
    gc.collect()
    tracemalloc.start()
    client = _followed(WINDOW)
    measured = {}
    for first in range(1, MANY + 1, PAGE):
        client.receive(1, json.loads(_frame(first, PAGE)), NOW)
        client.messages("conv_a")
        list(client.outputs())
        if first + PAGE - 1 in {FEW, MANY}:
            gc.collect()
            measured[first + PAGE - 1] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return measured[FEW], measured[MANY]


def _reconnect(names: list[str]) -> tuple[list[str], list[str]]:
    """Return the frames in both directions until a client with these conversations has all that it asks for."""
    client = _connected(names)
    sent = _sent(client)
    answers = [_compact(WELCOME)]
    for frame in map(json.loads, sent):
        wanted = frame.get("subscribe") or ([frame] if frame["type"] == "subscribe" else [])
        answers += [_compact(_subscribed(frame["id"], one["conversation_id"])) for one in wanted]
    for text in answers[1:]:
        client.receive(1, json.loads(text), NOW)
    return sent + _sent(client), answers


def _subscribed(request_id: str, conversation_id: str) -> JsonObject:
    """Return the answer for a conversation in which nothing is new."""
    answer = {"type": "subscribed", "id": request_id, "conversation_id": conversation_id, "history_id": HISTORY}
    page = {"head": 0, "events": [], "has_more": False, "first_sequence_id": 1, "participants": []}
    return {**answer, **page, "read_up_to": 0, "unread_count": 0}


def _compact(frame: JsonObject) -> str:
    return json.dumps(frame, separators=(",", ":"))


def _timed(run: Callable[[], object]) -> float:
    """Return the processor time of a run, which does not collect the garbage of the former ones."""
    gc.collect()
    started = time.process_time()
    run()
    return time.process_time() - started


if __name__ == "__main__":
    json.dump(measure(), sys.stdout)
