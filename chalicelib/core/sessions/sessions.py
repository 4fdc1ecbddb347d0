"""Sockets: opened, heard, subscribed, closed.

Commands of one socket may be handled at the same time and in any order, and `$disconnect` may come late, twice
or never (L8). So each command looks at the socket's row for itself, and nothing is expected of an earlier one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.conversations import Conversations
from chalicelib.core.conversations.history import History
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.clock import Clock, milliseconds, rfc3339
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import (
    ChatError,
    Forbidden,
    Internal,
    NotFound,
    TokenExpired,
    Unauthorized,
    Unavailable,
)
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.kernel.metrics import Observer
from chalicelib.core.log.log import Log, Page, take_within_budget
from chalicelib.core.messaging.message_updates import MessageUpdates
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.connections import Connection, Subscription
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.protocol import commands, frames
from chalicelib.core.protocol.frames import MAX_PARTICIPANTS_IN_A_FRAME, Frame
from chalicelib.core.realtime.outbox import Push, ToSubscribers
from chalicelib.core.realtime.presence import Presence
from chalicelib.identity.model import Identity

MAX_MESSAGE_BYTES = 128 * 1024
"""What API Gateway posts to a socket at the most (quotas for WebSocket APIs)."""
PARTICIPANTS_BYTES = 48 * 1024
"""Of that, what a list of participants may take; it is cut, and says so, before the events are."""
ENVELOPE_BYTES = 4 * 1024
LATEST_EVENTS = 50
MAX_SYNC_EVENTS = 100
_SUBSCRIBE_CONCURRENCY = 8
_SUBSCRIBE_ATTEMPTS = 4


@dataclass(slots=True)
class FrameResult:
    """What one frame of a socket brings about."""

    generation: int = 0
    """The socket's, 0 if it is not known."""
    replies: list[Frame] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)
    close_with: Frame | None = None
    """Close the socket with these last words."""
    failure: Exception | None = None
    """What our log should know about an answer that blames us."""
    revived: list[tuple[Subscription, Actor]] = field(default_factory=list)
    """What a socket that was taken for gone hears again, and as whom."""


