"""The steps of schedules: actions of users, and faults of network, server, storage, clock and processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tests.conformance.gateway import ME
from tests.conformance.network import CONVERSATIONS
from tests.conformance.refusals import TRANSIENT
from tests.conformance.tab import Tab
from tests.conformance.world import World

Place = TypeVar("Place", bound=World)
TOO_LONG_FOR_A_FRAME = 4_000
Step = Callable[[Place, int], object]


def conversation(index: int) -> str:
    return CONVERSATIONS[index // 2 % len(CONVERSATIONS)]


def _be_busy(world: World, index: int) -> None:
    # Each code with different numbers of refused commands, and none of them always with 0.
    world.gateway.busy, world.gateway.transient_code = index % 4, TRANSIENT[(index + index // 4) % len(TRANSIENT)]


def _refuse_handshakes(world: World, index: int) -> None:
    world.refused_handshakes = [(401, 503, 429, 0)[index % 4]] * (index % 3)
    world.tab(index).close_socket()


def _refuse_tokens(world: World, index: int) -> None:
    world.failing_tokens = index % 3
    world.tab(index).close_socket()


def _refuse_messages(world: World, _index: int) -> None:
    world.gateway.is_refusing = not world.gateway.is_refusing


def _flow(world: World, index: int) -> None:
    for _ in range(2 * index):
        world.execute(0)
        world.deliver(0)
        world.share()


def _crash_soon(world: World, index: int) -> None:
    if index % 3 == 0:  # a new process takes longer than all else in a schedule
        world.tab(index).crash_in = 2 * index


def _die_while_sending(world: World, index: int) -> None:
    if index % 3 == 0:
        world.tab(index).crash_in = index // 2
    world.send(conversation(index), index)


def _leap(world: World, index: int) -> None:
    world.happened["100,000 messages at once"] += index == 0
    world.gateway.append_many(conversation(index), 100_000 if index == 0 else 600)


STEPS: dict[str, Step[World]] = {
    "send": lambda world, index: world.send(conversation(index), index),
    "send a long one": lambda world, index: world.send(conversation(index), index, TOO_LONG_FOR_A_FRAME),
    "other": lambda world, index: world.others_send(conversation(index)),
    "others": lambda world, index: world.others_send(conversation(index), 5 * index),
    "leap": _leap,
    "edit": lambda world, index: world.update(conversation(index), "edit", index),
    "delete": lambda world, index: world.update(conversation(index), "delete", index),
    "react": lambda world, index: world.update(conversation(index), "react", index),
    "older": lambda world, index: world.command(conversation(index), index, "older"),
    "read": lambda world, index: world.command(conversation(index), index, "read"),
    "type": lambda world, index: world.command(conversation(index), index, "typing"),
    "look": lambda world, index: world.command(conversation(index), index, "view"),
    "reopen": lambda world, index: world.reopen(conversation(index), index),
    "older in a handler": lambda world, index: world.in_handler(conversation(index), index, "older"),
    "read in a handler": lambda world, index: world.in_handler(conversation(index), index, "read"),
    "send in a handler": lambda world, index: world.in_handler(conversation(index), index, "send"),
    "close in a handler": lambda world, index: world.in_handler(conversation(index), index, "close"),
    "reopen in a handler": lambda world, index: world.reopen_in_handler(conversation(index), index),
    "open in a handler": lambda world, index: world.in_handler(conversation(index), index, "open"),
    "observe in a handler": lambda world, index: world.in_handler(conversation(index), index, "observe"),
    "retry": lambda world, index: world.retry_or_discard(conversation(index), index, "retry"),
    "discard": lambda world, index: world.retry_or_discard(conversation(index), index, "discard"),
    "flow": _flow,
    "live": lambda world, index: world.live(300 * index),
    "live longer": lambda world, index: world.live(2_000 * index),
    "execute": lambda world, index: world.execute(index),
    "execute first": lambda world, _: world.execute(0),
    "deliver": lambda world, index: world.deliver(index),
    "deliver first": lambda world, _: world.deliver(0),
    "deliver twice": lambda world, index: world.deliver(index, is_kept=True),
    "lose an answer": lambda world, index: world.execute(index, is_answered=False),
    "lose a command": lambda world, index: world.lose_command(index),
    "lose a frame": lambda world, index: world.lose_frame(index),
    "answer a request": lambda world, index: world.answer_request(index),
    "lose a request": lambda world, index: world.answer_request(index, is_executed=False),
    "lose a response": lambda world, index: world.answer_request(index, is_answered=False),
    "share": lambda world, _: world.share(),
    "close": lambda world, index: world.tab(index).close_socket(),
    "gone": lambda world, index: world.claim_gone(index),
    "half open": lambda world, index: world.tab(index).lose_session(),
    "restart the server": lambda world, _: world.restart_server(),
    "busy": _be_busy,
    "refuse handshakes": _refuse_handshakes,
    "refuse tokens": _refuse_tokens,
    "refuse messages": _refuse_messages,
    "expire tokens": lambda world, _: world.gateway.expire_tokens(),
    "wait": lambda world, index: world.advance(100 * index),
    "sleep": lambda world, index: world.sleep(1_000_000 * index),
    "jump back": lambda world, index: world.turn_clock(-100_000 * index),
    "jump ahead": lambda world, index: world.turn_clock(100_000 * index),
    "storage full": lambda world, _: world.fill_storage(not world.is_full),
    "restart": lambda world, index: world.restart(world.tab(index)),
    "crash soon": _crash_soon,
    "die while sending": _die_while_sending,
    "echo": lambda world, index: world.echo(index),
    "restore": lambda world, index: world.restore(index),
}
"""The names and effects of all steps; the number selects a tab, a conversation, a frame, or an extent."""
OFTEN = {"send": 6, "flow": 10, "execute": 6, "live": 6, "live longer": 8}
SOMETIMES = ("other", "edit", "delete", "react", "send a long one")
RARELY = ("close", "half open", "restart the server", "refuse handshakes", "refuse tokens", "restore", "restart")
WEIGHTS = OFTEN | dict.fromkeys(SOMETIMES, 4) | dict.fromkeys(RARELY, 1)
"""How often steps are chosen; the others, twice. Without a connection, most steps would do nothing."""


def settle(world: World) -> None:
    """End all faults; the clients have ten seconds from here, and read marks twenty more."""
    world.gateway.end_faults()
    world.failing_tokens = 0
    world.refused_handshakes = []
    for tab in world.tabs:
        tab.crash_in = None
        tab.give({"type": "in_handler", "line": None})
    world.fill_storage(False)
    world.open_all()
    if world.seed % 2:
        world.gateway.expire_tokens()
        world.send(CONVERSATIONS[0], world.drainer)
    for tab in world.tabs:
        tab.give({"type": "online"})
    while world.changes:
        world.share()
    for conversation_id in CONVERSATIONS:
        world.retry_or_discard(conversation_id, world.drainer, "retry")
    world.live(10_000)
    world.sends.check_logs()
    for tab in world.tabs:
        for conversation_id in CONVERSATIONS:
            _judge_the_end(world, tab, conversation_id)
    for send in world.sends.all:
        is_in_log = send.key and world.gateway.place(send.conversation_id, send.key)
        assert is_in_log or send.is_free or send.done_in or send.is_known, f"lost: {send}"
    world.live(20_000)
    for tab in world.tabs:
        for conversation_id, view in tab.judge.views.items():
            _judge_read_marks(world, conversation_id, view.read_up_to)


def _judge_the_end(world: World, tab: Tab, conversation_id: str) -> None:
    tab.give({"type": "view", "conversation_id": conversation_id})
    view, log = tab.judge.views[conversation_id], world.gateway.logs[conversation_id]
    assert view.history_id == world.gateway.history_id, "another history after ten seconds"
    assert view.position == len(log), f"at {view.position} of {len(log)} after ten seconds"
    waiting = [message for message in view.messages if message["status"] != "sent"]
    assert not waiting, f"not sent after ten seconds: {waiting[0]['client_message_id']}"
    assert not view.wants_older, "older messages have not come"


def _judge_read_marks(world: World, conversation_id: str, shown: int) -> None:
    """Own messages may be read for the client only: they are no news."""
    known = world.gateway.read_up_to[conversation_id]
    unread = [event for event in world.gateway.logs[conversation_id][known:shown] if event["sender"] != ME]
    assert not unread, f"read up to {shown} is shown, and the server has {known}"
