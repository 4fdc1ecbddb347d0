"""A conversation with members and sockets in the store, and processes of the application that use it.

`Tables` are the two tables. A `Harness` on them is one conversation with its own participants and sockets, so
harnesses are independent and nothing is ever reset. A `Process` is one invocation of the deployed application: the
application on a store client, a clock and a poster, called as the edge calls it. Its pushes and responses are
recorded in the harness, where the checker finds them.
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
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.kernel.ids import digest
from chalicelib.core.kernel.limits import MIN_RETENTION_DAYS, Limits, Timing
from chalicelib.core.model.actors import Principal, Role
from chalicelib.core.model.conversations import JoinPolicy
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.protocol import queries, requests
from chalicelib.core.protocol.frames import Frame
from chalicelib.core.realtime.outbox import DirectReply, Result
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings
from chalicelib.settings import Settings
from local.faults.client import DynamoClient
from tests.support.fakes import START_TIME, FakeClock, FakePoster, Post
from tests.support.items import Items, batch_write, items_with, read_keys, read_partition, stored_keys
from tests.support.sequential import run_sequential
from tests.support.unpacking import answers, unpacked

TOKEN_EXPIRY = int(START_TIME) + 3600
SECRET = "a secret of the law tests, 32 bytes and more"
QUANTUM = 0.25
"""The minimum duration of a sleep on a process's own clock; no pause of the application is longer."""
MEMBERS = ("alice", "bob", "carol")
UPDATE_COMMANDS = ("edit", "delete", "react", "unreact")
"""Commands that update a message."""


