"""What each step of a program does. `number` is whatever the step needs: a choice, a limit, a position."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.invariants.history.cast import Cast
from tests.invariants.history.moderating import MODERATING
from tests.invariants.history.person import Person
from tests.invariants.history.programs import SOCKETS, Op, Start, Step
from tests.invariants.history.records import Call, Json
from tests.invariants.history.scene import Scene

FLOOD = 12
NO_MESSAGE = 1
"""Event 1 is the creation: to reply to it is refused, unless it is a repeat of what was accepted."""
PAGES = 30
_EMOJI = ("👍🏽", "❤️", "🇩🇪")


async def _say(scene: Scene) -> None:
    await scene.person.says(scene.fresh(), scene.device)


async def _post(scene: Scene) -> None:
    await scene.person.says(scene.fresh(), None)


async def _post_without_id(scene: Scene) -> None:
    call = await scene.request("send", "POST", "/messages", body={"content": scene.cast.text()})
    if call.is_ok:
        scene.cast.see(scene.where, call.answer["sequence_id"])


async def _say_again(scene: Scene) -> None:
    said = [each for each in scene.person.said if each.where == scene.where]
    if not said:
        return await _say(scene)
    again = said[scene.number % len(said)]
    other_body: Json | None = None
    if scene.number % 3 == 0:
        other_body = {"content": scene.cast.text(), **({"reply_to": NO_MESSAGE} if scene.number % 2 else {})}
    await scene.person.tries(again, scene.device if scene.number % 2 else None, other_body)
    return None


async def _say_on_both(scene: Scene) -> None:
    outgoing = scene.fresh()
    other_text = {"content": scene.cast.text()} if scene.number % 2 else None
    other_device = scene.person.device((scene.device.number + 1) % SOCKETS)
    await asyncio.gather(
        scene.person.tries(outgoing, scene.device),
        scene.person.tries(outgoing, None, other_text),
        scene.person.tries(outgoing, other_device),
    )
    await scene.person.says(outgoing, None)


async def _flood(scene: Scene) -> None:
    await asyncio.gather(*(scene.person.says(scene.fresh(), None) for _ in range(FLOOD)))


async def _say_first(scene: Scene) -> None:
    """Something that can be changed, if nothing has been said yet."""
    if not scene.cast.messages(scene.where):
        await _say(scene)


async def _edit(scene: Scene) -> None:
    """To something new, or to one of two texts that others say as well: then it may be so already."""
    text = f"edited {scene.number % 2} ✎" if scene.number % 5 == 0 else scene.cast.text()
    await _say_first(scene)
    await scene.change("edit", scene.target(own=True), content=text)


async def _take_back(scene: Scene) -> None:
    await scene.change("take_back", scene.target(own=scene.number % 3 > 0))


async def _react(scene: Scene) -> None:
    await _say_first(scene)
    await scene.change("react", scene.target(), emoji=_EMOJI[scene.number % len(_EMOJI)])


async def _unreact(scene: Scene) -> None:
    await scene.change("unreact", scene.target(), emoji=_EMOJI[scene.number % len(_EMOJI)])


async def _update(scene: Scene) -> None:
    body: Json = {}
    if scene.number % 2 == 0:
        body["title"] = scene.cast.text()
    if scene.number % 3 == 0:
        body["join_policy"] = "open" if scene.number % 4 < 2 else "invite"
    if not body or scene.number % 5 == 0:
        body["metadata"] = {"number": scene.number}
    await scene.request("update", "PATCH", body=body)


async def _keep(scene: Scene) -> None:
    """How long contents are kept: mostly as short as can be, and mostly by somebody who may say so."""
    days = (30, 30, 60, 365, None)[scene.number // 4 % 5]
    await scene.request("update", "PATCH", by=scene.moderator, body={"retention_days": days})


async def _sweep(scene: Scene) -> None:
    scene.cast.world.sweep()


async def _delete(scene: Scene) -> None:
    await scene.request("delete", "DELETE")


async def _create(scene: Scene) -> None:
    await scene.cast.creates(Start(scene.step.who, (scene.step.whom,), is_open=scene.number % 2 == 0))


async def _subscribe(scene: Scene) -> None:
    await scene.device.subscribe(scene.where)


async def _unsubscribe(scene: Scene) -> None:
    await scene.device.unsubscribe(scene.where)


async def _read(scene: Scene) -> None:
    target = scene.number % (scene.cast.head(scene.where) + 2)
    if scene.number % 2:
        await scene.request("read", "PUT", "/read", body={"sequence_id": target})
    else:
        frame = {"type": "read", "conversation_id": scene.where, "sequence_id": target}
        await scene.device.ask("read", scene.where, frame)


async def _type(scene: Scene) -> None:
    frame = {"type": "typing", "conversation_id": scene.where, "is_typing": scene.number % 3 > 0}
    await scene.device.mention("typing", scene.where, frame)


async def _kill(scene: Scene) -> None:
    await scene.device.kill(gracefully=scene.number % 2 == 0)
    if scene.number % 4 < 2:
        await scene.device.online()


async def _ping(scene: Scene) -> None:
    await scene.device.ping()


async def _page_messages(scene: Scene) -> None:
    """Backwards from the newest or from somewhere, or forwards from somewhere, some pages long."""
    limit, somewhere = 1 + scene.number % 9, scene.number % (scene.cast.head(scene.where) + 2)
    query: dict[str, int] = {"limit": limit}
    direction = "after" if scene.number % 3 == 0 else "before"
    if scene.number % 3 < 2:
        query[direction] = somewhere
    for _ in range(4):
        call = await scene.request("messages", "GET", "/messages", query=query)
        if not call.is_ok or not call.answer["has_more"] or not call.answer["messages"]:
            return
        edge = call.answer["messages"][-1 if direction == "after" else 0]["sequence_id"]
        query = {"limit": limit, direction: edge}


async def _page_events(scene: Scene) -> None:
    head = scene.cast.head(scene.where)
    await read_events(scene.person, scene.where, after=scene.number % (head + 2), limit=2 + scene.number % 20)


async def read_events(person: Person, where: str, after: int, limit: int) -> Call:
    """The raw log from somewhere on, page by page; the last page."""
    for _ in range(PAGES):
        query = {"after": after, "limit": limit}
        call = await person.http("events", where, "GET", f"/conversations/{where}/events", query=query)
        if not call.is_ok or not call.answer["has_more"] or not call.answer["events"]:
            break
        after = call.answer["events"][-1]["sequence_id"]
    return call


async def _list(scene: Scene) -> None:
    await read_list(scene.person, limit=1 + scene.number % 3)


async def read_list(person: Person, limit: int) -> None:
    """The person's conversations, page by page; the record of a page names its place in the run."""
    query: dict[str, Any] = {"limit": limit}
    for page in range(PAGES):
        asked = {**query, "page": page}
        call = await person.http("list", "", "GET", "/conversations", query=query, asked=asked)
        if not call.is_ok or "next_cursor" not in call.answer:
            return
        query = {"limit": limit, "cursor": call.answer["next_cursor"]}


async def _look(scene: Scene) -> None:
    await scene.request("look", "GET")


PERFORM: Mapping[Op, Callable[[Scene], Awaitable[None]]] = {
    "say": _say,
    "post": _post,
    "post_without_id": _post_without_id,
    "say_again": _say_again,
    "say_on_both": _say_on_both,
    "flood": _flood,
    "edit": _edit,
    "take_back": _take_back,
    "react": _react,
    "unreact": _unreact,
    **MODERATING,
    "update": _update,
    "keep": _keep,
    "sweep": _sweep,
    "delete": _delete,
    "create": _create,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "read": _read,
    "type": _type,
    "kill": _kill,
    "ping": _ping,
    "page_messages": _page_messages,
    "page_events": _page_events,
    "list": _list,
    "look": _look,
}


async def perform(cast: Cast, step: Step) -> None:
    """Do one step of a program."""
    await PERFORM[step.op](Scene(cast, step))
