"""A packaged stage with events: stream, queue and functions work together, with the permissions of their roles."""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.backend import EmbeddedBackend
from local.launcher import Instance
from tests.bundle.events_stage import stage_with_events
from tests.bundle.test_permissions import own_environment, running_bundle, until, unused

__all__ = ["own_environment"]

Json = dict[str, Any]
USED_BY_LAMBDA_ONLY = {
    # Lambda's event source mappings require them of the role (Lambda Developer Guide, "Using Lambda with Amazon
    # SQS" and "Process DynamoDB records with Lambda"); the local ones read the embedded store's change feed.
    ("ConsumeDeliveries", "sqs:GetQueueAttributes"),
    *(
        ("ReadStream", f"dynamodb:{action}")
        for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    ),
}
NOT_GUARDED = {("PutEvents", "events:PutEvents"), ("ReadEndpointSecrets", "ssm:GetParameter")}
"""The guard is not in front of EventBridge and Parameter Store."""
BUS = {"event_bus": "chat-events"}
WEBHOOK = {
    "url": "https://hooks.example.com/",
    "secret_parameter": "/chat/hook",
    "types": ["message"],
    "notify": True,
}


class EventBus:
    """EventBridge, which refuses the first call, and Parameter Store, without parameters."""

    def __init__(self) -> None:
        self.received: dict[str, set[int]] = defaultdict(set)
        self.refusals = 1
        self.parameters_read = 0
        self._lock = threading.Lock()
        bus = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                is_put = "Entries" in request
                found = bus._put(request["Entries"]) if is_put else bus._read_parameter()
                answer = json.dumps(found).encode()
                self.send_response(200 if is_put else 400)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def _read_parameter(self) -> Json:
        with self._lock:
            self.parameters_read += 1
            return {"__type": "ParameterNotFound"}

    def _put(self, entries: list[Json]) -> Json:
        with self._lock:
            if self.refusals:
                self.refusals -= 1
                refused = [{"ErrorCode": "ThrottlingException"} for _ in entries]
                return {"FailedEntryCount": len(entries), "Entries": refused}
            for entry in entries:
                assert (entry["EventBusName"], entry["Source"]) == ("chat-events", "chat.dev")
                detail = json.loads(entry["Detail"])
                self.received[detail["conversation_id"]].add(detail["event"]["sequence_id"])
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in entries]}


@pytest.fixture
def bus() -> Iterator[EventBus]:
    bus = EventBus()
    yield bus
    bus.close()


def walk(instance: Instance) -> None:
    """Let a walk compare the conversation, as after a batch of the stream that was given up."""
    assert isinstance(instance.backend, EmbeddedBackend)
    queues, url = instance.backend.services.queues, os.environ["CHAT_DELIVERY_QUEUE"]
    queues.call("SendMessage", {"QueueUrl": url, "MessageBody": "{}"})
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty() -> bool:
        found = queues.call("GetQueueAttributes", {"QueueUrl": url, "AttributeNames": names})["Attributes"]
        return not any(map(int, found.values()))

    until(is_empty)


@pytest.mark.usefixtures("own_environment")
def test_events_reach_a_bus_with_the_permissions_of_the_roles(
    built_directory: Path, bus: EventBus, tmp_path: Path
) -> None:
    bundle = stage_with_events(built_directory, tmp_path, [BUS, WEBHOOK], bus.url)
    record = tmp_path / "record.json"
    with running_bundle(bundle, record, {}) as run:
        alice, bob, *_ = run.people
        chat = alice.create_conversation("Chat", members=[bob])
        last = [alice.post_message(chat, f"message {number}")["sequence_id"] for number in range(3)][-1]
        until(lambda: bus.received[chat] >= set(range(1, last + 1)))
        assert bus.refusals == 0
        # The notify list is decided before the attempt, which fails: there is no secret.
        until(lambda: bus.parameters_read)
        walk(run.instance)
    assert {name: unused(record, name) - USED_BY_LAMBDA_ONLY - NOT_GUARDED for name in ("Publish", "Deliver")} == {
        "Publish": set(),
        "Deliver": set(),
    }