@dataclass(frozen=True)
class Response:
    """A successful HTTP response that reached its client."""

    participant_id: str
    request: str
    body: Any


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
            keys.append((chat, f"U#{person}", f"F#{self.conversation}"))
        for socket in self.sockets:
            connection_id = self.connection_id(socket)
            keys += [
                (live, f"X#{connection_id}", "CONNECTION"),
                (live, f"X#{connection_id}", f"S#{self.conversation}"),
                (live, f"X#{connection_id}", f"T#{self.conversation}"),
                (live, f"U#{self.owner_id(socket)}", f"X#{connection_id}"),
                (live, f"U#{self.owner_id(socket)}", f"O#{connection_id}"),
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
    """One invocation of the application, called as the edge calls it."""

    def __init__(self, harness: Harness, app: Application) -> None:
        self.harness = harness
        self.app = app

    def principal(self, name: str) -> Principal:
        """Return a participant as the authorizer identifies them."""
        shown = self.harness.display_names.get(name, name.title())
        return Principal(self.harness.participant_id(name), shown)

    # ---- socket ----------------------------------------------------------------------------------------

    def connect(self, socket: str) -> None:
        """`$connect` with a valid token."""
        owner = self.harness.owner_id(socket)
        name = socket.rstrip("0123456789").title()
        self.app.sessions.connections.open(self.harness.connection_id(socket), Identity(owner, name, TOKEN_EXPIRY))

    def send_frame(self, socket: str, command: str, **fields: Any) -> list[Frame]:
        """`$default`: handle one frame and return the replies, whether or not they could be posted."""
        return self.send_frame_at(None, socket, command, **fields)

    def send_frame_at(self, received_at: int | None, socket: str, command: str, **fields: Any) -> list[Frame]:
        """Handle a frame that the gateway received at this time (ms), by default that of the process's clock."""
        connection_id = self.harness.connection_id(socket)
        if command in ("subscribe", "unsubscribe", "sync", "message", "read", "typing", *UPDATE_COMMANDS):
            fields.setdefault("conversation_id", self.harness.conversation)
        frame = json.dumps({"type": command, **fields})
        reply = self.app.sessions.dispatcher.receive(connection_id, frame, received_at)
        with contextlib.suppress(Exception):  # as the edge does: an acknowledged message is committed
            if reply.close_with is not None:
                self.app.realtime.fan_out.disconnect(connection_id, reply.close_with)
            answer = DirectReply(connection_id, reply.generation, reply.replies)
            self.app.realtime.fan_out.deliver(reply.pushes, within=5.0, reply=answer)
        return reply.replies

    def send_message(self, socket: str, text: str, key: str, **fields: Any) -> Frame:
        """Send a message over a socket and return the reply."""
        (answer,) = self.send_frame(socket, "message", client_message_id=key, content=text, **fields)
        return answer

    def send_batch(self, socket: str, *commands: dict[str, Any]) -> list[Frame]:
        """Send a batch for the conversation over a socket and return the results, or its error."""
        listed = [{"conversation_id": self.harness.conversation, **command} for command in commands]
        (answer,) = self.send_frame(socket, "batch", commands=listed)
        return answers(answer)

    def disconnect(self, socket: str) -> None:
        """`$disconnect`."""
        with contextlib.suppress(Exception):  # as the edge does: rows that remain expire
            self.app.realtime.fan_out.deliver(
                self.app.sessions.connections.close(self.harness.connection_id(socket)), within=5.0
            )

    # ---- HTTP ------------------------------------------------------------------------------------------

    def create_conversation(
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
                participant_id=self.harness.participant_id(person),
                name=person.title(),
                role=(roles or {}).get(person, "member"),
            )
            for person in people
        ]
        request = requests.CreateConversation(title="A title", participants=others, join_policy=join_policy)
        return self._respond(
            name, "create", self.app.conversations.lifecycle.create(self.principal(name), request)
        )

    def post_message(self, name: str, text: str, key: str | None = None, **fields: Any) -> Any:
        """`POST …/messages`: return the event."""
        request = requests.SendMessage(content=text, client_message_id=key, **fields)
        sent = self.app.messaging.sender.send(self.principal(name), self.harness.conversation, request)
        outcome = Result(sent.event, self.app.messaging.sender.pushes(sent))
        return self._respond(name, "send", outcome)

    def post_batch(self, name: str, *commands: dict[str, Any]) -> list[Any]:
        """`POST /batch`: return the results."""
        listed = [{"conversation_id": self.harness.conversation, **command} for command in commands]
        request = requests.ExecuteBatch.model_validate({"commands": listed})
        executed = self.app.messaging.batches.execute(self.principal(name), request.entries)
        answered: list[Any] = self._respond(name, "batch", Result(executed.results, executed.pushes))
        return answered

    def join(self, name: str, invite: str | None = None) -> Any:
        """`POST …/join`."""
        outcome = self.app.conversations.members.join(self.principal(name), self.harness.conversation, invite)
        return self._respond(name, "join", outcome)

    def leave(self, name: str) -> Any:
        """`POST …/leave`."""
        outcome = self.app.conversations.members.leave(self.principal(name), self.harness.conversation)
        return self._respond(name, "leave", outcome)

    def add_participant(self, name: str, target: str, role: Role = "member") -> Any:
        """`POST …/participants`."""
        request = requests.NewParticipant(
            participant_id=self.harness.participant_id(target), name=target.title(), role=role
        )
        outcome = self.app.conversations.members.add(self.principal(name), self.harness.conversation, request)
        return self._respond(name, "add", outcome)

    def remove_participant(self, name: str, target: str) -> Any:
        """`DELETE …/participants`."""
        outcome = self.app.conversations.members.remove(
            self.principal(name), self.harness.conversation, self.harness.participant_id(target)
        )
        return self._respond(name, "remove", Result(None, outcome.pushes))

    def set_role(self, name: str, target: str, role: Role) -> Any:
        """`PATCH …/participants`."""
        return self._update_participant(name, target, "set_role", role=role)

    def mute(self, name: str, target: str, seconds: int = 3600) -> Any:
        """`PATCH …/participants`; zero seconds unmute."""
        return self._update_participant(name, target, "mute", muted_for=seconds)

    def _update_participant(self, name: str, target: str, what: str, **changes: Any) -> Any:
        request = requests.UpdateParticipant(**changes)
        outcome = self.app.conversations.moderation.update(
            self.principal(name), self.harness.conversation, self.harness.participant_id(target), request
        )
        return self._respond(name, what, outcome)

    def ban(self, name: str, target: str) -> Any:
        """`DELETE …/participants?ban=true`."""
        outcome = self.app.conversations.moderation.ban(
            self.principal(name), self.harness.conversation, self.harness.participant_id(target)
        )
        return self._respond(name, "ban", outcome)

    def unban(self, name: str, target: str) -> Any:
        """`DELETE …/bans`."""
        outcome = self.app.conversations.moderation.unban(
            self.principal(name), self.harness.conversation, self.harness.participant_id(target)
        )
        return self._respond(name, "unban", outcome)

    def create_invite(self, name: str, **fields: Any) -> str:
        """`POST …/invites`: return the secret."""
        request = requests.CreateInvite(**fields)
        made = self.app.conversations.invites.create(self.principal(name), self.harness.conversation, request)
        return str(self._respond(name, "invite", made)["invite"])

    def revoke_invite(self, name: str, which: str) -> Any:
        """`DELETE …/invites/{invite}`."""
        self.app.conversations.invites.revoke(self.principal(name), self.harness.conversation, which)
        return self._respond(name, "revoke", None)

    def list_invites(self, name: str) -> Any:
        """`GET …/invites`."""
        answer = self.app.conversations.invites.list(
            self.principal(name), self.harness.conversation, queries.PageQuery()
        )
        return self._respond(name, "invites", answer)["invites"]

    def list_bans(self, name: str) -> Any:
        """`GET …/bans`."""
        answer = self.app.conversations.moderation.bans(
            self.principal(name), self.harness.conversation, queries.PageQuery()
        )
        return self._respond(name, "bans", answer)["bans"]

    def list_audit(self, name: str, **query: Any) -> Any:
        """`GET …/audit`."""
        asked = queries.AuditQuery(**query)
        return self._respond(
            name,
            "audit",
            self.app.conversations.moderation.audit(self.principal(name), self.harness.conversation, asked),
        )

    def update_conversation(self, name: str, **changes: Any) -> Any:
        """`PATCH /conversations/{id}`."""
        request = requests.UpdateConversation(**changes)
        outcome = self.app.conversations.lifecycle.update(self.principal(name), self.harness.conversation, request)
        return self._respond(name, "update", outcome)

    def delete_conversation(self, name: str) -> Any:
        """`DELETE /conversations/{id}`."""
        outcome = self.app.conversations.lifecycle.delete(self.principal(name), self.harness.conversation)
        return self._respond(name, "delete", outcome)

    def mark_read(self, name: str, sequence_id: int) -> Any:
        """`PUT …/read`."""
        outcome = self.app.conversations.history.read(self.principal(name), self.harness.conversation, sequence_id)
        return self._respond(name, "read", outcome)

    def edit_message(self, name: str, target: int, text: str, **more: Any) -> Any:
        """`PATCH …/messages/{sequence_id}`: return the current message."""
        request = requests.EditMessage(content=text, **more)
        changed = self.app.messaging.updates.edit(self.principal(name), self.harness.conversation, target, request)
        return self._respond(name, "edit", Result(changed.message, changed.pushes))

    def delete_message(self, name: str, target: int) -> Any:
        """`DELETE …/messages/{sequence_id}`."""
        changed = self.app.messaging.updates.delete(self.principal(name), self.harness.conversation, target)
        return self._respond(name, "take back", Result(None, changed.pushes))

    def add_reaction(self, name: str, target: int, emoji: str) -> Any:
        """`PUT …/reactions`."""
        changed = self.app.messaging.reactions.add(self.principal(name), self.harness.conversation, target, emoji)
        return self._respond(name, "react", Result(None, changed.pushes))

    def remove_reaction(self, name: str, target: int, emoji: str) -> Any:
        """`DELETE …/reactions`."""
        changed = self.app.messaging.reactions.remove(
            self.principal(name), self.harness.conversation, target, emoji
        )
        return self._respond(name, "unreact", Result(None, changed.pushes))

    def remove_reaction_of(self, name: str, whose: str, target: int, emoji: str) -> Any:
        """`DELETE …/reactions?participant_id=…`."""
        changed = self.app.messaging.reactions.remove_of_participant(
            self.principal(name), self.harness.conversation, target, emoji, self.harness.participant_id(whose)
        )
        return self._respond(name, "unreact", Result(None, changed.pushes))

    def list_reactions(self, name: str, target: int, emoji: str | None = None) -> list[Any]:
        """`GET …/reactions`: return all pages."""
        found: list[Any] = []
        query = queries.ReactionsQuery(emoji=emoji, limit="2")
        while True:
            page = self.app.conversations.history.reactions(
                self.principal(name), self.harness.conversation, target, query
            )
            found += self._respond(name, "who reacted", page)["reactions"]
            if "next_cursor" not in page:
                return found
            query = queries.ReactionsQuery(emoji=emoji, limit="2", cursor=page["next_cursor"])

    def list_events(self, name: str, after: int = 0, limit: int = 100) -> Any:
        """`GET …/events`."""
        query = queries.EventsQuery(after=str(after), limit=str(limit))
        return self._respond(
            name,
            "events",
            self.app.conversations.history.events(self.principal(name), self.harness.conversation, query),
        )

    def list_messages(
        self, name: str, *, before: int | None = None, after: int | None = None, limit: int = 100
    ) -> Any:
        """`GET …/messages`."""
        bounds = {"before": before, "after": after, "limit": limit}
        query = queries.MessagesQuery(**{bound: str(at) for bound, at in bounds.items() if at is not None})
        return self._respond(
            name,
            "messages",
            self.app.conversations.history.messages(self.principal(name), self.harness.conversation, query),
        )

    def get_conversation(self, name: str) -> Any:
        """`GET /conversations/{id}`."""
        view = self.app.conversations.views.view(self.harness.conversation, self.principal(name), messages=True)
        return self._respond(name, "view", view)

    def list_conversations(self, name: str) -> list[Any]:
        """`GET /conversations`: return the first page."""
        query = queries.ConversationsQuery()
        answer = self.app.conversations.views.list(self.principal(name), query)
        listed = self._respond(name, "list", answer)["conversations"]
        assert isinstance(listed, list)
        return listed

    def _respond(self, name: str, what: str, result: Any) -> Any:
        """Deliver the pushes, as the edge does, and record the response."""
        if isinstance(result, Result):
            with contextlib.suppress(Exception):  # as the edge does: the request was committed
                self.app.realtime.fan_out.deliver(result.pushes, within=1.0)
            result = result.response
        self.harness.responses.append(Response(self.harness.participant_id(name), what, result))
        return result


