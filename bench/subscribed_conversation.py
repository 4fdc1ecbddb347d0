"""A conversation whose participants are all subscribed, on a store and a poster with given latencies."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.aws.dynamodb.client import TARGET, DynamoClient
from chalicelib.awshttp import AwsJsonClient, TlsContext
from chalicelib.bootstrap import Application, build
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.connections import Connection, Subscription
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant
from chalicelib.core.realtime.outbox import DirectReply
from chalicelib.settings import Settings

from .harness import CONTENT, ENVIRONMENT
from .posters import REGION, ROOT, THREADS, boto3_post, connection_ids, get_credentials


@contextlib.contextmanager
def store_process(call: float, transaction: float) -> Iterator[str]:
    """Run a store with these latencies, in seconds; yield its URL."""
    arguments = [str(call * 1000), str(transaction * 1000)]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.store_sink", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline() if process.stdout else 0)}"
    finally:
        process.communicate()


def product_client(endpoint: str) -> DynamoClient:
    """Return the product's DynamoDB client."""
    return DynamoClient(
        AwsJsonClient(endpoint, "dynamodb", TARGET, REGION, get_credentials, SystemClock(), TlsContext())
    )


class SdkPoster:
    """Posts with boto3 and threads."""

    def __init__(self, endpoint: str, threads: ThreadPoolExecutor) -> None:
        self._post = boto3_post(endpoint, threads, max_pool_connections=THREADS)

    def post_all(self, mail: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post as many frames as requested."""
        self._post(len(mail))
        return []

    def close(self, connection_id: str) -> None:
        """Do nothing."""


class SubscribedConversation:
    """A conversation in which every participant has a subscribed connection."""

    def __init__(self, client: Any, poster: ConnectionPoster, participants: int) -> None:
        settings = Settings.from_environment(
            {**ENVIRONMENT, "CHAT_LIMIT_PARTICIPANTS": str(max(participants, 100))}
        )
        self.chat: Application = build(settings, dynamo_client=client, poster=poster)
        self.connection_ids = connection_ids(participants)
        names = [f"participant-{index}" for index in range(participants)]
        now = int(time.time())
        for connection_id, name in zip(self.connection_ids, names, strict=True):
            opened = Connection(connection_id, name, None, now + 86_400, now * 1000, now * 1000)
            self.chat.stores.connections.open(opened)
        request = CreateConversation(
            title="A conversation",
            participants=[NewParticipant(participant_id=name, name=name) for name in names[1:]],
        )
        made = self.chat.conversations.creation.create(Principal(names[0], names[0]), request)
        self.conversation_id: str = made.response["conversation_id"]
        for connection_id, name in zip(self.connection_ids, names, strict=True):
            # Directly in the store: the reply of a subscribe grows with the conversation and is not measured.
            subscription = Subscription(
                self.conversation_id, connection_id, name, 1, 1, now + 86_400, subscribed_at=now * 1000
            )
            self.chat.stores.subscriptions.subscribe(subscription)
        self._number = 0

    def send_frame(self, connection_id: str, **command: Any) -> None:
        """Process one frame of a connection, including the fan-out, as the function does."""
        reply = self.chat.sessions.dispatcher.receive(connection_id, json.dumps(command))
        if reply.failure is not None or any(frame["type"] == "error" for frame in reply.replies):
            raise RuntimeError(f"the chat rejected the frame: {reply.replies}")
        answer = DirectReply(connection_id, reply.generation, reply.replies)
        self.chat.realtime.fan_out.deliver(reply.pushes, within=20, reply=answer)

    def send(self, times: int = 1) -> None:
        """Send messages of typical size from the first connection."""
        for _ in range(times):
            self._number += 1
            self.send_frame(
                self.connection_ids[0],
                type="message",
                conversation_id=self.conversation_id,
                client_message_id=f"m-{self._number}",
                content=CONTENT,
            )

    def flush(self, count: int) -> None:
        """Send an outbox of messages by one batch from the first connection."""
        commands = []
        for _ in range(count):
            self._number += 1
            commands.append(
                {
                    "type": "message",
                    "conversation_id": self.conversation_id,
                    "client_message_id": f"m-{self._number}",
                    "content": CONTENT,
                }
            )
        self.send_frame(self.connection_ids[0], type="batch", commands=commands)

    def event_count(self) -> int:
        """Return the number of events in the log."""
        head = self.chat.stores.event_log.head(self.conversation_id)
        return 0 if head is None else head.sequence_id
