"""Creating a conversation."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.consent import ConsentRules, Decision
from chalicelib.core.conversations.creation_replay import CreationReplay, Repeated, record_of
from chalicelib.core.conversations.invitations import invitation_job
from chalicelib.core.conversations.new_conversation import new_conversation
from chalicelib.core.conversations.views import view_for_member
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import (
    ErasureRunning,
    Problem,
    RefusedByHook,
    Suspended,
    ValidationFailed,
)
from chalicelib.core.kernel.ids import new_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationDetails
from chalicelib.core.model.creations import CreationKey
from chalicelib.core.ports.commits import NewConversation, PreconditionFailed
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.protocol import frames, serializers
from chalicelib.core.realtime.outbox import Result, ToParticipants

if TYPE_CHECKING:
    from chalicelib.core.conversations.screening import ChangeScreening
    from chalicelib.core.protocol.requests import CreateConversation, NewParticipant


class Creation:
    """Creates conversations."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        replay: CreationReplay,
        consent: ConsentRules,
        log: Log,
        change_limiter: ChangeLimiter,
        runtime: Runtime,
        screening: ChangeScreening | None = None,
    ) -> None:
        """With `screening`, the hook is asked about each creation."""
        self._conversations = conversations
        self._replay = replay
        self._consent = consent
        self._log = log
        self._change_limiter = change_limiter
        self._screening = screening
        self._runtime = runtime
        self._clock = runtime.clock

    def create(self, caller: Principal, request: CreateConversation, key: CreationKey | None = None) -> Result:
        """Create a conversation that the caller owns. An entry of the caller among the participants is ignored.

        With a key that the caller used before, the conversation of then is returned. A service is no participant:
        it gives all of them their roles, whether or not there is an owner.

        Raises:
            ValidationFailed: too many participants, or one of them twice; of a service, none, or one who is
                suspended or being erased.
            IdempotencyKeyReused: the key belongs to another request.
            ErasureRunning, Suspended: the caller is being erased or suspended.
            ConversationLimit: the caller is in too many conversations.
            RateLimited, RefusedByHook, Unavailable, ConversationBusy: nothing was created.
        """
        others = _others(request, caller)
        self._check_participants(others, request.participants, caller)
        if key is not None and (record := self._conversations.creation(caller.participant_id, key.hashed)):
            return self._replay.result(caller, request, key, record)
        self._change_limiter.charge_creation(caller, len(others))
        try:
            if self._screening is not None and not caller.is_system:
                request, others = self._screened(self._screening, caller, request, others, key)
            new = self._create(caller, request, others, key)
        except Repeated as repeated:
            return self._replay.result(caller, request, repeated.key, repeated.record)
        view = view_for_member(new.head, new.details, new.members[0])  # all have the same read pointer
        added = frames.added_push(view.copy())
        if caller.is_system:
            view = serializers.conversation(new.head, new.details)
        view["participants"] = [serializers.participant_view(member, online=False) for member in new.members]
        entries = [entry for entry, _ in new.pending]
        if entries:
            view["pending"] = [serializers.pending_participant(entry) for entry in entries]
        job = invitation_job(entries[0], whole=True) if entries else None
        return Result(view, [ToParticipants([member.participant_id for member in new.members], added)], job=job)

    def _screened(
        self,
        screening: ChangeScreening,
        caller: Principal,
        request: CreateConversation,
        others: Sequence[NewParticipant],
        key: CreationKey | None,
    ) -> tuple[CreateConversation, list[NewParticipant]]:
        """Return the request and the others as the hook allows them.

        Raises RefusedByHook, Unavailable, Repeated.
        """

        def check(changed: CreateConversation) -> None:
            self._check_participants(_others(changed, caller), changed.participants, caller)

        # As in the event: under the name of the profile.
        sender = self._consent.standing(caller.participant_id).named(caller.as_actor())
        try:
            changed = screening.creation(sender, request, others, check)
        except RefusedByHook:
            # A concurrent repeat may have been allowed.
            record = None if key is None else self._conversations.creation(caller.participant_id, key.hashed)
            if key is not None and record is not None:
                raise Repeated(key, record) from None
            raise
        return changed, _others(changed, caller)

    def _create(
        self,
        caller: Principal,
        request: CreateConversation,
        others: Sequence[NewParticipant],
        key: CreationKey | None,
    ) -> NewConversation:
        """Create a conversation, decided anew while the consent of others changes. Raises Repeated."""
        backoff = new_backoff(self._runtime)
        while True:
            new = self._new_conversation(caller, request, others)
            new = new if key is None else new._replace(record=record_of(key, new))
            try:
                complete = retry_on_conflict(self._runtime, functools.partial(self._conversations.create, new))
            except PreconditionFailed as failed:
                if failed.erasing:
                    raise ErasureRunning from None
                if failed.is_repeat and key is not None:
                    record = self._conversations.creation(caller.participant_id, key.hashed)
                    if record is not None:
                        raise Repeated(key, record) from None
                if failed.is_suspended:
                    raise Suspended from None
                if failed.at_cap:
                    self._consent.require_own_place(caller.participant_id)
                backoff.wait()
                continue
            if not complete:
                self._log.finalize_creation(new.head.conversation_id)
            return new

    def _check_participants(
        self, others: Sequence[NewParticipant], requested: Sequence[NewParticipant], caller: Principal
    ) -> None:
        limit = self._runtime.limits.participants
        if caller.is_system and not others:
            raise ValidationFailed.at("participants", "must not be empty")
        if (not caller.is_system) + len({other.participant_id for other in others}) > limit:
            raise ValidationFailed.at(
                "participants", f"a conversation may have at most {limit} participants, including the caller"
            )
        if problems := _duplicates(requested):
            raise ValidationFailed(details=problems)

    def _new_conversation(
        self, caller: Principal, request: CreateConversation, others: Sequence[NewParticipant]
    ) -> NewConversation:
        now = milliseconds(self._clock)
        details = ConversationDetails(
            new_conversation_id(now),
            request.title,
            request.join_policy,
            request.metadata,
            now,
            caller.participant_id,
        )
        own, decisions = self._runtime.gather(
            lambda: None if caller.is_system else self._consent.standing(caller.participant_id),
            lambda: self._decide(caller, others),
        )
        return new_conversation(details, caller, own, "owner", others, decisions, self._runtime)

    def _decide(self, caller: Principal, others: Sequence[NewParticipant]) -> Mapping[str, Decision]:
        """Return the decision about each of the others, by participant id."""
        consents = self._consent.read(caller.participant_id, [other.participant_id for other in others])
        if caller.is_system:
            return {
                other.participant_id: self._consent.decide_for_service(
                    consents[other.participant_id], f"participants.{index}.participant_id"
                )
                for index, other in enumerate(others)
            }
        return {name: self._consent.decide(consent, is_past_member=False) for name, consent in consents.items()}


def _others(request: CreateConversation, caller: Principal) -> list[NewParticipant]:
    """Return the participants but the caller."""
    return [other for other in request.participants if other.participant_id != caller.participant_id]


def _duplicates(participants: Sequence[NewParticipant]) -> list[Problem]:
    """Return a problem for each initial participant who is listed twice."""
    counts = Counter(participant.participant_id for participant in participants)
    return [
        {"path": f"participants.{index}.participant_id", "problem": "is listed twice"}
        for index, participant in enumerate(participants)
        if counts[participant.participant_id] > 1
    ]
