"""One step of a program with the people and things that its numbers stand for."""

from __future__ import annotations

from typing import Any

from tests.invariants.history.cast import Cast
from tests.invariants.history.device import Device
from tests.invariants.history.person import Outgoing, Person
from tests.invariants.history.programs import SOCKETS, Step
from tests.invariants.history.records import Call, Json


class Scene:
    """One step with the people and things that its numbers stand for."""

    def __init__(self, cast: Cast, step: Step) -> None:
        self.cast = cast
        self.number = step.number
        self.person: Person = cast.people[step.who % len(cast.people)]
        self.other: Person = cast.people[step.whom % len(cast.people)]
        self.where = cast.conversations[step.where % len(cast.conversations)]
        self.device: Device = self.person.device(step.socket % SOCKETS)
        self.step = step

    @property
    def path(self) -> str:
        """The conversation's path."""
        return f"/conversations/{self.where}"

    def body(self) -> Json:
        """A message, sometimes with a reference, a mention or metadata that may or may not be right."""
        body: Json = {"content": self.cast.text()}
        if self.number % 5 == 1:
            body["reply_to"] = 1 + self.number % max(self.cast.head(self.where), 1)
        if self.number % 7 == 1:
            body["mentions"] = [self.other.id]
        if self.number % 11 == 1:
            body["metadata"] = {"number": self.number}
        return body

    def target(self, *, own: bool = False) -> int:
        """One of the newest messages, of the person's `own` if there are any; rarely any event, or none."""
        known = self.cast.messages(self.where)
        mine = [number for number, who in known if who == self.person.id] if own else []
        numbers = mine or [number for number, _ in known]
        if numbers and self.number % 8:
            return numbers[-1 - self.number // 8 % min(len(numbers), 3)]
        return max(self.cast.head(self.where) + 1 - self.number // 8 % 6, 1)

    async def change(self, kind: str, target: int, **fields: Any) -> None:
        """Change a message, by HTTP or by socket."""
        asked = {"target": target, **fields}
        if self.number % 2:
            command = "delete" if kind == "take_back" else kind
            frame = {"type": command, "conversation_id": self.where, **asked}
            call = await self.device.ask(kind, self.where, frame)
        else:
            methods = {"edit": "PATCH", "take_back": "DELETE", "react": "PUT", "unreact": "DELETE"}
            path = f"/messages/{target}" + ("/reactions" if "emoji" in fields else "")
            said: dict[str, Any] = {"query" if "emoji" in fields else "body": fields or None}
            call = await self.request(kind, methods[kind], path, asked=asked, **said)
        if call.is_ok and isinstance(call.answer, dict):
            self.cast.see(self.where, call.answer["sequence_id"])

    def invite(self) -> Json | None:
        """One of the two newest invites, None if there is none."""
        known = self.cast.invites[self.where]
        return known[-1 - self.number // 2 % min(len(known), 2)] if known else None

    def fresh(self) -> Outgoing:
        """Something new to say."""
        return self.person.intends(self.where, self.body())

    @property
    def moderator(self) -> Person:
        """Mostly the one who made the conversation, as most others would be refused."""
        return self.person if self.number % 4 == 0 else self.cast.owners[self.where]

    @property
    def outsider(self) -> Person:
        """Somebody who is not in, as far as is known; anybody else if there is nobody."""
        inside = self.cast.inside[self.where]
        outside = [each for each in self.cast.people if each.id not in inside]
        return outside[self.number // 3 % len(outside)] if outside and self.number % 3 else self.person

    async def request(
        self, kind: str, method: str, path: str = "", *, by: Person | None = None, **more: Any
    ) -> Call:
        """A request about the conversation."""
        return await (by or self.person).http(kind, self.where, method, self.path + path, **more)

    def came(self, call: Call, who: Person) -> None:
        """Note that somebody is in, if the call that brought them was done."""
        if call.is_ok:
            self.cast.inside[self.where].add(who.id)

    def went(self, call: Call, who: Person) -> None:
        """Note that somebody is out, if the call that ended it was done."""
        if call.is_ok:
            self.cast.inside[self.where].discard(who.id)