class Tables:
    """The two tables in an engine, and harnesses on them."""

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
            history_id=HistoryId(0, conversations_table),
        )
        self.verified_states: set[str] = set()
        """States whose reads have been checked."""
        self._templates: dict[Setup, tuple[Harness, str]] = {}
        self._numbers = itertools.count(1)

    def with_limits(self, **limits: int) -> Tables:
        """Return the same tables with other limits."""
        other = Tables(self.engine, self.conversations_table, self.connections_table)
        other.settings = replace(self.settings, limits=replace(self.settings.limits, **limits))
        return other

    def stored_keys(self) -> list[str]:
        """Return the keys of all items of the conversations' table, of an engine in memory."""
        return stored_keys(self.engine, self.conversations_table)

    def items_with(self, *texts: str) -> list[str]:
        """Return the items that contain one of these texts in any attribute or key, as JSON; in memory only."""
        return items_with(self.engine, (self.conversations_table, self.connections_table), *texts)

    def harness(self, shape: Setup | None = None) -> Harness:
        """Return a new conversation with this setup.

        The application creates the first one of each setup; this is a copy under other ids, in one write.
        """
        shape = shape or Setup()
        if shape not in self._templates:
            made = self._create(shape)
            self._templates[shape] = made, json.dumps([[at.table, item] for at, item in made.items().items()])
        template, items = self._templates[shape]
        tag = f"{next(self._numbers)}-{secrets.token_hex(4)}"
        harness = Harness(self, shape, tag, f"conv_{secrets.token_urlsafe(16)}")
        copied = items.replace(template.conversation, harness.conversation).replace(template.tag, tag)
        batch_write(self.engine, json.loads(copied))
        return harness

    def _create(self, shape: Setup) -> Harness:
        """Create a conversation through the application."""
        harness = Harness(self, shape, f"template-{secrets.token_hex(8)}", "")
        process = harness.process(skew=-10.0)
        owner, *others = shape.members
        policy: JoinPolicy = "open" if shape.is_open else "invite"
        made = process.create_conversation(owner, others, roles=dict(shape.roles), join_policy=policy)
        harness.conversation = made["conversation_id"]
        for socket in shape.sockets:
            process.connect(socket)
            process.send_frame(socket, "subscribe" if socket in shape.subscribed else "ping")
        return harness
