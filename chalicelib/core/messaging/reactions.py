"""Adding and removing reactions. Each is one event, as an edit is (`message_updates.py`), and idempotent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel.errors import NotFound, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.kernel.text import without_variation_selectors
from chalicelib.core.log.appending import NoChange
from chalicelib.core.messaging.message_updater import MessageUpdater, NotFoundError, UpdateResult, no_such_target
from chalicelib.core.messaging.update_context import UpdateContext
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head
from chalicelib.core.model.events import MessageState, Reaction
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.event_log import EventLogStore


class Reactions:
    """Adds and removes reactions.

    In all methods, `head` saves a read, and `not_found` creates the error for a target that is not a message.
    Each raises the errors of `MessageUpdater.apply` as well; then nothing was changed.
    """

    def __init__(self, *, event_log: EventLogStore, updater: MessageUpdater, limits: Limits) -> None:
        self._event_log = event_log
        self._updater = updater
        self._limits = limits

    def add(
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
            Blocked: the caller blocks the other participant of a direct conversation.
            ValidationFailed: the message is deleted or expired, or has too many different emoji.
        """

        def plan(context: UpdateContext) -> Commit:
            permissions.require(Action.REACT, context.actor, now=context.now)
            context.require_updatable()
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

    def remove(
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

    def remove_of_participant(
        self, caller: Principal, conversation_id: str, target: int, emoji: str, participant_id: str
    ) -> UpdateResult:
        """Remove the reaction of any participant, former ones included; no-op as `remove`.

        Raises:
            NotFound: the target is not a message of a conversation of the caller.
            Forbidden, Muted: the caller may not remove it.
        """
        if participant_id == caller.participant_id and not caller.is_system:
            return self.remove(caller, conversation_id, target, emoji, not_found=NotFound)

        def plan(context: UpdateContext) -> Commit:
            permissions.require(Action.REMOVE_REACTION, context.actor)
            fields = {"participant_id": participant_id}
            entry = context.audit_entry("reaction_removed", participant_id)
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


def _with_reactions(context: UpdateContext, counts: dict[str, int]) -> MessageState:
    return replace(context.state, version=context.next_sequence_id, reactions=counts)


def _known_variant(emoji: str, known: Iterable[str]) -> str:
    """Return the variant of an emoji that a message has already, or `emoji` itself.

    So variants are one reaction, and all events and counts have the one that was used first.
    """
    identity = without_variation_selectors(emoji)
    return next((other for other in known if without_variation_selectors(other) == identity), emoji)
