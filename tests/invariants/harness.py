"""A conversation with members and sockets in the store, and processes of the application that use it.

`Tables` are the two tables. A `Harness` on them is one conversation with its own participants and sockets, so
harnesses are independent and nothing is ever reset. A `Process` is one invocation of the deployed application: the
application on a store client, a clock and a poster, called as the edge calls it. Its pushes and responses are
recorded in the harness, where the checker finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chalicelib.bootstrap import build
from chalicelib.bootstrap.services import PublishingPorts
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.ids import digest
from chalicelib.core.kernel.limits import MIN_RETENTION_DAYS, Timing
from chalicelib.core.model.actors import Role
from chalicelib.core.ports.hooks import Hook
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.protocol.frames import Frame
from local.faults.client import DynamoClient
from tests.invariants.http_reads import Response
from tests.invariants.process import Process
from tests.support.fakes import START_TIME, FakeClock, FakePoster, Post
from tests.support.items import Items, read_keys, read_partition
from tests.support.publishing import FakeDeliveryQueue, FakeSink
from tests.support.sequential import run_sequential
from tests.support.unpacking import unpacked

if TYPE_CHECKING:
    from tests.invariants.tables import Tables

QUANTUM = 0.25
"""The minimum duration of a sleep on a process's own clock; no pause of the application is longer."""
MEMBERS = ("alice", "bob", "carol")


@dataclass(frozen=True)
class Setup:
    """The initial state of a conversation. The first member is its creator."""

    members: tuple[str, ...] = MEMBERS
    non_members: tuple[str, ...] = ()
    """Participants who are not members, and may have sockets."""
    roles: tuple[tuple[str, Role], ...] = ()
    is_open: bool = False
    sockets: tuple[str, ...] = MEMBERS
    """One socket each of these participants, with their names; `bob2` would be a second one of bob."""
    subscribed: tuple[str, ...] = MEMBERS
    """The sockets that are subscribed."""


TWO_DEVICES = Setup(
    members=("alice", "bob"), sockets=("alice", "alice2", "bob"), subscribed=("alice", "alice2", "bob")
)


@dataclass
class Harness:
    """One conversation. Names are short: `alice` is a participant, and her socket."""

    tables: Tables
    setup: Setup
    tag: str
    conversation: str
    posts: list[Post] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    late_sockets: set[str] = field(default_factory=set)
    """Names of sockets that were opened later."""
    display_names: dict[str, str] = field(default_factory=dict)
    """The names in the tokens of participants who do not use the first one any more."""
    invites: list[str] = field(default_factory=list)
    """Secrets of invites that were created in advance."""
    hook: Hook | None = None
    """That of all processes."""

    def participant_id(self, name: str) -> str:
        """Return the id of a participant; it contains a separator of keys."""
        return f"{name}#{self.tag}"

    def connection_id(self, socket: str) -> str:
        """Return the connection id of a socket."""
        return f"{socket}-{self.tag}"

    def owner_id(self, socket: str) -> str:
        """Return the participant id of a socket's owner."""
        return self.participant_id(socket.rstrip("0123456789"))

    @property
    def names(self) -> list[str]:
        """The names of all participants, including non-members."""
        return [*self.setup.members, *self.setup.non_members]

    @property
    def sockets(self) -> list[str]:
        """The names of all sockets."""
        return [*self.setup.sockets, *sorted(self.late_sockets)]

    def process(
        self,
        client: DynamoClient | None = None,
        *,
        skew: float = 0.0,
        clock: Clock | None = None,
        gather: Gather = run_sequential,
        stale: Collection[str] = (),
        timing: Timing | None = None,
        on_post: Callable[[], None] = lambda: None,
        queue: JobQueue | None = None,
    ) -> Process:
        """Return an invocation on `client` (by default on the engine), with a clock that is ahead by `skew`.

        `stale` are the names of sockets to which its posts are answered with 410.
        """
        poster = FakePoster(self.posts, {self.connection_id(socket) for socket in stale}, on_post)
        settings = replace(self.tables.settings, timing=timing or self.tables.settings.timing)
        app = build(
            settings,
            dynamo_client=client or self.tables.engine,
            poster=poster,
            queue=queue,
            hook=self.hook,
            publishing=PublishingPorts(FakeDeliveryQueue(), FakeSink) if settings.events else None,
            clock=clock or FakeClock(START_TIME + 10.0 + skew, quantum=QUANTUM),
            gather=gather,
        )
        return Process(self, app)

    def make_contended(self, until: float = START_TIME + 3600) -> None:
        """Mark the conversation as contended until a time in seconds: all messages are queued."""
        self.tables.engine.update_item(
            TableName=self.tables.conversations_table,
            Key={"pk": {"S": f"C#{self.conversation}"}, "sk": {"S": "HEAD"}},
            UpdateExpression="SET #contended_until = :until",
            ExpressionAttributeNames={"#contended_until": "contended_until"},
            ExpressionAttributeValues={":until": {"N": str(int(until * 1000))}},
        )

    def pushed_event_ids(self, socket: str) -> list[int]:
        """Return the sequence ids of the events that were pushed to a socket, in the order of arrival."""
        to = self.connection_id(socket)
        return [
            event["sequence_id"]
            for post in self.posts
            if post.connection_id == to and post.frame["type"] == "events"
            for event in post.frame["events"]
        ]

    def pushed_frames(self, socket: str, kind: str | None = None) -> list[Frame]:
        """Return the frames that were pushed to a socket, each event by itself, optionally of one type only."""
        to = self.connection_id(socket)
        frames = [frame for post in self.posts if post.connection_id == to for frame in unpacked(post.frame)]
        return [frame for frame in frames if kind in (None, frame["type"])]

    @property
    def partitions(self) -> list[tuple[str, str]]:
        """The partitions of the conversation, each with its table."""
        chat, live = self.tables.conversations_table, self.tables.connections_table
        where = self.conversation
        return [(chat, f"C#{where}"), (live, f"C#{where}"), (chat, f"Q#{where}")]

    def items(self) -> Items:
        """Return all items of this conversation, directly from the engine."""
        chat, live = self.tables.conversations_table, self.tables.connections_table
        engine, where = self.tables.engine, f"C#{self.conversation}"
        first_visit = int(START_TIME + MIN_RETENTION_DAYS * self.tables.settings.timing.retention_day)
        keys = [(chat, "RETENTION", f"{first_visit:012d}#{self.conversation}")]
        for person in map(self.participant_id, self.names):
            keys += [(chat, f"U#{person}", where), (live, f"L#{digest(person)}", "messages")]
            keys += [(chat, f"U#{person}", f"F#{self.conversation}"), (chat, f"U#{person}", "STANDING")]
        for socket in self.sockets:
            connection_id = self.connection_id(socket)
            keys += [
                (live, f"X#{connection_id}", "CONNECTION"),
                (live, f"X#{connection_id}", f"S#{self.conversation}"),
                (live, f"X#{connection_id}", f"T#{self.conversation}"),
                (live, f"U#{self.owner_id(socket)}", f"X#{connection_id}"),
                (live, f"U#{self.owner_id(socket)}", f"O#{connection_id}"),
                (live, f"U#{self.owner_id(socket)}", "FEED"),
            ]
        found: Items = {}
        for table, pk in self.partitions:
            found |= read_partition(engine, table, pk)
        keys += [
            (chat, f"K#{item['idempotency_key']['S']}", "K")
            for item in found.values()
            if "idempotency_key" in item
        ]
        return found | read_keys(engine, keys)
