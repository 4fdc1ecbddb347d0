"""Schedules in which rooms are closed and opened amid traffic, while the list of conversations is observed.

Frames and pushes are late, doubled and reordered, and none is lost but an `unsubscribe`. So each row must be right
soon, without the help of a ping. In a third of the schedules, commands and requests are refused and lost, and
connections claimed gone; `online` follows the last fault.
"""

from __future__ import annotations

import random
from collections import Counter

from tests.conformance.gateway import BOB, ME, Addressed
from tests.conformance.judge import Send
from tests.conformance.lines import ClientProcess
from tests.conformance.listing import ListGateway
from tests.conformance.network import CONVERSATIONS
from tests.conformance.schedules import reported
from tests.conformance.steps import Step, conversation
from tests.conformance.world import World

ROUNDS = 4
STEPS_OF_A_ROUND = 20
BOUND = 3_000
"""How many milliseconds after the last step all rows are right."""
RECOVERING = 30_000
"""How much longer it takes after faults: until there is a connection, and read marks have reached the server."""
REFUSING = 3_000
"""How many milliseconds the faults of a round last after its last step."""
SHARE_WITH_FAULTS = 3
"""One of how many schedules has faults besides those of the order of frames."""


class ListWorld(World):
    """One client, whose user observes the list."""

    def __init__(self, process: ClientProcess, seed: int) -> None:
        self.lists = ListGateway(*CONVERSATIONS)
        self.has_faults = seed % SHARE_WITH_FAULTS == 2
        super().__init__([process], seed, None, is_resuming=False, gateway=self.lists)
        self.tabs[0].give({"type": "list"})

    def is_open(self, conversation_id: str) -> bool:
        return self.tabs[0].is_open(conversation_id)

    def close_room(self, conversation_id: str) -> None:
        if self.is_open(conversation_id):
            self.tabs[0].judge.closed(conversation_id)
            self.tabs[0].give({"type": "close", "conversation_id": conversation_id})

    def open_room(self, conversation_id: str) -> None:
        if conversation_id not in self.lists.left:
            self.close_room(conversation_id)
            self.tabs[0].open(conversation_id)

    def act(self, conversation_id: str, kind: str) -> None:
        """Let the user do something in an open room."""
        if self.is_open(conversation_id) and conversation_id not in self.lists.left:
            if kind == "send":
                self.send(conversation_id, 0)
            else:
                self.command(conversation_id, 0, kind)

    def send_elsewhere(self, conversation_id: str) -> None:
        """Send a message from another device of the user."""
        content = f"elsewhere {len(self.sends.all)}"
        self.sends.add(Send(conversation_id, content, tab=-1))
        event = {"type": "message", "sender": ME, "content": content, "client_message_id": content}
        self.lists.append(conversation_id, event)

    def update_last(self, conversation_id: str, kind: str, index: int) -> None:
        """Let another participant change the newest message."""
        if (last := self.lists.row(conversation_id).get("last_message")) is not None:
            fields = {"message_edited": {"content": f"edited {index}"}, "reaction_added": {"emoji": "🎉"}}
            event = {"type": kind, "sender": BOB, "target": last["sequence_id"]}
            self.lists.append(conversation_id, event | fields.get(kind, {}))

    def rename(self, conversation_id: str) -> None:
        """Let another participant change the title."""
        title = f"title {len(self.lists.logs[conversation_id])}"
        self.lists.append(conversation_id, {"type": "conversation_updated", "sender": BOB, "title": title})

    def send_to_client(self, pushes: list[Addressed]) -> None:
        """Send pushes that follow no event."""
        self.to_clients += pushes

    def lose_unsubscribe(self) -> None:
        self.to_server = [(socket, frame) for socket, frame in self.to_server if frame["type"] != "unsubscribe"]

    def refuse_request(self, status: int) -> None:
        """Answer a request with an error; 0 is for no answer."""
        request = self.tabs[0].requests.pop(0)["request"]
        body = self.gateway.refusal(status)[1] if status else {}
        answer = {"status": status, "body": body, "history_id": self.gateway.history_id}
        self.tabs[0].give({"type": "response", "request": request, **answer})

    def read_page(self) -> None:
        """Let the server read a page whose response comes later."""
        for request in self.tabs[0].requests:
            if "page" not in request:
                request["page"] = self.page()
                return

    def judge(self) -> None:
        """Compare all rows with the log and the read pointer."""
        if self.has_faults:
            self.live(REFUSING)
            self.gateway.end_faults()
            self.tabs[0].give({"type": "online"})
        session = self.lists.sessions.get(self.tabs[0].socket)
        if self.has_faults or session is None or not session.has_feed:
            self.live(RECOVERING)
        self.live(BOUND)
        names = ("title", "unread_count")
        expected = {
            row["conversation_id"]: {
                **{name: row[name] for name in names},
                "last_message": row.get("last_message")
                and {name: row["last_message"].get(name) for name in ("sequence_id", "content")},
            }
            for row in self.lists.conversations()["conversations"]
        }
        shown = {row.pop("conversation_id"): row for row in map(dict, self.tabs[0].judge.rows)}
        assert shown == expected, f"the list shows {shown}, and the server has {expected}"


