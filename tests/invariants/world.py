"""A conversation, its people and their sockets in the store, and processes of the application that act in it.

A `Stage` is the two tables. A `World` on it is one conversation with people and sockets of its own, so worlds
never meet and nothing is ever reset. A `Process` is what one invocation of the deployed application is: the
application on a store client, a clock and a way to sockets, with the few lines in which the edges drive it.
What it says to sockets and answers to requests is written down in the world, where the checker finds it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.bootstrap import Application, build
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.limits import MIN_RETENTION_DAYS, Limits, Timing
from chalicelib.core.model.actors import Principal, Role
from chalicelib.core.model.conversations import JoinPolicy
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.protocol import requests
from chalicelib.core.protocol.frames import Frame
from chalicelib.core.realtime.outbox import DirectReply, Result
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings
from chalicelib.settings import Settings
from local.faults.client import DynamoClient
from tests.invariants.items import Items, batch_write, read_keys, read_partition
from tests.support.sequential import run_sequential

BEGIN = 1_800_000_000.0
"""When every world was made, in seconds since the epoch."""
TOKENS_EXPIRE = int(BEGIN) + 3600
SECRET = "a secret of the law tests, 32 bytes and more"
QUANTUM = 0.25
"""How long every sleep lasts on a process's own clock; the application asks for no longer pause at once."""
PEOPLE = ("alice", "bob", "carol")
CHANGES = ("edit", "delete", "react", "unreact")
"""The commands that change a message."""


