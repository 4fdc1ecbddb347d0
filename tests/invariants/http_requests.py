"""The requests of the HTTP API that change something, as methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.core.model.actors import Role
from chalicelib.core.model.conversations import JoinPolicy
from chalicelib.core.protocol import requests
from chalicelib.core.realtime.outbox import Result

if TYPE_CHECKING:
    pass


from tests.invariants.http_reads import HttpReads


class HttpRequests(HttpReads):
    """Requests to one invocation of the application. Each delivers its pushes and records its response."""

    def create_conversation(
        self,
        name: str,
        people: Sequence[str] = (),
        *,
        roles: Mapping[str, Role] | None = None,
        join_policy: JoinPolicy = "invite",
    ) -> Any:
        """`POST /conversations`."""
        others = [
            requests.NewParticipant(
                participant_id=self.harness.participant_id(person),
                name=person.title(),
                role=(roles or {}).get(person, "member"),
            )
            for person in people
        ]
        request = requests.CreateConversation(title="A title", participants=others, join_policy=join_policy)
        return self._respond(name, "create", self.app.conversations.creation.create(self.principal(name), request))

    def post_message(self, name: str, text: str, key: str | None = None, **fields: Any) -> Any:
        """`POST …/messages`: return the event."""
        request = requests.SendMessage(content=text, client_message_id=key, **fields)
        sent = self.app.messaging.sender.send(self.principal(name), self.harness.conversation, request)
        outcome = Result(sent.event, self.app.messaging.sender.pushes(sent))
        return self._respond(name, "send", outcome)

    def post_batch(self, name: str, *commands: dict[str, Any]) -> list[Any]:
        """`POST /batch`: return the results."""
        listed = [{"conversation_id": self.harness.conversation, **command} for command in commands]
        request = requests.ExecuteBatch.model_validate({"commands": listed})
        executed = self.app.messaging.batches.execute(self.principal(name), request.entries)
        answered: list[Any] = self._respond(name, "batch", Result(executed.results, executed.pushes))
        return answered

    def join(self, name: str, invite: str | None = None) -> Any:
        """`POST …/join`."""
        outcome = self.app.conversations.members.join(self.principal(name), self.harness.conversation, invite)
        return self._respond(name, "join", outcome)

    def leave(self, name: str) -> Any:
        """`POST …/leave`."""
        outcome = self.app.conversations.members.leave(self.principal(name), self.harness.conversation)
        return self._respond(name, "leave", outcome)

    def add_participant(self, name: str, target: str, role: Role = "member") -> Any:
        """`POST …/participants`."""
        request = requests.NewParticipant(
            participant_id=self.harness.participant_id(target), name=target.title(), role=role
        )
        outcome = self.app.conversations.additions.add(self.principal(name), self.harness.conversation, request)
        return self._respond(name, "add", outcome)

    def remove_participant(self, name: str, target: str) -> Any:
        """`DELETE …/participants`."""
        outcome = self.app.conversations.members.remove(
            self.principal(name), self.harness.conversation, self.harness.participant_id(target)
        )
        return self._respond(name, "remove", Result(None, outcome.pushes))

    def set_role(self, name: str, target: str, role: Role) -> Any:
        """`PATCH …/participants`."""
        return self._update_participant(name, target, "set_role", role=role)

    def mute(self, name: str, target: str, seconds: int = 3600) -> Any:
        """`PATCH …/participants`; zero seconds unmute."""
        return self._update_participant(name, target, "mute", muted_for=seconds)

    def _update_participant(self, name: str, target: str, what: str, **changes: Any) -> Any:
        request = requests.UpdateParticipant(**changes)
        outcome = self.app.conversations.moderation.update(
            self.principal(name), self.harness.conversation, self.harness.participant_id(target), request
        )
        return self._respond(name, what, outcome)

    def ban(self, name: str, target: str) -> Any:
        """`DELETE …/participants?ban=true`."""
        outcome = self.app.conversations.moderation.ban(
            self.principal(name), self.harness.conversation, self.harness.participant_id(target)
        )
        return self._respond(name, "ban", outcome)

    def unban(self, name: str, target: str) -> Any:
        """`DELETE …/bans`."""
        outcome = self.app.conversations.moderation.unban(
            self.principal(name), self.harness.conversation, self.harness.participant_id(target)
        )
        return self._respond(name, "unban", outcome)

    def create_invite(self, name: str, **fields: Any) -> str:
        """`POST …/invites`: return the secret."""
        request = requests.CreateInvite(**fields)
        made = self.app.conversations.invites.create(self.principal(name), self.harness.conversation, request)
        return str(self._respond(name, "invite", made)["invite"])

    def revoke_invite(self, name: str, which: str) -> Any:
        """`DELETE …/invites/{invite}`."""
        self.app.conversations.invites.revoke(self.principal(name), self.harness.conversation, which)
        return self._respond(name, "revoke", None)

    def update_conversation(self, name: str, **changes: Any) -> Any:
        """`PATCH /conversations/{id}`."""
        request = requests.UpdateConversation(**changes)
        outcome = self.app.conversations.lifecycle.update(self.principal(name), self.harness.conversation, request)
        return self._respond(name, "update", outcome)

    def delete_conversation(self, name: str) -> Any:
        """`DELETE /conversations/{id}`."""
        outcome = self.app.conversations.lifecycle.delete(self.principal(name), self.harness.conversation)
        return self._respond(name, "delete", outcome)

    def mark_read(self, name: str, sequence_id: int) -> Any:
        """`PUT …/read`."""
        outcome = self.app.conversations.history.read(self.principal(name), self.harness.conversation, sequence_id)
        return self._respond(name, "read", outcome)

    def set_personal_state(self, name: str, **changes: bool) -> Any:
        """`PATCH …/me`."""
        request = requests.UpdatePersonalState(**changes)
        states = self.app.conversations.personal_states
        outcome = states.update(self.principal(name), self.harness.conversation, request)
        return self._respond(name, "personal state", outcome)

    def edit_message(self, name: str, target: int, text: str, **more: Any) -> Any:
        """`PATCH …/messages/{sequence_id}`: return the current message."""
        request = requests.EditMessage(content=text, **more)
        changed = self.app.messaging.updates.edit(self.principal(name), self.harness.conversation, target, request)
        return self._respond(name, "edit", Result(changed.message, changed.pushes))

    def delete_message(self, name: str, target: int) -> Any:
        """`DELETE …/messages/{sequence_id}`."""
        changed = self.app.messaging.updates.delete(self.principal(name), self.harness.conversation, target)
        return self._respond(name, "take back", Result(None, changed.pushes))

    def add_reaction(self, name: str, target: int, emoji: str) -> Any:
        """`PUT …/reactions`."""
        changed = self.app.messaging.reactions.add(self.principal(name), self.harness.conversation, target, emoji)
        return self._respond(name, "react", Result(None, changed.pushes))

    def remove_reaction(self, name: str, target: int, emoji: str) -> Any:
        """`DELETE …/reactions`."""
        changed = self.app.messaging.reactions.remove(
            self.principal(name), self.harness.conversation, target, emoji
        )
        return self._respond(name, "unreact", Result(None, changed.pushes))

    def remove_reaction_of(self, name: str, whose: str, target: int, emoji: str) -> Any:
        """`DELETE …/reactions?participant_id=…`."""
        changed = self.app.messaging.reactions.remove_of_participant(
            self.principal(name), self.harness.conversation, target, emoji, self.harness.participant_id(whose)
        )
        return self._respond(name, "unreact", Result(None, changed.pushes))

    def block(self, name: str, target: str) -> None:
        """`PUT /me/blocks`."""
        self.app.conversations.blocks.block(self.principal(name), self.harness.participant_id(target))

    def unblock(self, name: str, target: str) -> None:
        """`DELETE /me/blocks`."""
        self.app.conversations.blocks.unblock(self.principal(name), self.harness.participant_id(target))

    def withdraw(self, name: str, target: str) -> None:
        """`DELETE …/pending`."""
        self.app.conversations.pending.withdraw(
            self.principal(name), self.harness.conversation, self.harness.participant_id(target)
        )
