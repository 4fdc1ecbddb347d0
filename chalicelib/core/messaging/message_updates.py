"""Editing and deleting messages.

Each update is one event, appended by a commit that also updates the stored state of the message. All are
idempotent: if nothing would change, the result names the event that made the change.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import Unavailable, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.log.appending import NoChange
from chalicelib.core.messaging.message_updater import MessageUpdater, NotFoundError, UpdateResult, no_such_target
from chalicelib.core.messaging.update_context import UpdateContext
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import tombstone
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol.message_fields import changes_of

if TYPE_CHECKING:
    from chalicelib.core.messaging.screening import MessageScreening
    from chalicelib.core.protocol.commands import Edit
    from chalicelib.core.protocol.requests import EditMessage

REACTION_DELETE_BATCH = 100
MAX_DELETE_BATCHES = 5


class MessageUpdates:
    """Edits and deletes messages.

    In all methods, `head` saves a read, and `not_found` creates the error for a target that is not a message.
    Each raises the errors of `MessageUpdater.apply` as well; then nothing was changed.
    """

    def __init__(
        self,
        *,
        event_log: EventLogStore,
        memberships: MembershipStore,
        updater: MessageUpdater,
        limits: Limits,
        screening: MessageScreening | None = None,
    ) -> None:
        """With `screening`, the hook is asked about each edit."""
        self._event_log = event_log
        self._memberships = memberships
        self._updater = updater
        self._limits = limits
        self._screening = screening

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
            Blocked: the caller blocks the other participant of a direct conversation.
            ValidationFailed: it is deleted or expired, was edited too often, or mentions an outsider.
            RefusedByHook, Unavailable: the hook refused it, or failed.
        """
        allowed: list[Edit | EditMessage] = []

        def screened(sender: Actor) -> Edit | EditMessage:
            """Return the edit as the hook allows it, which is asked once, however often the edit is planned."""
            if self._screening is None or caller.is_system:
                return edit
            if not allowed:
                allowed.append(self._screening.edit(sender, conversation_id, target, edit))
            return allowed[0]

        def load() -> Mapping[str, Membership]:
            """Return the memberships of the mentioned participants: after the hook, of those in its answer."""
            mentions = (allowed[0] if allowed else edit).mentions
            return self._memberships.memberships_in(conversation_id, mentions) if mentions else {}

        def plan(context: UpdateContext) -> Commit:
            permissions.require(Action.EDIT_MESSAGE, context.actor, context.author, now=context.now)
            context.require_updatable()
            state = context.state
            _require_change(context, changes_of(edit))
            self._require_edit_left(context)
            outsiders = _outsiders(context, edit, allowed[0] if allowed else edit)
            changes = changes_of(screened(context.sender))
            if outsiders:
                changes["mentions"] = [name for name in changes["mentions"] if name not in outsiders]
            _require_change(context, changes)
            edited = replace(
                state,
                version=context.next_sequence_id,
                overrides={**state.overrides, **changes},
                edited_at=context.updated_at,
                edits=(*state.edits, context.next_sequence_id),
            )
            return context.commit("message_edited", changes, message_states={context.target: edited})

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
                else [context.audit_entry("message_deleted", context.author.participant_id)],
            )

        result = self._updater.apply(caller, conversation_id, target, plan, head=head, not_found=not_found)
        with contextlib.suppress(Unavailable):
            # Reactions that are left are ignored, as the message is deleted, and purged with the conversation.
            for _ in range(MAX_DELETE_BATCHES):
                if self._event_log.delete_reactions(conversation_id, target, REACTION_DELETE_BATCH):
                    break
        return result


def _outsiders(context: UpdateContext, edit: Edit | EditMessage, allowed: Edit | EditMessage) -> set[str]:
    """Return the mentioned participants that are no members: the hook may have named some that left meanwhile.

    Raises ValidationFailed if the author mentions one.
    """
    mentioned, own = allowed.mentions or [], edit.mentions or []
    outsiders = set(mentioned) - {*context.extra, *context.message.current.get("mentions", [])}
    for index, participant_id in enumerate(own):
        if participant_id in outsiders:
            raise ValidationFailed.at(f"mentions.{index}", "must be a participant of this conversation")
    return outsiders


def _require_change(context: UpdateContext, changes: Mapping[str, Any]) -> None:
    """Raise NoChange if the message is as the changes would make it."""
    current = context.message.current
    if all(_is_same(current.get(name), value) for name, value in changes.items()):
        raise NoChange(context.head, [context.target, *context.state.edits][-1])


def _is_same(current: Any, requested: Any) -> bool:
    """Return whether a field has the requested value, where absent and empty are the same.

    Compared as JSON, in which `true` is not 1.
    """
    return json_codec.dumps(current or None) == json_codec.dumps(requested or None)