class Sessions:
    """What can be done over a socket."""

    def __init__(
        self,
        conversations_store: ConversationStore,
        connections: ConnectionStore,
        conversations: Conversations,
        reading: History,
        sender: Sender,
        changing: MessageUpdates,
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
            Connection(
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
        return self._presence.on_unsubscribed(ended)

    def receive(self, connection_id: str, frame: str) -> FrameResult:
        """Handle one frame. Does not raise: every failure is an answer, and some are for our log as well."""
        command, echo = commands.parse_command(frame, self._limits)
        reply = FrameResult()
        try:
            self._receive(connection_id, command, reply)
        except ChatError as problem:
            self._record_failure(reply, problem, problem, echo)
        except Exception as defect:  # noqa: BLE001 — a defect of ours must not cost the client its answer
            self._record_failure(reply, Internal(), defect, echo)
        self._announce_revived(reply)
        if "id" in echo:
            for answer in reply.replies:
                answer["id"] = echo["id"]
        return reply

    def _record_failure(
        self, reply: FrameResult, problem: ChatError, cause: Exception, echo: dict[str, str]
    ) -> None:
        """Answer with `problem`, unless an answer stands: what failed then came after what was asked for."""
        if not reply.replies:
            reply.replies.append(frames.error(problem, echo))
            reply.failure = cause if problem.status >= 500 else None
        else:
            reply.failure = cause

    def _announce_revived(self, reply: FrameResult) -> None:
        """Last of all: while a command waits somebody may take the socket for gone once more."""
        try:
            for subscription, person in reply.revived:
                reply.pushes += self._presence.on_subscribed(subscription, person)
        except ChatError as problem:
            reply.failure = reply.failure or problem

    def _receive(self, connection_id: str, command: commands.Command | ChatError, reply: FrameResult) -> None:
        looks: list[Callable[[], Any]] = [lambda: self._connections.get(connection_id)]
        if isinstance(command, commands.AppendCommand) and is_conversation_id(command.conversation_id):
            # The head is wanted for nearly every append and tells nobody anything: it is read beside the socket.
            looks.append(functools.partial(self._store.head, command.conversation_id))
        socket, *heads = self._gather(*looks)
        head: Head | None = heads[0] if heads else None
        if socket is None:
            reply.close_with = frames.disconnect(
                "UNAUTHORIZED", "This socket is not known any more.", reconnect=True
            )
            return
        self._observer.bind(participant_id=socket.participant_id)
        now = self._clock.now()
        if now > socket.token_expires_at + self._timing.expired_token_grace:
            reply.close_with = frames.disconnect("TOKEN_EXPIRED", TokenExpired.default_message, reconnect=True)
            return
        heard = self._mark_alive(socket, reply)

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

    def _mark_alive(self, socket: Connection, reply: FrameResult) -> Connection:
        """The socket as one that speaks: for the first time, or although it was taken for gone.

        In the latter case it hears again all that it had subscribed to.
        """
        heard = replace(
            socket,
            last_seen=milliseconds(self._clock),
            is_active=True,
            is_stale=False,
            generation=socket.generation + socket.is_stale,
        )
        if socket.is_stale and not self._connections.revive(heard.connection_id, heard.generation):
            # Another frame was quicker: which generation there is now nobody here knows.
            return replace(heard, generation=socket.generation)
        reply.generation = max(reply.generation, heard.generation)
        if socket.is_active and not socket.is_stale:
            return heard
        if socket.is_stale:
            # It counts as gone until all of this is done: if we die in between, its next frame begins again.
            for each in self._connections.subscriptions_of_connection(heard.connection_id):
                again = replace(each, generation=heard.generation)
                member = self._store.membership(each.conversation_id, heard.participant_id)
                if member is not None and self._subscribe(again, reviving=True):
                    person = Principal(heard.participant_id, heard.name).as_actor(member)
                    reply.revived.append((again, person))
        self._log.retry_on_conflict(lambda: self._connections.activate(heard, generation=heard.generation))
        return heard

    # ---- commands --------------------------------------------------------------------------------------

    def _handle(
        self, command: commands.Command, socket: Connection, head: Head | None, reply: FrameResult
    ) -> None:
        caller = Principal(socket.participant_id, socket.name)
        where: str | None = getattr(command, "conversation_id", None)
        if where is not None and is_conversation_id(where):
            self._observer.bind(conversation_id=where)
        match command:
            case commands.Message():
                self._message(command, caller, head, reply)
            case commands.Edit() | commands.Delete() | commands.React() | commands.Unreact():
                self._change(command, caller, head, reply)
            case commands.Hello():
                self._hello(command, socket, caller, reply)
            case commands.Subscribe(conversation_id=where, after=after):
                answer, pushes = self._open_subscription(socket, caller, where, after, reply)
                reply.replies.append(answer)
                reply.pushes += pushes
            case commands.Unsubscribe(conversation_id=where):
                self._unsubscribe(socket, where, reply)
            case commands.Sync(conversation_id=where, after=after):
                reply.replies.append({"type": "sync", **self._sync(caller, where, after)})
            case commands.Read(conversation_id=where, sequence_id=sequence_id):
                outcome = self._reading.read(caller, where, sequence_id, connection_id=socket.connection_id)
                reply.replies.append({"type": "read_ack", "conversation_id": where, **outcome.response})
                reply.pushes += outcome.pushes
            case commands.Typing(conversation_id=where, is_typing=is_typing):
                reply.pushes += self._typing(caller, where, is_typing)
            case commands.Ping(heads=heads):
                reply.replies.append(self._pong(caller, heads))
            case commands.Auth(token=token):
                reply.replies.append(self._auth(socket, token))

    def _message(
        self, command: commands.Message, caller: Principal, head: Head | None, reply: FrameResult
    ) -> None:
        sent = self._sender.send(caller, command.conversation_id, command, head)
        reply.replies.append(
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
        caller: Principal,
        head: Head | None,
        reply: FrameResult,
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
        reply.replies.append({"type": "ack", "conversation_id": where, "sequence_id": changed.sequence_id})
        reply.pushes += changed.pushes

    def _hello(self, command: commands.Hello, socket: Connection, caller: Principal, reply: FrameResult) -> None:
        me = caller.as_actor()
        reply.replies.append(
            frames.welcome(socket, me, ping_interval=self._timing.ping_interval, limits=self._limits.public())
        )
        for start in range(0, len(command.subscribe), _SUBSCRIBE_CONCURRENCY):
            some = command.subscribe[start : start + _SUBSCRIBE_CONCURRENCY]
            for answer, pushes in self._gather(
                *(self._subscribe_one(socket, caller, each, reply) for each in some)
            ):
                reply.replies.append(answer)
                reply.pushes += pushes

    def _subscribe_one(
        self, socket: Connection, caller: Principal, wanted: commands.SubscribeTo, reply: FrameResult
    ) -> Callable[[], tuple[Frame, list[Push]]]:
        def subscribe() -> tuple[Frame, list[Push]]:
            try:
                return self._open_subscription(socket, caller, wanted.conversation_id, wanted.after, reply)
            except ChatError as problem:
                return frames.error(
                    problem, commands.correlation_fields({"conversation_id": wanted.conversation_id})
                ), []

        return subscribe

    def _open_subscription(
        self, socket: Connection, caller: Principal, where: str, after: int | None, reply: FrameResult
    ) -> tuple[Frame, list[Push]]:
        for _ in range(_SUBSCRIBE_ATTEMPTS):
            member = self._conversations.require_member(where, caller)
            subscription = Subscription(
                where,
                socket.connection_id,
                caller.participant_id,
                member.epoch,
                socket.generation,
                socket.token_expires_at,
                subscribed_at=milliseconds(self._clock),
            )
            if self._subscribe(subscription):
                break
            # Since this frame was read, somebody took the socket for gone, or another frame brought it back.
            fresh = self._connections.get(socket.connection_id)
            if fresh is None:
                raise Unauthorized("This socket is closed.")
            socket = self._mark_alive(fresh, reply)
        else:
            raise Unavailable(retry_after=1)
        try:
            answer = self._snapshot(caller, where, after)
        except NotFound:
            self._close_subscription(socket, where)
            raise
        return {"type": "subscribed", **answer}, self._presence.on_subscribed(
            subscription, caller.as_actor(member)
        )

    def _subscribe(self, subscription: Subscription, *, reviving: bool = False) -> bool:
        return self._log.retry_on_conflict(lambda: self._connections.subscribe(subscription, reviving=reviving))

    def _close_subscription(self, socket: Connection, where: str) -> None:
        self._log.retry_on_conflict(lambda: self._connections.unsubscribe(socket.connection_id, where))

    def _unsubscribe(self, socket: Connection, where: str, reply: FrameResult) -> None:
        if not is_conversation_id(where):
            raise NotFound
        mine = [
            each
            for each in self._connections.subscriptions_of_connection(socket.connection_id)
            if each.conversation_id == where
        ]
        self._close_subscription(socket, where)
        reply.replies.append({"type": "unsubscribed", "conversation_id": where})
        reply.pushes += self._presence.on_unsubscribed(mine)

    def _snapshot(self, caller: Principal, where: str, after: int | None) -> dict[str, Any]:
        """What a new subscriber starts from: read after the subscription stands, so that nothing falls between."""
        head = self._log.get_live_head(where)
        page, participants = self._gather(
            lambda: (
                self._log.latest(head, LATEST_EVENTS)
                if after is None
                else self._log.after(head, after, MAX_SYNC_EVENTS)
            ),
            lambda: self._conversations.participants(head),
        )
        self._conversations.require_member(where, caller)
        answer = self._fit_into_frame(where, page, participants, newest=after is None)
        first = answer["events"][0]["sequence_id"] if answer["events"] else None
        answer["first_sequence_id"] = (
            first or min(head.sequence_id if after is None else after, head.sequence_id) + 1
        )
        return answer

    def _sync(self, caller: Principal, where: str, after: int) -> dict[str, Any]:
        head, _ = self._conversations.require_member_and_head(where, caller)
        page, participants = self._gather(
            lambda: self._log.after(head, after, MAX_SYNC_EVENTS),
            lambda: self._conversations.participants(head),
        )
        self._conversations.require_member(where, caller)
        return self._fit_into_frame(where, page, participants, newest=False)

    def _fit_into_frame(
        self, where: str, page: Page, participants: list[frames.Participant], *, newest: bool
    ) -> dict[str, Any]:
        """A page of the log as a frame within API Gateway's limit: paged, never truncated, never failed."""
        events = [frames.cap_participants(each) for each in page.events]
        # One event always gets through, so that there is an end to asking for more; the participants yield.
        first = max((json_codec.size(each) for each in (events[-1:] if newest else events[:1])), default=0)
        room = min(PARTICIPANTS_BYTES, MAX_MESSAGE_BYTES - ENVELOPE_BYTES - first)
        shown = take_within_budget(participants[:MAX_PARTICIPANTS_IN_A_FRAME], room)
        events = take_within_budget(
            events, MAX_MESSAGE_BYTES - ENVELOPE_BYTES - json_codec.size(shown), newest=newest
        )
        answer: dict[str, Any] = {
            "conversation_id": where,
            "head": page.head,
            "participants": shown,
            "events": events,
            "has_more": page.has_more or len(events) < len(page.events),
        }
        if len(shown) < len(participants):
            answer["participants_truncated"] = True
        return answer

    def _typing(self, caller: Principal, where: str, is_typing: bool) -> list[Push]:
        head, member = self._conversations.require_member_and_head(where, caller)
        now, every = milliseconds(self._clock), int(self._timing.typing_interval * 1000)
        permissions.require_unmuted(member, now)
        if head.participant_count > self._limits.typing_participants:
            return []
        me = caller.participant_id
        due = (
            self._connections.start_typing(where, me, now, interval=every)
            if is_typing
            else self._connections.stop_typing(where, me)
        )
        frame = frames.typing_push(where, caller.as_actor(member), is_typing)
        return [ToSubscribers(where, frame, head.departed, exclude_participant=me)] if due else []

    def _pong(self, caller: Principal, asked: dict[str, int] | None) -> Frame:
        pong: Frame = {"type": "pong", "server_time": rfc3339(milliseconds(self._clock))}
        if asked is not None:
            wanted = [each for each in asked if is_conversation_id(each)]
            heads: dict[str, Head] = self._store.heads(wanted) if wanted else {}
            mine: dict[str, Membership] = (
                self._store.memberships(list(heads), caller.participant_id) if heads else {}
            )
            pong["heads"] = {
                each: head.sequence_id
                for each, head in heads.items()
                if each in mine and head.state is ConversationState.LIVE
            }
        return pong

    def _auth(self, socket: Connection, token: str) -> Frame:
        identity = self._verify(token)
        if identity.participant_id != socket.participant_id:
            raise Forbidden("The token is of another participant; open another socket for them.")
        if not self._connections.refresh_token(socket, identity.expires_at, identity.name):
            raise Unauthorized("This socket is closed.")
        return {"type": "auth_ok", "expires_at": rfc3339(identity.expires_at * 1000)}
