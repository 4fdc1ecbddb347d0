"""A whole message to twenty people: the product's own path with its own clients, against what it must wait for.

Store and callback API are processes that answer after 4 ms, 10 ms for a transaction, and 8 ms for a post. The
plain way is the same path with the SDK's clients: what is compared is clients, not designs.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from chalicelib.aws.api_gateway import ApiGatewayPoster
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

from .fan_out import REGION, ROOT, THREADS, cpu, frozen, ids, keys, plain_way, sink, url, wall
from .figures import table
from .stores import client_for
from .targets import Targets
from .world import CONTENT, ENVIRONMENT

Print = Callable[[str], None]
CALL, TRANSACTION, POST = 0.004, 0.010, 0.008
NECESSARY = CALL + CALL + TRANSACTION + CALL + POST
"""Socket ‖ head; membership ‖ rate; the transaction; who is subscribed; the posts (`docs/performance.md`)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    recipients: int = 20
    rounds: int = 31
    growth: tuple[int, int] = (10, 1_000)
    """Sizes of a conversation, for what a delivery costs in it."""
    rounds_of_growth: int = 7


@contextlib.contextmanager
def store(call: float, transaction: float) -> Iterator[str]:
    """The URL of a store with such latencies, in seconds."""
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


def our_client(endpoint: str) -> DynamoClient:
    """The product's own client of DynamoDB."""
    return DynamoClient(AwsJsonClient(endpoint, "dynamodb", TARGET, REGION, keys, SystemClock(), TlsContext()))


class SdkPoster:
    """Posting with boto3, as samples do it."""

    def __init__(self, endpoint: str, threads: ThreadPoolExecutor) -> None:
        self._post = plain_way(endpoint, threads, max_pool_connections=THREADS)

    def post_all(self, mail: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post as many frames as are asked for."""
        self._post(len(mail))
        return []

    def close(self, connection_id: str) -> None:
        """Nothing is closed here."""


class Room:
    """A conversation of which everybody has a socket that is subscribed."""

    def __init__(self, client: Any, poster: ConnectionPoster, people: int) -> None:
        settings = Settings.from_environment({**ENVIRONMENT, "CHAT_LIMIT_PARTICIPANTS": str(max(people, 100))})
        self.chat: Application = build(settings, dynamo_client=client, poster=poster)
        self.sockets = ids(people)
        names = [f"person-{each}" for each in range(people)]
        now = int(time.time())
        for connection_id, name in zip(self.sockets, names, strict=True):
            opened = Connection(connection_id, name, None, now + 86_400, now * 1000, now * 1000)
            self.chat.stores.connections.open(opened)
        request = CreateConversation(
            title="A room", participants=[NewParticipant(participant_id=each, name=each) for each in names[1:]]
        )
        made = self.chat.conversations.lifecycle.create(Principal(names[0], names[0]), request)
        self.conversation_id: str = made.response["conversation_id"]
        for each, name in zip(self.sockets, names, strict=True):
            # Without the answer, which grows with the conversation and is not what is measured.
            heard = Subscription(self.conversation_id, each, name, 1, 1, now + 86_400, subscribed_at=now * 1000)
            self.chat.stores.subscriptions.subscribe(heard)
        self._number = 0

    def say(self, connection_id: str, **command: Any) -> None:
        """One frame of a socket, and all that comes of it, as the function does it."""
        reply = self.chat.sessions.dispatcher.receive(connection_id, json.dumps(command))
        if reply.failure is not None or any(each["type"] == "error" for each in reply.replies):
            raise RuntimeError(f"the chat refused: {reply.replies}")
        answer = DirectReply(connection_id, reply.generation, reply.replies)
        self.chat.realtime.fan_out.deliver(reply.pushes, within=20, reply=answer)

    def send(self, times: int = 1) -> None:
        """Messages of the usual size, from the first of them."""
        for _ in range(times):
            self._number += 1
            self.say(
                self.sockets[0],
                type="message",
                conversation_id=self.conversation_id,
                client_message_id=f"m-{self._number}",
                content=CONTENT,
            )

    def written(self) -> int:
        """How many events the log has."""
        head = self.chat.stores.event_log.head(self.conversation_id)
        return 0 if head is None else head.sequence_id


def measure(scale: Scale) -> Mapping[str, tuple[float, float]]:
    """Seconds until all was done and seconds of CPU, by whose clients."""
    with (
        store(CALL, TRANSACTION) as ours_at,
        store(CALL, TRANSACTION) as theirs_at,
        sink(POST) as port,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        endpoint = url(port, tls=False)
        posters: dict[str, ConnectionPoster] = {
            "ours": ApiGatewayPoster(endpoint, REGION, keys, SystemClock()),
            "boto3": SdkPoster(endpoint, threads),
        }
        clients = {"ours": our_client(ours_at), "boto3": client_for(theirs_at)}
        rooms = {each: Room(clients[each], posters[each], scale.recipients) for each in clients}
        walls: dict[str, list[float]] = {each: [] for each in rooms}
        cpus: dict[str, list[float]] = {each: [] for each in rooms}
        for room in rooms.values():
            room.send()
        with frozen():
            for _ in range(scale.rounds):
                for name, room in rooms.items():
                    cpus[name].append(cpu(lambda: walls[name].append(wall(room.send))))  # noqa: B023
        return {each: (median(walls[each]), median(cpus[each])) for each in rooms}


def growth(scale: Scale) -> Mapping[int, float]:
    """Seconds of CPU a delivery, of a whole message, by how many people the conversation has."""
    with store(0, 0) as endpoint, sink(0) as port:
        poster = ApiGatewayPoster(url(port, tls=False), REGION, keys, SystemClock())
        rooms = {people: Room(our_client(endpoint), poster, people) for people in scale.growth}
        found: dict[int, list[float]] = {people: [] for people in rooms}
        for room in rooms.values():
            room.send()
        for _ in range(scale.rounds_of_growth):
            for people, room in rooms.items():
                # As many deliveries of each, for a clock that is not exact.
                times = max(rooms) // people
                found[people].append(cpu(partial(room.send, times)) / people / times)
        return {people: median(costs) for people, costs in found.items()}


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and show it."""
    found = measure(scale)
    show(
        f"A message to {scale.recipients} people: 4 ms a store call, 10 ms a transaction, 8 ms a post;"
        f" {1000 * NECESSARY:.0f} ms are necessary.\n"
    )
    rows = [
        (
            name,
            f"{1000 * took:.1f}",
            f"{took / NECESSARY:.2f}",
            "≤ 1.25" if name == "ours" else "",
            f"{1000 * used:.1f}",
        )
        for name, (took, used) in found.items()
    ]
    show(table(("clients", "ms", "of the necessary", "target", "CPU ms"), rows))
    over = found["ours"][0] / NECESSARY
    targets.at_most(f"a message to {scale.recipients} people: over its necessary round trips", over, 1.25)
    grown = growth(scale)
    few, many = min(grown), max(grown)
    show("\nCPU a delivery, of a whole message, by the people in the conversation (100 at the most by default).\n")
    microseconds = f"{1e6 * grown[few]:.0f} / {1e6 * grown[many]:.0f}"
    growing = (f"N = {many} / N = {few}", f"{grown[many] / grown[few]:.2f}", "≤ 1.2", microseconds)
    show(table(("what", "ratio", "target", f"µs: {few} / {many}"), [growing]))
    targets.at_most(f"CPU a delivery of a message, N = {many} over N = {few}", grown[many] / grown[few], 1.2)
    return True
