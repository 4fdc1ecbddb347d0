"""Editing and deleting messages, and reacting to them.

Each update is one event, appended by a commit that also updates the stored state of the message. All are
idempotent: if nothing would change, the result names the event that made the change.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import NotFound, Unavailable, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.kernel.text import without_variation_selectors
from chalicelib.core.log.appending import NoChange
from chalicelib.core.messaging.message_updater import (
    MessageUpdater,
    NotFoundError,
    UpdateResult,
    no_such_target,
)
from chalicelib.core.messaging.update_context import UpdateContext
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import MessageState, Reaction, tombstone
from chalicelib.core.model.moderation import AuditAction, AuditEntry
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol.message_fields import changes_of

if TYPE_CHECKING:
    from chalicelib.core.protocol.commands import Edit
    from chalicelib.core.protocol.requests import EditMessage

REACTION_DELETE_BATCH = 100
MAX_DELETE_BATCHES = 5


class MessageUpdates:
    """Edits and deletes messages, adds and removes reactions.

    In all methods, `head` saves a read, and `not_found` creates the error for a target that is not a message.
    Each raises the errors of `MessageUpdater.apply` as well; then nothing was changed.
    """

    def __init__(
        self, *, event_log: EventLogStore, memberships: MembershipStore, updater: MessageUpdater, limits: Limits
    ) -> None:
        self._event_log = event_log
        self._memberships = memberships
        self._updater = updater
        self._limits = limits

    def edit(
        self,
        caller: Principal,
        conversation_id: str,
        target: int,
        edit: Edit | EditMessage,
        head: Head | None = None,
        not_found: NotFoundError = no_such_target,
    ) -> UpdateResult:
        """Change the content of a message, and its mentions and metadata if given.

        Raises:
            Muted, Forbidden: the caller may not edit the message.
            ValidationFailed: it is deleted or expired, was edited too often, or mentions an outsider.
        """
        changes = changes_of(edit)
        mentions = edit.mentions or []

        def plan(context: UpdateContext) -> Commit:
            permissions.require(Action.EDIT_MESSAGE, context.actor, context.author, now=context.now)
            _require_updatable(context)
            current, state = context.message.current, context.state
            if all(_is_same(current.get(name), value) for name, value in changes.items()):
                raise NoChange(context.head, [context.target, *state.edits][-1])
            self._require_edit_left(context)
            for index, participant_id in enumerate(mentions):
                if participant_id not in context.extra and participant_id not in current.get("mentions", []):
                    raise ValidationFailed.at(f"mentions.{index}", "must be a participant of this conversation")
            edited = replace(
                state,
                version=context.next_sequence_id,
                overrides={**state.overrides, **changes},
                edited_at=context.updated_at,
                edits=(*state.edits, context.next_sequence_id),
            )
            return context.commit("message_edited", changes, message_states={context.target: edited})

        load = (lambda: self._memberships.memberships_in(conversation_id, mentions)) if mentions else None
        return self._updater.apply(
            caller, conversation_id, target, plan, head=head, not_found=not_found, load_extra=load
        )

    def _require_edit_left(self, context: UpdateContext) -> None:
        limit = self._limits.edits_per_message
        if len(context.state.edits) >= limit:
            raise ValidationFailed.at("target", f"has been edited {limit} times, which is the limit")

    def delete(
        self,
        caller: Principal,
        conversation_id: str,
        target: int,
        head: Head | None = None,
        not_found: NotFoundError = no_such_target,
    ) -> UpdateResult:
        """Delete the contents of a message and of its edits; tombstones stay in the log. Raises Forbidden."""

        def plan(context: UpdateContext) -> Commit:
            permissions.require(Action.DELETE_MESSAGE, context.actor, context.author)
            if context.message.deleted_by:
                raise NoChange(context.head, context.message.deleted_by)
            deleted = {**tombstone(context.message.event), "deleted_at": context.updated_at}
            edit_ids = context.state.edits
            edits = self._event_log.events_by_id(conversation_id, edit_ids) if edit_ids else []
            return context.commit(
                "message_deleted",
                {},
                redacted=[(deleted, context.next_sequence_id), *((tombstone(edit.event), 0) for edit in edits)],
                audit=[]
                if context.is_author
                else [_audit_entry("message_deleted", context, context.author.participant_id)],
            )

        result = self._updater.apply(caller, conversation_id, target, plan, head=head, not_found=not_found)
        with contextlib.suppress(Unavailable):
            # Reactions that are left are ignored, as the message is deleted, and purged with the conversation.
            for _ in range(MAX_DELETE_BATCHES):
                if self._event_log.delete_reactions(conversation_id, target, REACTION_DELETE_BATCH):
                    break
        return result

    def react(
        self,
        caller: Principal,
        conversation_id: str,
        target: int,
        emoji: str,
        head: Head | None = None,
        not_found: NotFoundError = no_such_target,
    ) -> UpdateResult:
        """Add the caller's reaction to a message.

        Raises:
            Muted: the caller may not react.
            ValidationFailed: the message is deleted or expired, or has too many different emoji.
        """

        def plan(context: UpdateContext) -> Commit:
            permissions.require(Action.REACT, context.actor, now=context.now)
            _require_updatable(context)
            existing: Reaction | None = context.extra
            if existing is not None:
                raise NoChange(context.head, existing.sequence_id)
            counts, limit = context.state.reactions, self._limits.emoji_per_message
            known = _known_variant(emoji, counts)
            if known not in counts and len(counts) >= limit:
                problem = f"must be one that the message already has: it has {limit} different ones, the limit"
                raise ValidationFailed.at("emoji", problem)
            reaction = Reaction(context.target, context.actor.participant_id, known, context.next_sequence_id)
            state = _with_reactions(context, {**counts, known: counts.get(known, 0) + 1})
            return context.commit(
                "reaction_added",
                {"emoji": known},
                message_states={context.target: state},
                reactions_added=[reaction],
            )

        load = self._load_reaction(caller.participant_id, conversation_id, target, emoji)
        return self._updater.apply(
            caller, conversation_id, target, plan, head=head, not_found=not_found, load_extra=load
        )

    def unreact(
        self,
        caller: Principal,
        conversation_id: str,
        target: int,
        emoji: str,
        head: Head | None = None,
        not_found: NotFoundError = no_such_target,
    ) -> UpdateResult:
        """Remove the caller's reaction from a message; no-op if it is deleted or expired. Raises Muted."""

        def plan(context: UpdateContext) -> Commit:
            permissions.require(Action.REACT, context.actor, now=context.now)
            return _plan_removal(context, {})

        load = self._load_reaction(caller.participant_id, conversation_id, target, emoji)
        return self._updater.apply(
            caller, conversation_id, target, plan, head=head, not_found=not_found, load_extra=load
        )

    def remove_reaction(
        self, caller: Principal, conversation_id: str, target: int, emoji: str, participant_id: str
    ) -> UpdateResult:
        """Remove the reaction of any participant, former ones included; no-op as `unreact`.

        Raises:
            NotFound: the target is not a message of a conversation of the caller.
            Forbidden, Muted: the caller may not remove it.
        """
        if participant_id == caller.participant_id:
            return self.unreact(caller, conversation_id, target, emoji, not_found=NotFound)

        def plan(context: UpdateContext) -> Commit:
            permissions.require(Action.REMOVE_REACTION, context.actor)
            fields = {"participant_id": participant_id}
            entry = _audit_entry("reaction_removed", context, participant_id)
            return replace(_plan_removal(context, fields), audit=[entry])

        load = self._load_reaction(participant_id, conversation_id, target, emoji)
        return self._updater.apply(
            caller, conversation_id, target, plan, head=None, not_found=NotFound, load_extra=load
        )

    def _load_reaction(
        self, participant_id: str, conversation_id: str, target: int, emoji: str
    ) -> Callable[[], Reaction | None]:
        return lambda: self._event_log.reaction(conversation_id, target, participant_id, emoji)


