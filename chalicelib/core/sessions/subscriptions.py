"""Subscriptions of connections to conversations, and the frames that bring a client up to date.

A snapshot is read after the subscription was written: an event is in the snapshot, or pushed, or both (L5).

`subscribe` and `unsubscribe` can overtake each other (L8). Each has an order (`command_order`), and changes
nothing if the connection has executed one with a higher order; its reply is then `superseded`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.views import Views
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import NotFound, Unavailable
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.log.positions import Positions
from chalicelib.core.log.reading import SLACK, LogReader, Page, ReadBudget, take_within_budget
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.connections import Connection, Subscription
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.read_pointers import unread_count
from chalicelib.core.ports.connections import SubscriptionStore, Superseded
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol import frames
from chalicelib.core.protocol.frames import MAX_PARTICIPANTS_IN_A_FRAME, Frame
from chalicelib.core.realtime.outbox import Push
from chalicelib.core.realtime.presence import Presence
from chalicelib.core.sessions.command_context import FrameResult
from chalicelib.core.sessions.connections import Connections

if TYPE_CHECKING:  # TypedDicts take long to create, and nothing needs them at run time
    from chalicelib.core.protocol.objects import ParticipantView

MAX_MESSAGE_BYTES = 128 * 1024
"""The largest frame that API Gateway posts to a connection (quotas for WebSocket APIs)."""
PARTICIPANTS_BYTES = 48 * 1024
"""The part of a frame for its list of participants, which is truncated before the events are."""
ENVELOPE_BYTES = 4 * 1024
"""The part of a frame for everything else."""
LATEST_EVENTS = 50
MAX_SYNC_EVENTS = 100
_SUBSCRIBE_ATTEMPTS = 4


class Subscriptions:
    """Subscribes connections, and answers `sync`."""

    def __init__(
        self,
        *,
        subscriptions: SubscriptionStore,
        connections: Connections,
        access: Access,
        memberships: MembershipStore,
        views: Views,
        log: Log,
        log_reader: LogReader,
        positions: Positions,
        presence: Presence,
        runtime: Runtime,
    ) -> None:
        self._subscriptions = subscriptions
        self._connections = connections
        self._access = access
        self._memberships = memberships
        self._views = views
        self._log = log
        self._log_reader = log_reader
        self._positions = positions
        self._presence = presence
        self._runtime = runtime

    def subscribe(
        self,
        connection: Connection,
        caller: Principal,
        conversation_id: str,
        after: int | None,
        order: int,
        result: FrameResult,
        history_id: str | None = None,
        slack: int = SLACK,
    ) -> tuple[Frame, list[Push]]:
        """Subscribe a connection; return the reply and the pushes of presence: the snapshot, or `superseded`.

        `slack` is for reading the snapshot, as in `ReadBudget`.

        Raises:
            NotFound, Unauthorized, Unavailable, ConversationBusy: it is not subscribed.
        """
        for _ in range(_SUBSCRIBE_ATTEMPTS):
            member = self._access.require_member(conversation_id, caller)
            subscription = Subscription(
                conversation_id,
                connection.connection_id,
                caller.participant_id,
                member.epoch,
                connection.generation,
                connection.token_expires_at,
                subscribed_at=milliseconds(self._runtime.clock),
                order=order,
            )
            try:
                if self._connections.subscribe(subscription):
                    break
            except Superseded:
                return frames.superseded(conversation_id), []
            # Meanwhile the connection was marked as stale, or revived by another frame.
            connection = self._connections.reload(connection.connection_id, result)
        else:
            raise Unavailable(retry_after=retry_after())
        if caller.type == "agent" != member.type:
            # An agent that only listens is not known by a message or a read pointer.
            self._memberships.note_agent(member)
        try:
            snapshot = self._snapshot(caller, conversation_id, after, history_id, slack)
        except NotFound:
            with contextlib.suppress(Superseded):
                self._unsubscribe(connection, conversation_id, order)
            raise
        pushes = self._presence.on_subscribed(subscription, caller.as_actor(member))
        return {"type": "subscribed", **snapshot}, pushes

    def unsubscribe(self, connection: Connection, conversation_id: str, order: int, result: FrameResult) -> None:
        """Unsubscribe a connection, subscribed or not. Raises NotFound, ConversationBusy.

        The reply is added to `result` before presence is asked, as an error of that must not replace it. Whether
        there was a subscription matters for presence only, which is best effort.
        """
        if not is_conversation_id(conversation_id):
            raise NotFound
        ended = self._subscriptions.subscription(connection.connection_id, conversation_id)
        try:
            self._unsubscribe(connection, conversation_id, order)
        except Superseded:
            result.replies.append(frames.superseded(conversation_id))
            return
        result.replies.append({"type": "unsubscribed", "conversation_id": conversation_id})
        if ended is not None:
            result.pushes += self._presence.on_unsubscribed([ended])

    def _unsubscribe(self, connection: Connection, conversation_id: str, order: int) -> None:
        retry_on_conflict(
            self._runtime, lambda: self._subscriptions.unsubscribe(connection, conversation_id, order)
        )

    def sync(self, caller: Principal, conversation_id: str, after: int, history_id: str | None = None) -> Frame:
        """Return the events after `after`, within the size of a frame; the newest ones if it is no position.

        Raises NotFound.
        """
        head, _ = self._access.require_member_and_head(conversation_id, caller)
        return {"type": "sync", **self._events_after(head, caller, after, history_id)}

    def _snapshot(
        self, caller: Principal, conversation_id: str, after: int | None, history_id: str | None, slack: int
    ) -> dict[str, Any]:
        """Return the snapshot for a new subscriber: the events after `after`, or the newest ones."""
        head = self._log.get_live_head(conversation_id)
        snapshot = self._events_after(head, caller, after, history_id, slack)
        if snapshot["events"]:
            snapshot["first_sequence_id"] = snapshot["events"][0]["sequence_id"]
        else:
            snapshot["first_sequence_id"] = min(head.sequence_id if after is None else after, head.sequence_id) + 1
        return snapshot

    def _events_after(
        self, head: Head, caller: Principal, after: int | None, history_id: str | None, slack: int = SLACK
    ) -> dict[str, Any]:
        """Return the events after `after`, or the newest ones, if the caller is a member afterwards, too."""
        is_reset = not self._positions.is_known(head, after, history_id)
        if is_reset:
            after = None
        budget = ReadBudget(head, slack, room=MAX_MESSAGE_BYTES - ENVELOPE_BYTES - PARTICIPANTS_BYTES)
        page, participants = self._runtime.gather(
            lambda: (
                self._log_reader.latest_events(head, LATEST_EVENTS, budget)
                if after is None
                else self._log_reader.events_after(head, after, MAX_SYNC_EVENTS, budget)
            ),
            lambda: self._views.participants(head),
        )
        member = self._access.require_member(head.conversation_id, caller)
        frame = _fit_into_frame(head.conversation_id, page, participants, newest=after is None)
        frame |= {"read_up_to": member.read_up_to, "unread_count": unread_count(head, member)}
        if head.direct:
            frame["direct"] = True
        return {**frame, "reset": True} if is_reset else frame


def _fit_into_frame(
    conversation_id: str, page: Page, participants: list[ParticipantView], *, newest: bool
) -> dict[str, Any]:
    """Return a page of the log within the size of a frame: with fewer events and participants if need be."""
    events = [frames.cap_participants(event) for event in page.events]
    # One event always fits, at the expense of the participants, so that a client makes progress.
    first = max((json_codec.size(event) for event in (events[-1:] if newest else events[:1])), default=0)
    room = min(PARTICIPANTS_BYTES, MAX_MESSAGE_BYTES - ENVELOPE_BYTES - first)
    shown = take_within_budget(participants[:MAX_PARTICIPANTS_IN_A_FRAME], room)
    budget = MAX_MESSAGE_BYTES - ENVELOPE_BYTES - json_codec.size(shown)
    events = take_within_budget(events, budget, newest=newest)
    frame: dict[str, Any] = {
        "conversation_id": conversation_id,
        "head": page.head,
        "participants": shown,
        "events": events,
        "has_more": page.has_more or len(events) < len(page.events),
    }
    if len(shown) < len(participants):
        frame["participants_truncated"] = True
    return frame