def _flow(world: ListWorld, index: int) -> None:
    for _ in range(index):
        world.execute(0)
        world.push(0)
        world.deliver(0)


STEPS: dict[str, Step[ListWorld]] = {
    "other": lambda world, index: world.others_send(conversation(index)),
    "others": lambda world, index: world.others_send(conversation(index), 3 * index),
    "elsewhere": lambda world, index: world.send_elsewhere(conversation(index)),
    "send": lambda world, index: world.act(conversation(index), "send"),
    "read": lambda world, index: world.act(conversation(index), "read"),
    "read elsewhere": lambda world, index: world.send_to_client(world.lists.read_elsewhere(conversation(index))),
    "edit": lambda world, index: world.update_last(conversation(index), "message_edited", index),
    "delete": lambda world, index: world.update_last(conversation(index), "message_deleted", index),
    "react": lambda world, index: world.update_last(conversation(index), "reaction_added", index),
    "rename": lambda world, index: world.rename(conversation(index)),
    "remove or add": lambda world, index: world.send_to_client(world.lists.remove(conversation(index))),
    "close": lambda world, index: world.close_room(conversation(index)),
    "close again": lambda world, index: world.close_room(conversation(index)),
    "open": lambda world, index: world.open_room(conversation(index)),
    "open again": lambda world, index: world.open_room(conversation(index)),
    "lose an unsubscribe": lambda world, _: world.lose_unsubscribe(),
    "flow": _flow,
    "execute": lambda world, index: world.execute(index),
    "execute first": lambda world, _: world.execute(0),
    "push": lambda world, index: world.push(index),
    "push first": lambda world, _: world.push(0),
    "deliver": lambda world, index: world.deliver(index),
    "deliver first": lambda world, _: world.deliver(0),
    "deliver twice": lambda world, index: world.deliver(index, is_kept=True),
    "read a page": lambda world, _: world.read_page(),
    "answer a request": lambda world, index: world.answer_request(index),
    "wait": lambda world, index: world.advance(100 * index),
    "close the socket": lambda world, index: world.tab(index).close_socket() if index == 0 else None,
    "restore": lambda world, index: world.restore(10) if index == 0 else None,
}
"""The names and effects of all steps; the number selects a conversation, a frame, or an extent."""
FAULTS: dict[str, Step[ListWorld]] = {
    "lose a request": lambda world, index: world.answer_request(index, is_executed=False),
    "lose a response": lambda world, index: world.answer_request(index, is_answered=False),
    "lose an answer": lambda world, index: world.execute(index, is_answered=False),
    "lose a command": lambda world, index: world.lose_command(index),
    "lose a frame": lambda world, index: world.lose_frame(index),
    "expire tokens": lambda world, _: world.gateway.expire_tokens(),
    "gone": lambda world, index: world.claim_gone(index),
}


def run(process: ClientProcess, seed: int) -> Counter[str]:
    """Run one schedule; return how often each fault has happened. Raises ScheduleFailed."""
    choices = random.Random(seed)
    done: list[str] = ["start"]
    with reported([process], f"list, seed {seed}", done):
        world = ListWorld(process, seed)
        steps = {**STEPS, **FAULTS} if world.has_faults else STEPS
        names = sorted(steps)
        for number in range(ROUNDS):
            if world.has_faults:
                world.gateway.refusals.begin(seed * ROUNDS + number)
            for _ in range(STEPS_OF_A_ROUND):
                name, index = choices.choice(names), choices.randrange(12)
                done.append(f"{name} {index}")
                steps[name](world, index)
            done.append("judge")
            world.judge()
        world.tabs[0].give({"type": "stop"})
        return world.happened
