"""Asking the hook about additions and new conversations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.hooks.questions import addition_question, creation_question, direct_question
from chalicelib.core.hooks.screening import Screening
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.conversations import Membership
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant


class ChangeScreening:
    """Asks the hook about changes of participants. Each method raises RefusedByHook and Unavailable."""

    def __init__(self, *, screening: Screening, runtime: Runtime) -> None:
        self._screening = screening
        self._runtime = runtime

    def addition(self, caller: Principal, adder: Membership, addition: NewParticipant) -> NewParticipant:
        """Return the participant to add, with a role that the adder may give."""

        def check(changed: NewParticipant) -> None:
            now = milliseconds(self._runtime.clock)
            permissions.require(Action.ADD_PARTICIPANT, adder, changed, now=now)

        question = addition_question(
            caller.as_actor(adder), adder.conversation_id, addition, self._runtime.limits, check
        )
        screened: NewParticipant = self._screening.screened(question)
        return screened

    def creation(
        self,
        sender: Actor,
        creation: CreateConversation,
        others: Sequence[NewParticipant],
        check: Callable[[CreateConversation], None],
    ) -> CreateConversation:
        """Return the conversation to create. `check` raises ChatError if its participants are invalid."""
        question = creation_question(sender, creation, others, self._runtime.limits, check)
        screened: CreateConversation = self._screening.screened(question)
        return screened

    def direct(self, sender: Actor, invitee: NewParticipant) -> NewParticipant:
        """Return the other participant of a direct conversation to create."""
        question = direct_question(sender, invitee, self._runtime.limits)
        screened: NewParticipant = self._screening.screened(question)
        return screened
