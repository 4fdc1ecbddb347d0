"""Steps about who may be in and who may speak: coming and going, roles, invites, bans, mutes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tests.invariants.history.programs import Op
from tests.invariants.history.records import Json
from tests.invariants.history.scene import Scene

_ROLES = ("member", "moderator", "owner")
_USES = (1, 2, None)
_MUTED_FOR = (3600, 3600, 1, 0)
"""Seconds: longer than any program runs, over before it ends, and not at all."""
_NO_INVITE = "inv_AAAAAAAAAAAAAAAAAAAAAA"


async def _join(scene: Scene) -> None:
    scene.came(await scene.request("join", "POST", "/join"), scene.person)


async def _leave(scene: Scene) -> None:
    scene.went(await scene.request("leave", "POST", "/leave"), scene.person)


async def _add(scene: Scene) -> None:
    role = _ROLES[1] if scene.number % 5 == 0 else _ROLES[0]
    body = {"participant_id": scene.other.id, "name": scene.other.name, "role": role}
    scene.came(await scene.request("add", "POST", "/participants", body=body), scene.other)


async def _remove(scene: Scene) -> None:
    who = {"participant_id": scene.other.id}
    scene.went(await scene.request("remove", "DELETE", "/participants", query=who), scene.other)


async def _role(scene: Scene) -> None:
    who, body = {"participant_id": scene.other.id}, {"role": _ROLES[scene.number % 3]}
    await scene.request("role", "PATCH", "/participants", query=who, body=body)


async def _invite(scene: Scene) -> None:
    uses = _USES[scene.number // 4 % len(_USES)]
    body: Json = {} if uses is None else {"max_uses": uses}
    call = await scene.request("invite", "POST", "/invites", by=scene.moderator, body=body)
    if call.is_ok:
        scene.cast.invites[scene.where].append(call.answer)


async def _join_by(scene: Scene) -> None:
    """By one of the newest invites, which is made now if there is none."""
    if not scene.cast.invites[scene.where]:
        await _invite(scene)
    invite, who = scene.invite(), scene.outsider
    body = {"invite": _NO_INVITE if invite is None else invite["invite"]}
    scene.came(await scene.request("join", "POST", "/join", by=who, body=body), who)


async def _revoke(scene: Scene) -> None:
    """By its secret or by its id."""
    invite = scene.invite()
    if invite is None:
        return await _invite(scene)
    path = f"/invites/{invite['invite' if scene.number // 4 % 2 else 'invite_id']}"
    await scene.request("revoke", "DELETE", path, by=scene.moderator, asked={"invite": invite["invite"]})
    return None


async def _ban(scene: Scene) -> None:
    who = {"participant_id": scene.other.id}
    query = {**who, "ban": "true"}
    call = await scene.request("ban", "DELETE", "/participants", by=scene.moderator, query=query, asked=who)
    scene.went(call, scene.other)


async def _unban(scene: Scene) -> None:
    who = {"participant_id": scene.other.id}
    await scene.request("unban", "DELETE", "/bans", by=scene.moderator, query=who)


async def _mute(scene: Scene) -> None:
    who, seconds = {"participant_id": scene.other.id}, _MUTED_FOR[scene.number // 4 % len(_MUTED_FOR)]
    body = {"muted_for": seconds}
    await scene.request("mute", "PATCH", "/participants", by=scene.moderator, query=who, body=body)


MODERATING: Mapping[Op, Callable[[Scene], Awaitable[None]]] = {
    "join": _join,
    "leave": _leave,
    "add": _add,
    "remove": _remove,
    "role": _role,
    "invite": _invite,
    "join_by": _join_by,
    "revoke": _revoke,
    "ban": _ban,
    "unban": _unban,
    "mute": _mute,
}
