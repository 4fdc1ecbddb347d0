"""Sockets: opened, heard, subscribed, closed.

Commands of one socket may be handled at the same time and in any order, and `$disconnect` may come late, twice
or never (L8). So each command looks at the socket's row for itself, and nothing is expected of an earlier one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.identity.model import Identity

from . import commands, frames, json_text, muting
from .changing import Changing
from .clock import Clock, milliseconds, rfc3339
from .conversations import Conversations
from .errors import ChatError, Forbidden, Internal, NotFound, TokenExpired, Unauthorized, Unavailable
from .frames import MAX_PARTICIPANTS_IN_A_FRAME, Frame
from .ids import is_conversation_id
from .limits import Limits, Timing
from .log import Log, Page, fitting
from .model import Caller, Head, Membership, Person, Socket, State, Subscription
from .ports import ConnectionStore, ConversationStore, Gather, Observer
from .presence import Presence
from .pushes import Push, ToSubscribers
from .reading import Reading
from .sending import Sender

MAX_MESSAGE_BYTES = 128 * 1024
"""What API Gateway posts to a socket at the most (quotas for WebSocket APIs)."""
PARTICIPANTS_BYTES = 48 * 1024
"""Of that, what a list of participants may take; it is cut, and says so, before the events are."""
ENVELOPE_BYTES = 4 * 1024
NEWEST_EVENTS = 50
MAX_SYNC_EVENTS = 100
_SUBSCRIBED_AT_ONCE = 8
_SUBSCRIBE_ATTEMPTS = 4


@dataclass(slots=True)
class Reply:
    """What one frame of a socket brings about."""

    generation: int = 0
    """The socket's, 0 if it is not known."""
    answers: list[Frame] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)
    hang_up: Frame | None = None
    """Close the socket with these last words."""
    failure: Exception | None = None
    """What our log should know about an answer that blames us."""
    back: list[tuple[Subscription, Person]] = field(default_factory=list)
    """What a socket that was taken for gone hears again, and as whom."""