class OwnClock:
    """The clock of one process: nobody else's sleep moves it, and it needs no chance.

    The application sleeps for random times. Here every sleep lasts a quantum or more, so that how often
    something is tried until a deadline depends on nothing but the schedule. (A sleep may always last longer.)
    """

    def __init__(self, start: float = BEGIN + 10.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """The same: it never runs backwards."""
        return self._now

    def pass_by(self, seconds: float) -> None:
        """Let that much time pass."""
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self._now += max(seconds, QUANTUM)


@dataclass(frozen=True)
class Post:
    """One frame that reached a socket."""

    connection_id: str
    frame: Frame


@dataclass(frozen=True)
class Answered:
    """One HTTP answer of 2xx that reached its client."""

    participant_id: str
    what: str
    body: Any


class RecordingPoster:
    """`core.ports.Poster` that writes down what arrives; `lost` sockets answer 410."""

    def __init__(self, posts: list[Post], lost: Collection[str], posted: Callable[[], None]) -> None:
        self._posts = posts
        self._lost = lost
        self._posted = posted

    def post_all(self, mail: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post to all; who is gone."""
        for connection_id, payloads in mail.items():
            if connection_id not in self._lost:
                self._posts.extend(Post(connection_id, json.loads(payload)) for payload in payloads)
                self._posted()
        return [each for each in mail if each in self._lost]

    def close(self, connection_id: str) -> None:
        """Closing shows in no store."""


class KeepingQueue:
    """`core.data_ports.JobQueue` that keeps what is sent, until it is told to refuse."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, float]] = []
        self.refuses = False

    def send(self, work: str, delay: float) -> None:
        """Keep it. Raises Unavailable."""
        if self.refuses:
            raise Unavailable
        self.sent.append((work, delay))


@dataclass(frozen=True)
class Shape:
    """What a world begins with. The first of the people made the conversation."""

    people: tuple[str, ...] = PEOPLE
    strangers: tuple[str, ...] = ()
    """People who are not in the conversation, and may have sockets."""
    roles: tuple[tuple[str, Role], ...] = ()
    is_open: bool = False
    sockets: tuple[str, ...] = PEOPLE
    """One socket each of these people, named like them; `bob2` would be another one of bob's."""
    listening: tuple[str, ...] = PEOPLE
    """The sockets of those that are subscribed."""


@dataclass
class World:
    """One conversation and who has to do with it, by short names: `alice` is a person, and a socket of hers."""

    stage: Stage
    shape: Shape
    tag: str
    conversation: str
    posts: list[Post] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    late: set[str] = field(default_factory=set)
    """Names of sockets that were opened after the world was made."""
    invites: list[str] = field(default_factory=list)
    """Secrets of invites that were made beforehand."""

    def person(self, name: str) -> str:
        """The participant id of somebody; it holds a character that separates parts of keys."""
        return f"{name}#{self.tag}"

    def connection(self, socket: str) -> str:
        """The connection id of a socket."""
        return f"{socket}-{self.tag}"

    def owner_of(self, socket: str) -> str:
        """Whose socket it is."""
        return self.person(socket.rstrip("0123456789"))

    @property
    def everybody(self) -> list[str]:
        """All people's names, strangers included."""
        return [*self.shape.people, *self.shape.strangers]

    @property
    def sockets(self) -> list[str]:
        """The names of all sockets."""
        return [*self.shape.sockets, *sorted(self.late)]

    def process(
        self,
        client: DynamoClient | None = None,
        *,
        skew: float = 0.0,
        clock: Clock | None = None,
        gather: Gather = run_sequential,
        lost: Collection[str] = (),
        timing: Timing | None = None,
        posted: Callable[[], None] = lambda: None,
        queue: JobQueue | None = None,
    ) -> Process:
        """An invocation on `client` (the engine itself without one), whose own clock is ahead by `skew`.

        `lost` are the names of sockets that are gone as far as it can tell.
        """
        poster = RecordingPoster(self.posts, {self.connection(each) for each in lost}, posted)
        settings = replace(self.stage.settings, timing=timing or self.stage.settings.timing)
        app = build(
            settings,
            dynamo_client=client or self.stage.engine,
            poster=poster,
            queue=queue,
            clock=clock or OwnClock(BEGIN + 10.0 + skew),
            gather=gather,
        )
        return Process(self, app)

    def crowd(self, until: float = BEGIN + 3600) -> None:
        """Let the conversation be one in which many send: until then (seconds) every message is queued."""
        self.stage.engine.update_item(
            TableName=self.stage.conversations_table,
            Key={"pk": {"S": f"C#{self.conversation}"}, "sk": {"S": "HEAD"}},
            UpdateExpression="SET #contended_until = :until",
            ExpressionAttributeNames={"#contended_until": "contended_until"},
            ExpressionAttributeValues={":until": {"N": str(int(until * 1000))}},
        )

    def events_posted(self, socket: str) -> list[int]:
        """The sequence ids of the events that were pushed to a socket, in the order of their arrival."""
        to = self.connection(socket)
        return [
            each.frame["event"]["sequence_id"]
            for each in self.posts
            if each.connection_id == to and each.frame["type"] == "event"
        ]

    def frames(self, socket: str, kind: str | None = None) -> list[Frame]:
        """What reached a socket: everything, or the frames of one type."""
        to = self.connection(socket)
        return [
            each.frame for each in self.posts if each.connection_id == to and kind in (None, each.frame["type"])
        ]

    @property
    def partitions(self) -> list[tuple[str, str]]:
        """The partitions that belong to the conversation as a whole, each with its table."""
        chat, live = self.stage.conversations_table, self.stage.connections_table
        where = self.conversation
        return [(chat, f"C#{where}"), (live, f"C#{where}"), (chat, f"Q#{where}")]

    def items(self) -> Items:
        """All that the store holds of this world, straight from the engine."""
        chat, live = self.stage.conversations_table, self.stage.connections_table
        engine, where = self.stage.engine, f"C#{self.conversation}"
        first_visit = int(BEGIN + MIN_RETENTION_DAYS * self.stage.settings.timing.retention_day)
        keys = [(chat, "RETENTION", f"{first_visit:012d}#{self.conversation}")]
        for person in map(self.person, self.everybody):
            keys += [(chat, f"U#{person}", where), (live, f"U#{person}", "RATE")]
            keys.append((chat, f"U#{person}", f"F#{self.conversation}"))
        for socket in self.sockets:
            connection_id = self.connection(socket)
            keys += [
                (live, f"X#{connection_id}", "CONNECTION"),
                (live, f"X#{connection_id}", f"S#{self.conversation}"),
                (live, f"U#{self.owner_of(socket)}", f"X#{connection_id}"),
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


class Process:
    """One invocation of the application, and what the edges do with it."""

    def __init__(self, world: World, app: Application) -> None:
        self.world = world
        self.app = app

    def caller(self, name: str) -> Principal:
        """Somebody as the authorizer names them."""
        return Principal(self.world.person(name), name.title())

    # ---- the socket ------------------------------------------------------------------------------------

    def connect(self, socket: str) -> None:
        """`$connect` with a good token."""
        owner = self.world.owner_of(socket)
        name = socket.rstrip("0123456789").title()
        self.app.sessions.connections.open(self.world.connection(socket), Identity(owner, name, TOKENS_EXPIRE))

    def says(self, socket: str, command: str, **fields: Any) -> list[Frame]:
        """`$default`: one frame of a socket; the answers to it, whether they reached it or not."""
        connection_id = self.world.connection(socket)
        if command in ("subscribe", "unsubscribe", "sync", "message", "read", "typing", *CHANGES):
            fields.setdefault("conversation_id", self.world.conversation)
        reply = self.app.sessions.dispatcher.receive(connection_id, json.dumps({"type": command, **fields}))
        with contextlib.suppress(Exception):  # as the edge does: what was acknowledged stands
            if reply.close_with is not None:
                self.app.realtime.fan_out.disconnect(connection_id, reply.close_with)
            answer = DirectReply(connection_id, reply.generation, reply.replies)
            self.app.realtime.fan_out.deliver(reply.pushes, within=5.0, reply=answer)
        return reply.replies

    def writes(self, socket: str, text: str, key: str) -> Frame:
        """A message over a socket; the one frame that answers it."""
        (answer,) = self.says(socket, "message", client_message_id=key, content=text)
        return answer

    def disconnect(self, socket: str) -> None:
        """`$disconnect`."""
        with contextlib.suppress(Exception):  # as the edge does: what is left behind expires
            self.app.realtime.fan_out.deliver(
                self.app.sessions.connections.close(self.world.connection(socket)), within=5.0
            )

    # ---- HTTP ------------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        people: Sequence[str] = (),
        *,
        roles: Mapping[str, Role] | None = None,
        join_policy: JoinPolicy = "invite",
    ) -> Any:
        """`POST /conversations`."""
        others = [
            requests.NewParticipant(
                participant_id=self.world.person(each), name=each.title(), role=(roles or {}).get(each, "member")
            )
            for each in people
        ]
        request = requests.CreateConversation(title="A title", participants=others, join_policy=join_policy)
        return self._answered(name, "create", self.app.conversations.lifecycle.create(self.caller(name), request))

    def sends(self, name: str, text: str, key: str | None = None) -> Any:
        """`POST …/messages`: the event."""
        request = requests.SendMessage(content=text, client_message_id=key)
        sent = self.app.messaging.sender.send(self.caller(name), self.world.conversation, request)
        outcome = Result(sent.event, self.app.messaging.sender.pushes(sent))
        return self._answered(name, "send", outcome)

    def join(self, name: str, invite: str | None = None) -> Any:
        """`POST …/join`."""
        outcome = self.app.conversations.members.join(self.caller(name), self.world.conversation, invite)
        return self._answered(name, "join", outcome)

    def leave(self, name: str) -> Any:
        """`POST …/leave`."""
        outcome = self.app.conversations.members.leave(self.caller(name), self.world.conversation)
        return self._answered(name, "leave", outcome)

    def add(self, name: str, whom: str, role: Role = "member") -> Any:
        """`POST …/participants`."""
        request = requests.NewParticipant(participant_id=self.world.person(whom), name=whom.title(), role=role)
        outcome = self.app.conversations.members.add(self.caller(name), self.world.conversation, request)
        return self._answered(name, "add", outcome)

    def remove(self, name: str, whom: str) -> Any:
        """`DELETE …/participants`."""
        outcome = self.app.conversations.members.remove(
            self.caller(name), self.world.conversation, self.world.person(whom)
        )
        return self._answered(name, "remove", Result(None, outcome.pushes))

    def set_role(self, name: str, whom: str, role: Role) -> Any:
        """`PATCH …/participants`."""
        return self._updates(name, whom, "set_role", role=role)

    def mute(self, name: str, whom: str, seconds: int = 3600) -> Any:
        """`PATCH …/participants`; no seconds is the end of a mute."""
        return self._updates(name, whom, "mute", muted_for=seconds)

    def _updates(self, name: str, whom: str, what: str, **changes: Any) -> Any:
        request = requests.UpdateParticipant(**changes)
        outcome = self.app.conversations.moderation.update(
            self.caller(name), self.world.conversation, self.world.person(whom), request
        )
        return self._answered(name, what, outcome)

    def ban(self, name: str, whom: str) -> Any:
        """`DELETE …/participants?ban=true`."""
        outcome = self.app.conversations.moderation.ban(
            self.caller(name), self.world.conversation, self.world.person(whom)
        )
        return self._answered(name, "ban", outcome)

    def unban(self, name: str, whom: str) -> Any:
        """`DELETE …/bans`."""
        outcome = self.app.conversations.moderation.unban(
            self.caller(name), self.world.conversation, self.world.person(whom)
        )
        return self._answered(name, "unban", outcome)

    def invite(self, name: str, **fields: Any) -> str:
        """`POST …/invites`: the secret."""
        request = requests.CreateInvite(**fields)
        made = self.app.conversations.invites.create(self.caller(name), self.world.conversation, request)
        return str(self._answered(name, "invite", made)["invite"])

    def revoke(self, name: str, which: str) -> Any:
        """`DELETE …/invites/{invite}`."""
        self.app.conversations.invites.revoke(self.caller(name), self.world.conversation, which)
        return self._answered(name, "revoke", None)

    def invites(self, name: str) -> Any:
        """`GET …/invites`."""
        answer = self.app.conversations.invites.list(
            self.caller(name), self.world.conversation, requests.PageQuery()
        )
        return self._answered(name, "invites", answer)["invites"]

    def bans(self, name: str) -> Any:
        """`GET …/bans`."""
        answer = self.app.conversations.moderation.bans(
            self.caller(name), self.world.conversation, requests.PageQuery()
        )
        return self._answered(name, "bans", answer)["bans"]

    def audit(self, name: str, **query: Any) -> Any:
        """`GET …/audit`."""
        asked = requests.AuditQuery(**query)
        return self._answered(
            name,
            "audit",
            self.app.conversations.moderation.audit(self.caller(name), self.world.conversation, asked),
        )

    def update(self, name: str, **changes: Any) -> Any:
        """`PATCH /conversations/{id}`."""
        request = requests.UpdateConversation(**changes)
        outcome = self.app.conversations.lifecycle.update(self.caller(name), self.world.conversation, request)
        return self._answered(name, "update", outcome)

    def delete(self, name: str) -> Any:
        """`DELETE /conversations/{id}`."""
        outcome = self.app.conversations.lifecycle.delete(self.caller(name), self.world.conversation)
        return self._answered(name, "delete", outcome)

    def read(self, name: str, sequence_id: int) -> Any:
        """`PUT …/read`."""
        outcome = self.app.conversations.history.read(self.caller(name), self.world.conversation, sequence_id)
        return self._answered(name, "read", outcome)

    def edit(self, name: str, target: int, text: str, **more: Any) -> Any:
        """`PATCH …/messages/{sequence_id}`: the message as it now is."""
        request = requests.EditMessage(content=text, **more)
        changed = self.app.messaging.updates.edit(self.caller(name), self.world.conversation, target, request)
        return self._answered(name, "edit", Result(changed.message, changed.pushes))

    def take_back(self, name: str, target: int) -> Any:
        """`DELETE …/messages/{sequence_id}`."""
        changed = self.app.messaging.updates.delete(self.caller(name), self.world.conversation, target)
        return self._answered(name, "take back", Result(None, changed.pushes))

    def react(self, name: str, target: int, emoji: str) -> Any:
        """`PUT …/reactions`."""
        changed = self.app.messaging.updates.react(self.caller(name), self.world.conversation, target, emoji)
        return self._answered(name, "react", Result(None, changed.pushes))

    def unreact(self, name: str, target: int, emoji: str) -> Any:
        """`DELETE …/reactions`."""
        changed = self.app.messaging.updates.unreact(self.caller(name), self.world.conversation, target, emoji)
        return self._answered(name, "unreact", Result(None, changed.pushes))

    def who_reacted(self, name: str, target: int, emoji: str | None = None) -> list[Any]:
        """`GET …/reactions`: all of them."""
        found: list[Any] = []
        query = requests.ReactionsQuery(emoji=emoji, limit="2")
        while True:
            page = self.app.conversations.history.reactions(
                self.caller(name), self.world.conversation, target, query
            )
            found += self._answered(name, "who reacted", page)["reactions"]
            if "next_cursor" not in page:
                return found
            query = requests.ReactionsQuery(emoji=emoji, limit="2", cursor=page["next_cursor"])

    def events(self, name: str, after: int = 0, limit: int = 100) -> Any:
        """`GET …/events`."""
        query = requests.EventsQuery(after=str(after), limit=str(limit))
        return self._answered(
            name,
            "events",
            self.app.conversations.history.events(self.caller(name), self.world.conversation, query),
        )

    def messages(self, name: str, *, before: int | None = None, after: int | None = None, limit: int = 100) -> Any:
        """`GET …/messages`."""
        bounds = {"before": before, "after": after, "limit": limit}
        query = requests.MessagesQuery(**{each: str(at) for each, at in bounds.items() if at is not None})
        return self._answered(
            name,
            "messages",
            self.app.conversations.history.messages(self.caller(name), self.world.conversation, query),
        )

    def view(self, name: str) -> Any:
        """`GET /conversations/{id}`."""
        view = self.app.conversations.views.view(self.world.conversation, self.caller(name), messages=True)
        return self._answered(name, "view", view)

    def listing(self, name: str) -> list[Any]:
        """`GET /conversations`: all of them."""
        query = requests.ConversationsQuery()
        answer = self.app.conversations.views.list(self.caller(name), query)
        listed = self._answered(name, "list", answer)["conversations"]
        assert isinstance(listed, list)
        return listed

    def _answered(self, name: str, what: str, result: Any) -> Any:
        """Carry out the pushes, as the edge does, and answer."""
        if isinstance(result, Result):
            with contextlib.suppress(Exception):  # as the edge does: what was done stands
                self.app.realtime.fan_out.deliver(result.pushes, within=1.0)
            result = result.response
        self.world.answers.append(Answered(self.world.person(name), what, result))
        return result


class Stage:
    """The two tables in an engine, and worlds on them."""

    def __init__(self, engine: DynamoClient, conversations_table: str, connections_table: str) -> None:
        self.engine = engine
        self.conversations_table = conversations_table
        self.connections_table = connections_table
        self.settings = Settings(
            conversations_table=conversations_table,
            connections_table=connections_table,
            management_endpoint="http://127.0.0.1/no-such-thing",
            region="us-east-1",
            identity=IdentitySettings(SECRET, None, None, None),
            limits=Limits(),
            timing=Timing(append_deadline=3 * QUANTUM),
            version="laws",
        )
        self.read_before: set[str] = set()
        """States of worlds that were found to be read rightly."""
        self._templates: dict[Shape, tuple[World, str]] = {}
        self._numbers = itertools.count(1)

    def with_limits(self, **limits: int) -> Stage:
        """The same tables under other limits."""
        other = Stage(self.engine, self.conversations_table, self.connections_table)
        other.settings = replace(self.settings, limits=replace(self.settings.limits, **limits))
        return other

    def world(self, shape: Shape | None = None) -> World:
        """A new world of this shape.

        The first of each shape is made by the application; this is a copy of it under other ids, in one write.
        """
        shape = shape or Shape()
        if shape not in self._templates:
            made = self._made(shape)
            self._templates[shape] = made, json.dumps([[at.table, item] for at, item in made.items().items()])
        template, items = self._templates[shape]
        tag = f"{next(self._numbers)}-{secrets.token_hex(4)}"
        world = World(self, shape, tag, f"conv_{secrets.token_urlsafe(16)}")
        copied = items.replace(template.conversation, world.conversation).replace(template.tag, tag)
        batch_write(self.engine, json.loads(copied))
        return world

    def _made(self, shape: Shape) -> World:
        """A world made through the front door."""
        world = World(self, shape, f"template-{secrets.token_hex(8)}", "")
        process = world.process(skew=-10.0)
        owner, *others = shape.people
        policy: JoinPolicy = "open" if shape.is_open else "invite"
        made = process.create(owner, others, roles=dict(shape.roles), join_policy=policy)
        world.conversation = made["conversation_id"]
        for socket in shape.sockets:
            process.connect(socket)
            process.says(socket, "subscribe" if socket in shape.listening else "ping")
        return world
