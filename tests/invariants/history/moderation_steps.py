"""Steps that change memberships and permissions: joining, leaving, roles, invites, bans, mutes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tests.invariants.history.generators import Op
from tests.invariants.history.records import Json
from tests.invariants.history.step_context import StepContext

_ROLES = ("member", "moderator", "owner")
_USES = (1, 2, None)
_MUTED_FOR = (3600, 3600, 1, 0)
"""Seconds: longer than any program, shorter than most, and zero."""
_NO_INVITE = "inv_AAAAAAAAAAAAAAAAAAAAAA"


async def _join(context: StepContext) -> None:
    context.note_arrival(await context.request("join", "POST", "/join"), context.participant)


async def _leave(context: StepContext) -> None:
    call = await context.request("leave", "POST", "/leave")
    if call.is_ok and "remaining_participants" not in (call.answer or {}):
        call.kind = "decline"  # of a pending membership
    else:
        context.note_departure(call, context.participant)


async def _add(context: StepContext) -> None:
    role = _ROLES[1] if context.number % 5 == 0 else _ROLES[0]
    body = {"participant_id": context.other.id, "name": context.other.name, "role": role}
    call, other = await context.request("add", "POST", "/participants", body=body), context.other
    if not call.is_ok or call.answer.get("membership") != "pending":
        context.note_arrival(call, other)
        return
    call.kind = "ask"  # a former member, who has to accept
    if context.number % 4 != 0:
        context.note_arrival(await context.request("join", "POST", "/join", by=other), other)


async def _remove(context: StepContext) -> None:
    target = {"participant_id": context.other.id}
    context.note_departure(await context.request("remove", "DELETE", "/participants", query=target), context.other)


async def _role(context: StepContext) -> None:
    target, body = {"participant_id": context.other.id}, {"role": _ROLES[context.number % 3]}
    await context.request("role", "PATCH", "/participants", query=target, body=body)


async def _invite(context: StepContext) -> None:
    uses = _USES[context.number // 4 % len(_USES)]
    body: Json = {} if uses is None else {"max_uses": uses}
    call = await context.request("invite", "POST", "/invites", by=context.moderator, body=body)
    if call.is_ok:
        context.registry.invites[context.conversation_id].append(call.answer)


async def _join_by(context: StepContext) -> None:
    """Join by one of the newest invites, which is created if there is none."""
    if not context.registry.invites[context.conversation_id]:
        await _invite(context)
    invite, participant = context.invite(), context.outsider
    body = {"invite": _NO_INVITE if invite is None else invite["invite"]}
    context.note_arrival(await context.request("join", "POST", "/join", by=participant, body=body), participant)


async def _revoke(context: StepContext) -> None:
    """Revoke by secret or by id."""
    invite = context.invite()
    if invite is None:
        return await _invite(context)
    path = f"/invites/{invite['invite' if context.number // 4 % 2 else 'invite_id']}"
    await context.request("revoke", "DELETE", path, by=context.moderator, asked={"invite": invite["invite"]})
    return None


async def _ban(context: StepContext) -> None:
    target = {"participant_id": context.other.id}
    query = {**target, "ban": "true"}
    call = await context.request("ban", "DELETE", "/participants", by=context.moderator, query=query, asked=target)
    context.note_departure(call, context.other)


async def _unban(context: StepContext) -> None:
    target = {"participant_id": context.other.id}
    await context.request("unban", "DELETE", "/bans", by=context.moderator, query=target)


async def _mute(context: StepContext) -> None:
    target, seconds = {"participant_id": context.other.id}, _MUTED_FOR[context.number // 4 % len(_MUTED_FOR)]
    body = {"muted_for": seconds}
    await context.request("mute", "PATCH", "/participants", by=context.moderator, query=target, body=body)


MODERATING: Mapping[Op, Callable[[StepContext], Awaitable[None]]] = {
    "join": _join,
    "leave": _leave,
    "add": _add,
    "remove": _remove,
    "set_role": _role,
    "invite": _invite,
    "join_by": _join_by,
    "revoke": _revoke,
    "ban": _ban,
    "unban": _unban,
    "mute": _mute,
}