class Sockets:
    """What can be done over a socket."""

    def __init__(
        self,
        conversations_store: ConversationStore,
        connections: ConnectionStore,
        conversations: Conversations,
        reading: Reading,
        sender: Sender,
        changing: Changing,
        log: Log,
        presence: Presence,
        verify: Callable[[str], Identity],
        clock: Clock,
        gather: Gather,
        observer: Observer,
        limits: Limits,
        timing: Timing,
    ) -> None:
        self._store = conversations_store
        self._connections = connections
        self._conversations = conversations
        self._reading = reading
        self._sender = sender
        self._changing = changing
        self._log = log
        self._presence = presence
        self._verify = verify
        self._clock = clock
        self._gather = gather
        self._observer = observer
        self._limits = limits
        self._timing = timing

    # ---- coming and going ------------------------------------------------------------------------------

    def open(self, connection_id: str, identity: Identity) -> None:
        """Keep whose socket it is. Nothing can be posted to it before its first frame is handled."""
        now = milliseconds(self._clock)
        self._connections.open(
            Socket(
                connection_id,
                identity.participant_id,
                identity.name,
                identity.expires_at,
                connected_at=now,
                last_seen=now,
            )
        )

    def close(self, connection_id: str) -> list[Push]:
        """Forget a socket; again and again, if need be."""
        _, ended = self._connections.close(connection_id)
        return self._presence.went(ended)

    def receive(self, connection_id: str, frame: str) -> Reply:
        """Handle one frame. Does not raise: every failure is an answer, and some are for our log as well."""
        command, echo = commands.parse_command(frame, self._limits)
        reply = Reply()
        try:
            self._receive(connection_id, command, reply)
        except ChatError as problem:
            self._failed(reply, problem, problem, echo)
        except Exception as defect:  # noqa: BLE001 — a defect of ours must not cost the client its answer
            self._failed(reply, Internal(), defect, echo)
        self._tell_who_is_back(reply)
        if "id" in echo:
            for answer in reply.answers:
                answer["id"] = echo["id"]
        return reply

    def _failed(self, reply: Reply, problem: ChatError, cause: Exception, echo: dict[str, str]) -> None:
        """Answer with `problem`, unless an answer stands: what failed then came after what was asked for."""
        if not reply.answers:
            reply.answers.append(frames.error(problem, echo))
            reply.failure = cause if problem.status >= 500 else None
        else:
            reply.failure = cause

    def _tell_who_is_back(self, reply: Reply) -> None:
        """Last of all: while a command waits somebody may take the socket for gone once more."""
        try:
            for subscription, person in reply.back:
                reply.pushes += self._presence.came(subscription, person)
        except ChatError as problem:
            reply.failure = reply.failure or problem

    def _receive(self, connection_id: str, command: commands.Command | ChatError, reply: Reply) -> None:
        looks: list[Callable[[], Any]] = [lambda: self._connections.socket(connection_id)]
        if isinstance(command, commands.Appending) and is_conversation_id(command.conversation_id):
            # The head is wanted for nearly every append and tells nobody anything: it is read beside the socket.
            looks.append(functools.partial(self._store.head, command.conversation_id))
        socket, *heads = self._gather(*looks)
        head: Head | None = heads[0] if heads else None
        if socket is None:
            reply.hang_up = frames.disconnect("UNAUTHORIZED", "This socket is not known any more.", reconnect=True)
            return
        self._observer.about(participant_id=socket.participant_id)
        now = self._clock.now()
        if now > socket.token_expires_at + self._timing.expired_token_grace:
            reply.hang_up = frames.disconnect("TOKEN_EXPIRED", TokenExpired.default_message, reconnect=True)
            return
        heard = self._hear(socket, reply)

        def handle() -> None:
            if isinstance(command, ChatError):
                raise command
            if now > socket.token_expires_at and not isinstance(command, commands.Auth):
                raise TokenExpired
            self._handle(command, heard, head, reply)

        if heard.last_seen - socket.last_seen > 250 * self._timing.ping_interval:
            self._gather(handle, lambda: self._connections.touch(heard, heard.last_seen))
        else:
            handle()

    def _hear(self, socket: Socket, reply: Reply) -> Socket:
        """The socket as one that speaks: for the first time, or although it was taken for gone.

        In the latter case it hears again all that it had subscribed to.
        """
        heard = replace(
            socket,
            last_seen=milliseconds(self._clock),
            reachable=True,
            gone=False,
            generation=socket.generation + socket.gone,
        )
        if socket.gone and not self._connections.revive(heard.connection_id, heard.generation):
            # Another frame was quicker: which generation there is now nobody here knows.
            return replace(heard, generation=socket.generation)
        reply.generation = max(reply.generation, heard.generation)
        if socket.reachable and not socket.gone:
            return heard
        if socket.gone:
            # It counts as gone until all of this is done: if we die in between, its next frame begins again.
            for each in self._connections.remembered(heard.connection_id):
                again = replace(each, generation=heard.generation)
                member = self._store.membership(each.conversation_id, heard.participant_id)
                if member is not None and self._subscribe(again, reviving=True):
                    person = Caller(heard.participant_id, heard.name).acting(member)
                    reply.back.append((again, person))
        self._log.insist(lambda: self._connections.make_reachable(heard, generation=heard.generation))
        return heard

    # ---- commands --------------------------------------------------------------------------------------

    def _handle(self, command: commands.Command, socket: Socket, head: Head | None, reply: Reply) -> None:
        caller = Caller(socket.participant_id, socket.name)
        where: str | None = getattr(command, "conversation_id", None)
        if where is not None and is_conversation_id(where):
            self._observer.about(conversation_id=where)
        match command:
            case commands.Message():
                self._message(command, caller, head, reply)
            case commands.Edit() | commands.Delete() | commands.React() | commands.Unreact():
                self._change(command, caller, head, reply)
            case commands.Hello():
                self._hello(command, socket, caller, reply)
            case commands.Subscribe(conversation_id=where, after=after):
                answer, pushes = self._subscribed(socket, caller, where, after, reply)
                reply.answers.append(answer)
                reply.pushes += pushes
            case commands.Unsubscribe(conversation_id=where):
                self._unsubscribe(socket, where, reply)
            case commands.Sync(conversation_id=where, after=after):
                reply.answers.append({"type": "sync", **self._sync(caller, where, after)})
            case commands.Read(conversation_id=where, sequence_id=sequence_id):
                outcome = self._reading.read(caller, where, sequence_id, connection_id=socket.connection_id)
                reply.answers.append({"type": "ack", "conversation_id": where, **outcome.answer})
                reply.pushes += outcome.pushes
            case commands.Typing(conversation_id=where, is_typing=is_typing):
                reply.pushes += self._typing(caller, where, is_typing)
            case commands.Ping(heads=heads):
                reply.answers.append(self._pong(caller, heads))
            case commands.Auth(token=token):
                reply.answers.append(self._auth(socket, token))

    def _message(self, command: commands.Message, caller: Caller, head: Head | None, reply: Reply) -> None:
        sent = self._sender.send(caller, command.conversation_id, command, head)
        reply.answers.append(
            {
                "type": "message_ack",
                "conversation_id": command.conversation_id,
                "client_message_id": command.client_message_id,
                "message_id": sent.event["message_id"],
                "sequence_id": sent.event["sequence_id"],
                "created_at": sent.event["created_at"],
                "duplicate": sent.duplicate,
            }
        )
        reply.pushes += self._sender.pushes(sent)

    def _change(
        self,
        command: commands.Edit | commands.Delete | commands.React | commands.Unreact,
        caller: Caller,
        head: Head | None,
        reply: Reply,
    ) -> None:
        where, target = command.conversation_id, command.target
        match command:
            case commands.Edit():
                changed = self._changing.edit(caller, where, target, command, head)
            case commands.Delete():
                changed = self._changing.delete(caller, where, target, head)
            case commands.React(emoji=emoji):
                changed = self._changing.react(caller, where, target, emoji, head)
            case commands.Unreact(emoji=emoji):
                changed = self._changing.unreact(caller, where, target, emoji, head)
        reply.answers.append({"type": "ack", "conversation_id": where, "sequence_id": changed.sequence_id})
        reply.pushes += changed.pushes

    def _hello(self, command: commands.Hello, socket: Socket, caller: Caller, reply: Reply) -> None:
        me = Person(caller.participant_id, caller.name or caller.participant_id[:100], "human")
        reply.answers.append(
            frames.welcome(socket, me, ping_interval=self._timing.ping_interval, limits=self._limits.public())
        )
        for start in range(0, len(command.subscribe), _SUBSCRIBED_AT_ONCE):
            some = command.subscribe[start : start + _SUBSCRIBED_AT_ONCE]
            for answer, pushes in self._gather(*(self._wanted(socket, caller, each, reply) for each in some)):
                reply.answers.append(answer)
                reply.pushes += pushes

    def _wanted(
        self, socket: Socket, caller: Caller, wanted: commands.SubscribeTo, reply: Reply
    ) -> Callable[[], tuple[Frame, list[Push]]]:
        def subscribe() -> tuple[Frame, list[Push]]:
            try:
                return self._subscribed(socket, caller, wanted.conversation_id, wanted.after, reply)
            except ChatError as problem:
                return frames.error(problem, commands.echo({"conversation_id": wanted.conversation_id})), []

        return subscribe

    def _subscribed(
        self, socket: Socket, caller: Caller, where: str, after: int | None, reply: Reply
    ) -> tuple[Frame, list[Push]]:
        for _ in range(_SUBSCRIBE_ATTEMPTS):
            member = self._conversations.member(where, caller)
            subscription = Subscription(
                where,
                socket.connection_id,
                caller.participant_id,
                member.epoch,
                socket.generation,
                socket.token_expires_at,
                since=milliseconds(self._clock),
            )
            if self._subscribe(subscription):
                break
            # Since this frame was read, somebody took the socket for gone, or another frame brought it back.
            fresh = self._connections.socket(socket.connection_id)
            if fresh is None:
                raise Unauthorized("This socket is closed.")
            socket = self._hear(fresh, reply)
        else:
            raise Unavailable(retry_after=1)
        try:
            answer = self._snapshot(caller, where, after)
        except NotFound:
            self._end(socket, where)
            raise
        return {"type": "subscribed", **answer}, self._presence.came(subscription, caller.acting(member))

    def _subscribe(self, subscription: Subscription, *, reviving: bool = False) -> bool:
        return self._log.insist(lambda: self._connections.subscribe(subscription, reviving=reviving))

    def _end(self, socket: Socket, where: str) -> None:
        self._log.insist(lambda: self._connections.unsubscribe(socket.connection_id, where))

    def _unsubscribe(self, socket: Socket, where: str, reply: Reply) -> None:
        if not is_conversation_id(where):
            raise NotFound
        mine = [
            each for each in self._connections.remembered(socket.connection_id) if each.conversation_id == where
        ]
        self._end(socket, where)
        reply.answers.append({"type": "unsubscribed", "conversation_id": where})
        reply.pushes += self._presence.went(mine)

    def _snapshot(self, caller: Caller, where: str, after: int | None) -> dict[str, Any]:
        """What a new subscriber starts from: read after the subscription stands, so that nothing falls between."""
        head = self._log.live(where)
        page, participants = self._gather(
            lambda: (
                self._log.newest(head, NEWEST_EVENTS)
                if after is None
                else self._log.after(head, after, MAX_SYNC_EVENTS)
            ),
            lambda: self._conversations.participants(head),
        )
        self._conversations.member(where, caller)
        answer = self._framed(where, page, participants, newest=after is None)
        first = answer["events"][0]["sequence_id"] if answer["events"] else None
        answer["from"] = first or min(head.sequence_id if after is None else after, head.sequence_id) + 1
        return answer

    def _sync(self, caller: Caller, where: str, after: int) -> dict[str, Any]:
        head, _ = self._conversations.enter(where, caller)
        page, participants = self._gather(
            lambda: self._log.after(head, after, MAX_SYNC_EVENTS),
            lambda: self._conversations.participants(head),
        )
        self._conversations.member(where, caller)
        return self._framed(where, page, participants, newest=False)

    def _framed(
        self, where: str, page: Page, participants: list[frames.Participant], *, newest: bool
    ) -> dict[str, Any]:
        """A page of the log as a frame within API Gateway's limit: paged, never truncated, never failed."""
        events = [frames.framed(each) for each in page.events]
        # One event always gets through, so that there is an end to asking for more; the participants yield.
        first = max((json_text.size(each) for each in (events[-1:] if newest else events[:1])), default=0)
        room = min(PARTICIPANTS_BYTES, MAX_MESSAGE_BYTES - ENVELOPE_BYTES - first)
        shown = fitting(participants[:MAX_PARTICIPANTS_IN_A_FRAME], room)
        events = fitting(events, MAX_MESSAGE_BYTES - ENVELOPE_BYTES - json_text.size(shown), newest=newest)
        answer: dict[str, Any] = {
            "conversation_id": where,
            "head": page.head,
            "participants": shown,
            "events": events,
            "has_more": page.has_more or len(events) < len(page.events),
        }
        if len(shown) < len(participants):
            answer["participants_more"] = True
        return answer

    def _typing(self, caller: Caller, where: str, is_typing: bool) -> list[Push]:
        head, member = self._conversations.enter(where, caller)
        now, every = milliseconds(self._clock), int(self._timing.typing_every * 1000)
        muting.check(member, now)
        if head.participants > self._limits.typing_participants:
            return []
        me = caller.participant_id
        due = (
            self._connections.begin_typing(where, me, now, every=every)
            if is_typing
            else self._connections.end_typing(where, me)
        )
        frame = frames.typing_push(where, caller.acting(member), is_typing)
        return [ToSubscribers(where, frame, head.gone, not_to_participant=me)] if due else []

    def _pong(self, caller: Caller, asked: dict[str, int] | None) -> Frame:
        pong: Frame = {"type": "pong", "server_time": rfc3339(milliseconds(self._clock))}
        if asked is not None:
            wanted = [each for each in asked if is_conversation_id(each)]
            heads: dict[str, Head] = self._store.heads(wanted) if wanted else {}
            mine: dict[str, Membership] = (
                self._store.memberships(list(heads), caller.participant_id) if heads else {}
            )
            pong["heads"] = {
                each: head.sequence_id for each, head in heads.items() if each in mine and head.state is State.LIVE
            }
        return pong

    def _auth(self, socket: Socket, token: str) -> Frame:
        identity = self._verify(token)
        if identity.participant_id != socket.participant_id:
            raise Forbidden("The token is of another participant; open another socket for them.")
        if not self._connections.renew(socket, identity.expires_at, identity.name):
            raise Unauthorized("This socket is closed.")
        return {"type": "auth_ok", "expires_at": rfc3339(identity.expires_at * 1000)}
