"""Changing messages: edit, delete, react, take a reaction back.

| may …            | author | owner, moderator | member |
|------------------|--------|------------------|--------|
| edit a message   | yes    |                  |        |
| delete a message | yes    | yes              |        |
| react            | yes    | yes              | yes    |

Each change is an event of the log, appended by one commit that brings the message up to date as well
(`messages.py`). What a change is decided upon, the message and the actor's place, changes only in commits. It is
read after the head, so it is still so if the commit stands (`scenes.py`).

What is so already is no event: a repeat is answered like the first time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.conversations import MODERATORS, Conversations
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.clock import Clock, rfc3339
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import Forbidden, Unavailable, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.log.log import Log, NoChange
from chalicelib.core.messaging.update_context import (
    MessageUpdater,
    NotFoundError,
    UpdateContext,
    UpdateResult,
    no_such_target,
)
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import Reaction, tombstone
from chalicelib.core.model.moderation import AuditEntry
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.conversations import ConversationStore

if TYPE_CHECKING:
    from chalicelib.core.protocol.commands import Edit
    from chalicelib.core.protocol.requests import EditMessage

REACTION_DELETE_BATCH = 100
MAX_DELETE_BATCHES = 5


class MessageUpdates:
    """Edits, deletes, reacts, unreacts."""

    def __init__(
        self,
        store: ConversationStore,
        connections: ConnectionStore,
        conversations: Conversations,
        log: Log,
        clock: Clock,
        gather: Gather,
        limits: Limits,
    ) -> None:
        self._store = store
        self._limits = limits
        self._changes = MessageUpdater(store, connections, conversations, log, clock, gather, limits)

    def edit(
        self,
        caller: Principal,
        where: str,
        target: int,
        edit: Edit | EditMessage,
        head: Head | None = None,
        missing: NotFoundError = no_such_target,
    ) -> UpdateResult:
        """Give a message of one's own another content, and other mentions or metadata if they are named.

        Raises:
            NotFound, RateLimited, Muted, Forbidden, ValidationFailed, ConversationBusy: it is as it was.
        """

        def decide(scene: UpdateContext) -> Commit:
            permissions.require_unmuted(scene.actor, scene.now)
            if not scene.is_author:
                raise Forbidden("Only who wrote a message can edit it.")
            _require_updatable(scene)
            present = scene.message.current
            asked = {"content": edit.content, "mentions": edit.mentions, "metadata": edit.metadata}
            changes = {name: value for name, value in asked.items() if value is not None}
            if all(_same(present.get(name), value) for name, value in changes.items()):
                raise NoChange(scene.head, ([scene.target, *scene.state.edits])[-1])
            if len(scene.state.edits) >= self._limits.edits_per_message:
                most = f"was edited {self._limits.edits_per_message} times, which is as often as a message can be"
                raise ValidationFailed.at("target", most)
            for index, each in enumerate(edit.mentions or []):
                if each not in scene.extra and each not in present.get("mentions", []):
                    raise ValidationFailed.at(f"mentions.{index}", "must be a participant of this conversation")
            state = replace(
                scene.state,
                version=scene.next_sequence_id,
                overrides={**scene.state.overrides, **changes},
                edited_at=rfc3339(scene.now),
                edits=(*scene.state.edits, scene.next_sequence_id),
            )
            return scene.commit("message_edited", changes, message_states={scene.target: state})

        mentions = edit.mentions
        look = (lambda: self._store.memberships_in(where, mentions)) if mentions else None
        return self._changes.apply(caller, where, target, decide, head, missing, look)

    def delete(
        self,
        caller: Principal,
        where: str,
        target: int,
        head: Head | None = None,
        missing: NotFoundError = no_such_target,
    ) -> UpdateResult:
        """Take back all that a message says, in its edits as well; it keeps its place.

        Raises:
            NotFound, RateLimited, Forbidden, ConversationBusy: it is as it was.
        """

        def decide(scene: UpdateContext) -> Commit:
            if not scene.is_author and scene.actor.role not in MODERATORS:
                raise Forbidden("Only who wrote a message, owners and moderators can delete it.")
            if scene.message.deleted_by:
                raise NoChange(scene.head, scene.message.deleted_by)
            left = {**tombstone(scene.message.event), "deleted_at": rfc3339(scene.now)}
            edits = scene.state.edits
            said = self._store.events_by_id(where, edits) if edits else []
            return scene.commit(
                "message_deleted",
                {},
                redacted=[(left, scene.next_sequence_id), *((tombstone(each.event), 0) for each in said)],
                audit=[] if scene.is_author else [_audit(scene)],
            )

        changed = self._changes.apply(caller, where, target, decide, head, missing)
        with contextlib.suppress(Unavailable):
            # What is left of them means nothing: who reacted is told of messages that are there.
            for _ in range(MAX_DELETE_BATCHES):
                if self._store.delete_reactions(where, target, REACTION_DELETE_BATCH):
                    break
        return changed

    def react(
        self,
        caller: Principal,
        where: str,
        target: int,
        emoji: str,
        head: Head | None = None,
        missing: NotFoundError = no_such_target,
    ) -> UpdateResult:
        """React to a message with an emoji.

        Raises:
            NotFound, RateLimited, Muted, ValidationFailed, ConversationBusy: it is as it was.
        """

        def decide(scene: UpdateContext) -> Commit:
            permissions.require_unmuted(scene.actor, scene.now)
            _require_updatable(scene)
            found: Reaction | None = scene.extra
            if found is not None:
                raise NoChange(scene.head, found.sequence_id)
            counts = scene.state.reactions
            if emoji not in counts and len(counts) >= self._limits.emoji_per_message:
                most = (
                    f"must be among those in use: a message takes {self._limits.emoji_per_message} different ones"
                )
                raise ValidationFailed.at("emoji", most)
            state = replace(
                scene.state, version=scene.next_sequence_id, reactions={**counts, emoji: counts.get(emoji, 0) + 1}
            )
            reaction = Reaction(scene.target, scene.actor.participant_id, emoji, scene.next_sequence_id)
            return scene.commit(
                "reaction_added",
                {"emoji": emoji},
                message_states={scene.target: state},
                reactions_added=[reaction],
            )

        look = self._reaction(caller, where, target, emoji)
        return self._changes.apply(caller, where, target, decide, head, missing, look)

    def unreact(
        self,
        caller: Principal,
        where: str,
        target: int,
        emoji: str,
        head: Head | None = None,
        missing: NotFoundError = no_such_target,
    ) -> UpdateResult:
        """Take a reaction back, if it is there.

        Raises:
            NotFound, RateLimited, Muted, ConversationBusy: it is as it was.
        """

        def decide(scene: UpdateContext) -> Commit:
            permissions.require_unmuted(scene.actor, scene.now)
            found: Reaction | None = scene.extra
            expired = scene.target <= scene.head.expired_up_to
            if found is None or scene.message.deleted_by or expired:
                raise NoChange(scene.head)
            left = scene.state.reactions[emoji] - 1
            others = {name: count for name, count in scene.state.reactions.items() if name != emoji}
            counts = {**scene.state.reactions, emoji: left} if left else others
            state = replace(scene.state, version=scene.next_sequence_id, reactions=counts)
            return scene.commit(
                "reaction_removed",
                {"emoji": emoji},
                message_states={scene.target: state},
                reactions_removed=[found],
            )

        look = self._reaction(caller, where, target, emoji)
        return self._changes.apply(caller, where, target, decide, head, missing, look)

    def _reaction(self, caller: Principal, where: str, target: int, emoji: str) -> Callable[[], Any]:
        return lambda: self._store.reaction(where, target, caller.participant_id, emoji)


def _require_updatable(scene: UpdateContext) -> None:
    if scene.message.deleted_by:
        raise ValidationFailed.at("target", "was deleted")
    if scene.target <= scene.head.expired_up_to:
        raise ValidationFailed.at("target", "is past retention")


def _same(present: Any, asked: Any) -> bool:
    """Whether a field is as it is asked to be: as text, for True is no 1. Nothing and empty are the same."""
    return json_codec.dumps(present or None) == json_codec.dumps(asked or None)


def _audit(scene: UpdateContext) -> AuditEntry:
    author = scene.message.event["sender"]["participant_id"]
    return AuditEntry("message_deleted", scene.actor.participant_id, participant_id=author, target=scene.target)