def _plan_removal(context: UpdateContext, fields: dict[str, Any]) -> Commit:
    """Return the commit that removes the loaded reaction; `fields` are further ones of its event."""
    existing: Reaction | None = context.extra
    if existing is None or context.message.deleted_by or context.is_expired:
        raise NoChange(context.head)
    known = existing.emoji
    counts = {**context.state.reactions, known: context.state.reactions[known] - 1}
    state = _with_reactions(context, {name: count for name, count in counts.items() if count})
    return context.commit(
        "reaction_removed",
        {"emoji": known, **fields},
        message_states={context.target: state},
        reactions_removed=[existing],
    )


def _require_updatable(context: UpdateContext) -> None:
    if context.message.deleted_by:
        raise ValidationFailed.at("target", "is deleted")
    if context.is_expired:
        raise ValidationFailed.at("target", "is past retention")


def _with_reactions(context: UpdateContext, counts: dict[str, int]) -> MessageState:
    return replace(context.state, version=context.next_sequence_id, reactions=counts)


def _known_variant(emoji: str, known: Iterable[str]) -> str:
    """Return the variant of an emoji that a message has already, or `emoji` itself.

    So variants are one reaction, and all events and counts have the one that was used first.
    """
    identity = without_variation_selectors(emoji)
    return next((other for other in known if without_variation_selectors(other) == identity), emoji)


def _is_same(current: Any, requested: Any) -> bool:
    """Return whether a field has the requested value, where absent and empty are the same.

    Compared as JSON, in which `true` is not 1.
    """
    return json_codec.dumps(current or None) == json_codec.dumps(requested or None)


def _audit_entry(action: AuditAction, context: UpdateContext, participant_id: str) -> AuditEntry:
    return AuditEntry(action, context.actor.participant_id, participant_id=participant_id, target=context.target)
