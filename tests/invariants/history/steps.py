"""The implementation of each step. `number` is a choice, a limit or a position."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.invariants.history.generators import SOCKETS, Op, Start, Step
from tests.invariants.history.moderation_steps import MODERATING
from tests.invariants.history.participant import Participant
from tests.invariants.history.records import Call, Json
from tests.invariants.history.registry import Registry
from tests.invariants.history.step_context import StepContext

FLOOD = 12
BATCH = 4
NO_MESSAGE = 1
"""Event 1 is the creation: a reply to it is rejected, unless it repeats an accepted message."""
PAGES = 30
_EMOJI = ("👍🏽", "❤️", "🇩🇪")


async def _say(context: StepContext) -> None:
    await context.participant.send(context.compose(), context.client)


async def _post(context: StepContext) -> None:
    await context.participant.send(context.compose(), None)


async def _post_without_id(context: StepContext) -> None:
    call = await context.request("send", "POST", "/messages", body={"content": context.registry.new_text()})
    if call.is_ok:
        context.registry.note_head(context.conversation_id, call.answer["sequence_id"])


async def _say_again(context: StepContext) -> None:
    sent = [
        outgoing
        for outgoing in context.participant.outgoing
        if outgoing.conversation_id == context.conversation_id
    ]
    if not sent:
        return await _say(context)
    again = sent[context.number % len(sent)]
    other_body: Json | None = None
    if context.number % 3 == 0:
        other_body = {
            "content": context.registry.new_text(),
            **({"reply_to": NO_MESSAGE} if context.number % 2 else {}),
        }
    await context.participant.try_send(again, context.client if context.number % 2 else None, other_body)
    return None


async def _say_on_both(context: StepContext) -> None:
    outgoing = context.compose()
    other_text = {"content": context.registry.new_text()} if context.number % 2 else None
    other_device = context.participant.client((context.client.number + 1) % SOCKETS)
    await asyncio.gather(
        context.participant.try_send(outgoing, context.client),
        context.participant.try_send(outgoing, None, other_text),
        context.participant.try_send(outgoing, other_device),
    )
    await context.participant.send(outgoing, None)


async def _flood(context: StepContext) -> None:
    await asyncio.gather(*(context.participant.send(context.compose(), None) for _ in range(FLOOD)))


async def _batch(context: StepContext) -> None:
    await context.participant.send_batch([context.compose() for _ in range(BATCH)], context.client)


async def _say_first(context: StepContext) -> None:
    """Send a message if there is none to update."""
    if not context.registry.messages(context.conversation_id):
        await _say(context)


async def _edit(context: StepContext) -> None:
    """Edit to a new text, or to one of two common texts, which may be a no-op."""
    text = f"edited {context.number % 2} ✎" if context.number % 5 == 0 else context.registry.new_text()
    await _say_first(context)
    await context.update_message("edit", context.target(own=True), content=text)


async def _take_back(context: StepContext) -> None:
    await context.update_message("delete_message", context.target(own=context.number % 3 > 0))


async def _react(context: StepContext) -> None:
    await _say_first(context)
    await context.update_message("react", context.target(), emoji=_EMOJI[context.number % len(_EMOJI)])


async def _unreact(context: StepContext) -> None:
    await context.update_message("unreact", context.target(), emoji=_EMOJI[context.number % len(_EMOJI)])


async def _update(context: StepContext) -> None:
    body: Json = {}
    if context.number % 2 == 0:
        body["title"] = context.registry.new_text()
    if context.number % 3 == 0:
        body["join_policy"] = "open" if context.number % 4 < 2 else "invite"
    if not body or context.number % 5 == 0:
        body["metadata"] = {"number": context.number}
    await context.request("update", "PATCH", body=body)


async def _keep(context: StepContext) -> None:
    """Set the retention period: mostly the shortest one, and mostly as an owner."""
    days = (30, 30, 60, 365, None)[context.number // 4 % 5]
    await context.request("update", "PATCH", by=context.moderator, body={"retention_days": days})


async def _sweep(context: StepContext) -> None:
    context.registry.server.sweep()


async def _delete(context: StepContext) -> None:
    await context.request("delete", "DELETE")


async def _create(context: StepContext) -> None:
    await context.registry.create_conversation(
        Start(context.step.actor, (context.step.other,), is_open=context.number % 2 == 0)
    )


async def _subscribe(context: StepContext) -> None:
    await context.client.subscribe(context.conversation_id)


async def _unsubscribe(context: StepContext) -> None:
    await context.client.unsubscribe(context.conversation_id)


async def _resubscribe(context: StepContext) -> None:
    """Unsubscribe and subscribe without waiting: the later command wins, whichever is handled first."""
    frame = {"type": "unsubscribe", "conversation_id": context.conversation_id}
    await asyncio.gather(
        context.client.request("unsubscribe", context.conversation_id, frame),
        context.client.subscribe(context.conversation_id),
    )


async def _read(context: StepContext) -> None:
    target = context.number % (context.registry.head(context.conversation_id) + 2)
    if context.number % 2:
        await context.request("read", "PUT", "/read", body={"sequence_id": target})
    else:
        frame = {"type": "read", "conversation_id": context.conversation_id, "sequence_id": target}
        await context.client.request("read", context.conversation_id, frame)


async def _type(context: StepContext) -> None:
    frame = {"type": "typing", "conversation_id": context.conversation_id, "is_typing": context.number % 3 > 0}
    await context.client.send_without_reply("typing", context.conversation_id, frame)


async def _kill(context: StepContext) -> None:
    await context.client.kill(gracefully=context.number % 2 == 0)
    if context.number % 4 < 2:
        await context.client.online()


async def _ping(context: StepContext) -> None:
    await context.client.ping()


async def _page_messages(context: StepContext) -> None:
    """Read a few pages backwards from the newest or from a position, or forwards from a position."""
    limit, somewhere = (
        1 + context.number % 9,
        context.number % (context.registry.head(context.conversation_id) + 2),
    )
    query: dict[str, int] = {"limit": limit}
    direction = "after" if context.number % 3 == 0 else "before"
    if context.number % 3 < 2:
        query[direction] = somewhere
    for _ in range(4):
        call = await context.request("messages", "GET", "/messages", query=query)
        if not call.is_ok or not call.answer["has_more"] or not call.answer["messages"]:
            return
        edge = call.answer["messages"][-1 if direction == "after" else 0]["sequence_id"]
        query = {"limit": limit, direction: edge}


async def _page_events(context: StepContext) -> None:
    head = context.registry.head(context.conversation_id)
    await read_events(
        context.participant,
        context.conversation_id,
        after=context.number % (head + 2),
        limit=2 + context.number % 20,
    )


async def read_events(participant: Participant, conversation_id: str, after: int, limit: int) -> Call:
    """Read the log from a position, page by page; return the last page."""
    for _ in range(PAGES):
        query = {"after": after, "limit": limit}
        call = await participant.http(
            "events", conversation_id, "GET", f"/conversations/{conversation_id}/events", query=query
        )
        if not call.is_ok or not call.answer["has_more"] or not call.answer["events"]:
            break
        after = call.answer["events"][-1]["sequence_id"]
    return call


async def _list(context: StepContext) -> None:
    await read_list(context.participant, limit=1 + context.number % 3)


async def read_list(participant: Participant, limit: int) -> None:
    """Read the participant's conversations, page by page; the record contains the number of the page."""
    query: dict[str, Any] = {"limit": limit}
    for page in range(PAGES):
        asked = {**query, "page": page}
        call = await participant.http("list", "", "GET", "/conversations", query=query, asked=asked)
        if not call.is_ok or "next_cursor" not in call.answer:
            return
        query = {"limit": limit, "cursor": call.answer["next_cursor"]}


async def _look(context: StepContext) -> None:
    await context.request("view", "GET")


PERFORM: Mapping[Op, Callable[[StepContext], Awaitable[None]]] = {
    "send": _say,
    "post": _post,
    "post_without_id": _post_without_id,
    "resend": _say_again,
    "send_on_both": _say_on_both,
    "flood": _flood,
    "batch": _batch,
    "edit": _edit,
    "delete_message": _take_back,
    "react": _react,
    "unreact": _unreact,
    **MODERATING,
    "update": _update,
    "set_retention": _keep,
    "sweep": _sweep,
    "delete_conversation": _delete,
    "create": _create,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "resubscribe": _resubscribe,
    "read": _read,
    "send_typing": _type,
    "disconnect": _kill,
    "ping": _ping,
    "page_messages": _page_messages,
    "page_events": _page_events,
    "list": _list,
    "view": _look,
}


async def perform(registry: Registry, step: Step) -> None:
    """Perform a step of a program."""
    await PERFORM[step.op](StepContext(registry, step))
