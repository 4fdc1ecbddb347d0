"""The system under test: the real core on the layers of `local.faults`, with one conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.keys import EVENT_PREFIX, conversation_pk
from chalicelib.aws.dynamodb.table import Table
from chalicelib.bootstrap import Application, build
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.connections import Connection
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.events import Event
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.protocol.commands import Message
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant
from chalicelib.settings import Settings
from local.dynamodb.sizes import item_size
from local.faults import DynamoClient, ItemKey, Latency, PartitionLimits, RegionClient, TransactionWindows
from local.faults.capacity import WRITE_UNITS
from local.faults.engine import MemoryEngine

from .meter import Meter
from .retries import RetryingClient

CONVERSATIONS, CONNECTIONS = "chat-bench-conversations", "chat-bench-connections"
CONTENT = "Shall we meet at the station at eight, or is that too early for you? " * 3
ENVIRONMENT: Mapping[str, str] = {
    "CHAT_CONVERSATIONS_TABLE": CONVERSATIONS,
    "CHAT_CONNECTIONS_TABLE": CONNECTIONS,
    "CHAT_MANAGEMENT_ENDPOINT": "http://127.0.0.1:9/bench",
    "CHAT_JWT_SECRET": "development-secret-for-the-bench-only",
    "AWS_REGION": "us-east-1",
    # The rate limits are lifted: one participant sends all messages and creates all conversations.
    "CHAT_LIMIT_MESSAGES_PER_SECOND": "1000",
    "CHAT_LIMIT_MESSAGE_BURST": "1000",
    "CHAT_LIMIT_CREATION_BURST": "10000",
    "CHAT_LIMIT_ADDITION_BURST": "10000",
    "CHAT_LIMIT_FRAMES_PER_SECOND": "1000",
    "CHAT_LIMIT_BUDGET_PER_SECOND": "1000",
    "CHAT_LIMIT_BUDGET_BURST": "1000000",
    "CHAT_LIMIT_CONNECTIONS": "1000",
}


class Time(Protocol):
    """A clock for the layers and the core, and the core's `Gather`."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def gather(self, *calls: Callable[[], Any]) -> list[Any]: ...


class _NullPoster:
    """A poster for participants without connections."""

    def post_all(self, mail: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        return []

    def close(self, connection_id: str) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Harness:
    """The system under test and its participants."""

    chat: Application
    client: DynamoClient
    meter: Meter
    time: Time
    conversation_id: str
    participant_ids: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)
    content: str = CONTENT

    @property
    def dynamo(self) -> Dynamo:
        """The tables, for designs that access them directly."""
        return Dynamo(self.client, self.time)

    def with_client(self, client: DynamoClient) -> Harness:
        """Return the same system for a process with a different client."""
        return replace(self, chat=_application(client, self.time, self.settings), client=client)

    def message(self, client_message_id: str) -> Message:
        """Return a message command, by default of typical size: about 200 bytes of text."""
        return Message(
            type="message",
            conversation_id=self.conversation_id,
            client_message_id=client_message_id,
            content=self.content,
        )

    def log(self) -> Iterable[Event]:
        """Yield the whole log from the store."""
        table = Table(self.dynamo, CONVERSATIONS)
        for item in table.query(conversation_pk(self.conversation_id), prefix=EVENT_PREFIX):
            yield json_codec.parse(item["event"])

    def member(self, participant_id: str) -> Membership:
        """Return a participant's membership."""
        member = self.chat.stores.memberships.membership(self.conversation_id, participant_id)
        if member is None:
            raise LookupError(f"{participant_id} is not in the conversation")
        return member


def make_harness(
    time: Time,
    participants: int,
    *,
    latency: Latency,
    seed: int,
    engine: DynamoClient | None = None,
    write_units: int | None = WRITE_UNITS,
    settings: Mapping[str, str] = ENVIRONMENT,
    content: str = CONTENT,
    poster: ConnectionPoster | None = None,
) -> Harness:
    """Make a conversation with connected participants; call it within the given `time`.

    Capacity units are counted and limited only for the engine in memory, which can return the size of an item.
    `write_units` is the limit of a partition, None for none at all. `content` is the text of each message.
    """
    memory = new_engine()

    def size_of(key: ItemKey) -> int:
        item = memory.item(key)
        return 0 if item is None else item_size(item)

    is_limited = write_units is not None and engine is None
    limits = PartitionLimits(size_of, time.now, writes=write_units or 0) if is_limited else None
    store, windows = engine or memory, TransactionWindows()
    region = RegionClient(store, seed=seed, latency=latency, windows=windows, limits=limits, clock=time)
    meter = Meter(region, size_of)
    client = RetryingClient(meter, time)
    # The conversation is created before the limits are enforced: its units do not count.
    chat = _application(RegionClient(store, latency=latency, windows=windows, clock=time), time, settings)
    names = [f"participant-{index}" for index in range(participants)]
    request = CreateConversation(
        title="A crowd",
        participants=[NewParticipant(participant_id=name, name=name.title()) for name in names[1:]],
    )
    made = chat.conversations.creation.create(Principal(names[0], names[0].title()), request)
    now = int(time.now())
    for name in names:
        connection = Connection(connection_id_of(name), name, None, now + 86_400, now * 1000, now * 1000)
        chat.stores.connections.open(connection)
    chat = _application(client, time, settings, poster)
    return Harness(chat, client, meter, time, made.response["conversation_id"], names, settings, content)


def new_engine() -> MemoryEngine:
    """Return an engine with the app's tables, which are empty."""
    return MemoryEngine(CONVERSATIONS, CONNECTIONS)


def _application(
    client: DynamoClient, time: Time, environment: Mapping[str, str], poster: ConnectionPoster | None = None
) -> Application:
    settings = Settings.from_environment(environment)
    return build(settings, dynamo_client=client, poster=poster or _NullPoster(), clock=time, gather=time.gather)


def connection_id_of(participant_id: str) -> str:
    """Return the connection id of a participant."""
    return f"socket-of-{participant_id}"
