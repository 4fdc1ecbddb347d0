"""The participants and conversations to which the numbers of a step refer."""

from __future__ import annotations

from typing import Any

from tests.invariants.history.client import Client
from tests.invariants.history.generators import SOCKETS, Step
from tests.invariants.history.participant import OutgoingMessage, Participant
from tests.invariants.history.records import Call, Json
from tests.invariants.history.registry import Registry


class StepContext:
    """A step with its participants and its conversation."""

    def __init__(self, registry: Registry, step: Step) -> None:
        self.registry = registry
        self.number = step.number
        self.participant: Participant = registry.participants[step.actor % len(registry.participants)]
        self.other: Participant = registry.participants[step.other % len(registry.participants)]
        self.conversation_id = registry.conversations[step.conversation % len(registry.conversations)]
        self.client: Client = self.participant.client(step.socket % SOCKETS)
        self.step = step

    @property
    def path(self) -> str:
        """The path of the conversation."""
        return f"/conversations/{self.conversation_id}"

    def body(self) -> Json:
        """Return a message body, sometimes with a reference, a mention or metadata, valid or not."""
        body: Json = {"content": self.registry.new_text()}
        if self.number % 5 == 1:
            body["reply_to"] = 1 + self.number % max(self.registry.head(self.conversation_id), 1)
        if self.number % 7 == 1:
            body["mentions"] = [self.other.id]
        if self.number % 11 == 1:
            body["metadata"] = {"number": self.number}
        if self.number % 3 == 1:
            body["seen"] = self.registry.head(self.conversation_id) + (self.number % 13 == 1)
        return body

    def target(self, *, own: bool = False) -> int:
        """Return one of the newest messages, if possible of the participant's `own`; rarely any other id."""
        known = self.registry.messages(self.conversation_id)
        mine = [number for number, sender in known if sender == self.participant.id] if own else []
        numbers = mine or [number for number, _ in known]
        if numbers and self.number % 8:
            return numbers[-1 - self.number // 8 % min(len(numbers), 3)]
        return max(self.registry.head(self.conversation_id) + 1 - self.number // 8 % 6, 1)

    async def update_message(self, kind: str, target: int, **fields: Any) -> None:
        """Update a message by HTTP or by socket."""
        asked = {"target": target, **fields}
        if self.number % 2:
            command = "delete" if kind == "delete_message" else kind
            frame = {"type": command, "conversation_id": self.conversation_id, **asked}
            call = await self.client.request(kind, self.conversation_id, frame)
        else:
            methods = {"edit": "PATCH", "delete_message": "DELETE", "react": "PUT", "unreact": "DELETE"}
            path = f"/messages/{target}" + ("/reactions" if "emoji" in fields else "")
            sent: dict[str, Any] = {"query" if "emoji" in fields else "body": fields or None}
            call = await self.request(kind, methods[kind], path, asked=asked, **sent)
        if call.is_ok and isinstance(call.answer, dict):
            self.registry.note_head(self.conversation_id, call.answer["sequence_id"])

    def invite(self) -> Json | None:
        """Return one of the two newest invites, or None."""
        known = self.registry.invites[self.conversation_id]
        return known[-1 - self.number // 2 % min(len(known), 2)] if known else None

    def compose(self) -> OutgoingMessage:
        """Return a new outgoing message."""
        return self.participant.compose(self.conversation_id, self.body())

    @property
    def moderator(self) -> Participant:
        """Mostly the creator, as most others would be rejected."""
        return self.participant if self.number % 4 == 0 else self.registry.creators[self.conversation_id]

    @property
    def outsider(self) -> Participant:
        """A participant who is probably not a member; any other if there is none."""
        inside = self.registry.members[self.conversation_id]
        outside = [participant for participant in self.registry.participants if participant.id not in inside]
        return outside[self.number // 3 % len(outside)] if outside and self.number % 3 else self.participant

    async def request(
        self, kind: str, method: str, path: str = "", *, by: Participant | None = None, **more: Any
    ) -> Call:
        """Send a request about the conversation."""
        return await (by or self.participant).http(kind, self.conversation_id, method, self.path + path, **more)

    def note_arrival(self, call: Call, participant: Participant) -> None:
        """Note a new member if the call succeeded."""
        if call.is_ok:
            self.registry.members[self.conversation_id].add(participant.id)

    def note_departure(self, call: Call, participant: Participant) -> None:
        """Note a departed member if the call succeeded."""
        if call.is_ok:
            self.registry.members[self.conversation_id].discard(participant.id)
