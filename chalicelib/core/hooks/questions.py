"""The actions that the hook is asked about: the fields that it sees, and the changes that it can make.

A change is validated like a request of the participant. The ids of conversation, participants and messages are
shown and cannot be changed; neither tokens nor idempotency keys are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.core.hooks.screening import Question
from chalicelib.core.kernel.errors import ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.model.actors import Actor
from chalicelib.core.protocol.message_fields import EditFields, MessageFields, changes_of, content_of
from chalicelib.core.protocol.validation import Request, validated

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import CreateConversation, NewParticipant

R = TypeVar("R", bound=Request)


def message_question(
    sender: Actor, conversation_id: str, message: Any, limits: Limits, check: Callable[[Any], None]
) -> Question:
    """Return the question about a new message. `check` raises ChatError if its references are invalid."""
    fields = content_of(message)
    action = {"type": "message", "conversation_id": conversation_id, "sender": sender.as_sender(), **fields}

    def change(changes: Mapping[str, Any]) -> Any:
        if changes.get("metadata") == {}:
            changes = {**changes, "metadata": None}  # removed, as by an edit
        return _checked(_changed(message, MessageFields, fields, changes, limits), check)

    return Question(action, message, change)


def edit_question(
    sender: Actor, conversation_id: str, target: int, edit: Any, limits: Limits, check: Callable[[Any], None]
) -> Question:
    """Return the question about an edit. `check` raises ChatError if its mentions are invalid."""
    fields = changes_of(edit)
    place = {"type": "edit", "conversation_id": conversation_id, "target": target}

    def change(changes: Mapping[str, Any]) -> Any:
        return _checked(_changed(edit, EditFields, fields, changes, limits), check)

    return Question({**place, "sender": sender.as_sender(), **fields}, edit, change)


def addition_question(
    sender: Actor,
    conversation_id: str,
    addition: NewParticipant,
    limits: Limits,
    check: Callable[[NewParticipant], None],
) -> Question:
    """Return the question about an addition. `check` raises ChatError if the caller may not give the role."""
    participant = addition.model_dump()

    def change(changes: Mapping[str, Any]) -> NewParticipant:
        _only(changes, "name", "role")
        return _checked(validated(type(addition), {**participant, **changes}, limits), check)

    place = {"type": "addition", "conversation_id": conversation_id, "sender": sender.as_sender()}
    return Question({**place, "participant": participant}, addition, change)


def creation_question(
    sender: Actor,
    creation: CreateConversation,
    others: Sequence[NewParticipant],
    limits: Limits,
    check: Callable[[CreateConversation], None],
) -> Question:
    """Return the question about a new conversation. `check` raises ChatError if its participants are invalid."""
    fields = {**creation.model_dump(), "participants": [other.model_dump() for other in others]}

    def change(changes: Mapping[str, Any]) -> CreateConversation:
        return _checked(validated(type(creation), {**fields, **changes}, limits), check)

    return Question(
        {"type": "creation", "direct": False, "sender": sender.as_sender(), **fields}, creation, change
    )


def direct_question(sender: Actor, invitee: NewParticipant, limits: Limits) -> Question:
    """Return the question about a new direct conversation, of which only the name of the invitee can change."""
    participant = invitee.model_dump()

    def change(changes: Mapping[str, Any]) -> NewParticipant:
        _only(changes, "name")
        return validated(type(invitee), {**participant, **changes}, limits)

    action = {"type": "creation", "direct": True, "sender": sender.as_sender(), "participants": [participant]}
    return Question(action, invitee, change)


def _changed(
    request: R, model: type[Request], fields: Mapping[str, Any], changes: Mapping[str, Any], limits: Limits
) -> R:
    """Return a request with changes of the fields of `model`. Raises ValidationFailed."""
    changed = validated(model, {**fields, **changes}, limits)
    return request.model_copy(update={name: getattr(changed, name) for name in model.model_fields})


def _checked(changed: R, check: Callable[[R], None]) -> R:
    check(changed)
    return changed


def _only(changes: Mapping[str, Any], *names: str) -> None:
    """Raise ValidationFailed for a change of another field."""
    if not changes.keys() <= set(names):
        raise ValidationFailed
