"""The permission matrix: every route and every command, with the expected answer for each role.

`test_permission_matrix.py` generates its tests from it and checks that it contains every route and every command.
A cell for a route is the status, with the error code where it is not the usual one; a cell for a command is the
type of the reply or the error code. All actions refer to the same participants and the same message of a `Room`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.client import TestClient

NO_CONVERSATION = "conv_AAAAAAAAAAAAAAAAAAAAAA"
OUTSIDE = ("stranger", "former", "banned")
INSIDE = ("member", "muted", "moderator", "owner")
ROLES = (*OUTSIDE, *INSIDE)
VICTIMS = (
    *("a member", "a moderator", "an owner", "a banned user", "nobody"),
    *("a pending member", "a pending moderator"),
)


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation with a participant of each role; resolves the placeholders of the matrix."""

    chat: str
    people: Mapping[str, TestClient]
    """By role, outsiders included."""
    invites: Mapping[str, str]
    """The invites that the action needs: one for each outsider role, or one named `spare`."""

    def filled(self, value: Any, who: str, chat: str | None = None) -> Any:
        """Return a value with the placeholders of its texts replaced."""
        if isinstance(value, dict):
            return {name: self.filled(inner, who, chat) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner, who, chat) for inner in value]
        if not isinstance(value, str):
            return value
        ids = {name.replace(" ", "_"): person.id for name, person in self.people.items()}
        return value.format(
            **ids,
            chat=chat or self.chat,
            myself=self.people[who].id,
            token=self.people[who].token,
            invite=self.invites.get(who, "inv_AAAAAAAAAAAAAAAAAAAAAA"),
            spare=self.invites.get("spare", ""),
            report="rpt_no",
        )


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the matrix."""

    name: str
    does: str
    """A method and a path, or a command."""
    answers: Mapping[str, str]
    """By role."""
    says: Mapping[str, Any] = field(default_factory=dict)
    """The body, or the fields of the frame; placeholders in texts are replaced."""
    is_open: bool = False
    """Whether the conversation is open."""

    @property
    def changes_nothing(self) -> bool:
        """Whether allowed callers leave the room unchanged."""
        return self.does.startswith("GET") or self.does in _LOOKING

    @property
    def is_done_once(self) -> bool:
        """Whether each allowed caller needs a separate room."""
        deletes = any(command["type"] == "delete" for command in self.says.get("commands", ()))
        return deletes or self.does.startswith(("DELETE", f"POST {_PEOPLE}", f"PATCH {_PEOPLE}", "delete"))

    @property
    def removes_the_caller(self) -> bool:
        """Whether the caller no longer exists afterwards, so that each caller needs separate participants."""
        return self.does == "DELETE /me"

    @property
    def invites(self) -> tuple[str, ...]:
        """The invites that the action needs."""
        if "{spare}" in self.does:
            return ("spare",)
        return OUTSIDE if "{invite}" in self.says.values() else ()

    @property
    def is_command(self) -> bool:
        """Whether it is a socket command."""
        return " " not in self.does

    @property
    def route(self) -> tuple[str, str]:
        """Method and path, as the application declares them."""
        method, path = self.does.split(" ")
        plain = path.partition("?")[0].replace("{chat}", "{conversation_id}").replace("{spare}", "{invite}")
        plain = plain.replace("/reports/rpt_x", "/reports/{report}").replace("/ep_x", "/{endpoint_id}")
        plain = re.sub("/invites/0+$", "/invites/{invite}", plain)
        return method, plain.replace(f"/messages/{MESSAGE}", "/messages/{sequence_id}")

    def __str__(self) -> str:
        return self.name


def _row(
    name: str, does: str, answers: str, says: Mapping[str, Any] | None = None, *, is_open: bool = False
) -> Act:
    columns = answers.split()
    assert len(columns) in (len(INSIDE) + 1, len(ROLES)), f"{name} has {len(columns)} columns"
    if len(columns) < len(ROLES):
        columns = [columns[0]] * len(OUTSIDE) + columns[1:]
    return Act(name, does, dict(zip(ROLES, columns, strict=True)), says or {}, is_open)


MESSAGE = 2
"""The sequence id of the message that the member sent."""
_CHAT = "/conversations/{chat}"
_PEOPLE = f"{_CHAT}/participants"
_WHO = f"{_PEOPLE}?participant_id="
_ONE_MESSAGE = f"{_CHAT}/messages/{MESSAGE}"
_THUMB = "%F0%9F%91%8D"
_LOOKING = ("subscribe", "unsubscribe", "sync", "typing", "hello", "ping", "auth", "POST /tickets")

_BATCHED: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "message": (
        "NOT_FOUND message_ack MUTED message_ack message_ack",
        "404 201 403:MUTED 201 201",
        {"client_message_id": "in-a-batch-by-{myself}", "content": "hello"},
    ),
    "edit": (
        "NOT_FOUND ack MUTED FORBIDDEN FORBIDDEN",
        "404 200 403:MUTED 403 403",
        {"target": 2, "content": "edited in a batch"},
    ),
    "delete": ("NOT_FOUND ack FORBIDDEN ack ack", "404 204 403 204 204", {"target": 2}),
    "react": ("NOT_FOUND ack MUTED ack ack", "404 204 403:MUTED 204 204", {"target": 2, "emoji": "👎"}),
    "unreact": ("NOT_FOUND ack MUTED ack ack", "404 204 403:MUTED 204 204", {"target": 2, "emoji": "👎"}),
    "read": ("NOT_FOUND read_ack read_ack read_ack read_ack", "404 200 200 200 200", {"sequence_id": 2}),
}
"""The commands of a batch: their results on the WebSocket and by HTTP, and their fields."""


def _batch_rows() -> list[Act]:
    """Return a row for each command in a batch, on the WebSocket and by HTTP; it is answered as alone."""
    rows = []
    for command, (frames, statuses, fields) in _BATCHED.items():
        says = {"commands": [{"type": command, "conversation_id": "{chat}", **fields}]}
        rows.append(_row(f"batch: {command}", "batch", frames, says))
        rows.append(_row(f"batch by HTTP: {command}", "POST /batch", statuses, says))
    return rows


_SERVICE, _ENDPOINT = f"/service{_CHAT}", "/service/endpoints/ep_x"
SERVICE_TABLE: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("GET /service/conversations", "200", {}),
    (
        "POST /service/conversations",
        "201",
        {"title": "New", "participants": [{"participant_id": "n", "name": "N"}]},
    ),
    (f"GET {_SERVICE}", "200", {}),
    (f"GET {_SERVICE}/messages", "200", {}),
    (f"GET {_SERVICE}/events", "200", {}),
    (f"GET {_SERVICE}/audit", "200", {}),
    (f"GET {_SERVICE}/reports", "200", {}),
    (f"PATCH {_SERVICE}/reports/rpt_x", "404", {"status": "resolved"}),
    (f"GET {_SERVICE}/bans", "200", {}),
    (f"POST {_SERVICE}/invites", "201", {}),
    (f"GET {_SERVICE}/invites", "200", {}),
    (f"DELETE {_SERVICE}/invites/{'0' * 32}", "404", {}),
    (f"GET {_SERVICE}/pending", "200", {}),
    (f"DELETE {_SERVICE}/pending?participant_id={{nobody}}", "404", {}),
    (f"DELETE {_SERVICE}/messages/{MESSAGE}/reactions?emoji={_THUMB}&participant_id={{a_member}}", "204", {}),
    (f"POST {_SERVICE}/messages", "201", {"client_message_id": "k", "content": "hello"}),
    (f"PATCH {_SERVICE}", "200", {"title": "Another"}),
    (f"DELETE {_SERVICE}/messages/{MESSAGE}", "204", {}),
    (f"POST {_SERVICE}/participants", "201", {"participant_id": "{nobody}", "name": "N", "role": "owner"}),
    (f"POST {_SERVICE}/participants", "409:BANNED", {"participant_id": "{a_banned_user}", "name": "N"}),
    (f"PATCH {_SERVICE}/participants?participant_id={{a_member}}", "200", {"role": "owner"}),
    (f"PATCH {_SERVICE}/participants?participant_id={{a_moderator}}", "200", {"muted_for": 60}),
    (f"PATCH {_SERVICE}/participants?participant_id={{owner}}", "403", {"muted_for": 60}),
    (f"DELETE {_SERVICE}/participants?participant_id={{a_moderator}}", "204", {}),
    (f"DELETE {_SERVICE}/participants?participant_id={{an_owner}}&ban=true", "204", {}),
    (f"DELETE {_SERVICE}/bans?participant_id={{a_banned_user}}", "204", {}),
    ("GET /service/reports", "200", {}),
    ("GET /service/participants?participant_id={nobody}", "200", {}),
    ("PATCH /service/participants?participant_id={nobody}", "200", {"suspended": False, "agent": False}),
    ("GET /service/participants/export?participant_id={nobody}", "200", {}),
    ("DELETE /service/participants?participant_id=someone", "202", {}),
    ("GET /service/participants/erasure?participant_id={nobody}", "404", {}),
    ("GET /service/endpoints", "409:EVENTS_OFF", {}),
    ("POST /service/endpoints", "409:EVENTS_OFF", {"url": "https://hooks.example.com/"}),
    (f"GET {_ENDPOINT}", "409:EVENTS_OFF", {}),
    (f"PATCH {_ENDPOINT}", "409:EVENTS_OFF", {"thin": True}),
    (f"POST {_ENDPOINT}/secret", "409:EVENTS_OFF", {}),
    (f"POST {_ENDPOINT}/resume", "409:EVENTS_OFF", {}),
    (f"POST {_ENDPOINT}/test", "409:EVENTS_OFF", {}),
    (f"DELETE {_ENDPOINT}", "409:EVENTS_OFF", {}),
    (f"DELETE {_SERVICE}", "204", {}),
)
"""The routes of services: an action, the answer to a service, and the body. They are performed in this order."""


def _service_rows() -> list[Act]:
    """Return a row for each route of services, which refuses every participant."""
    acts = {act: says for act, _, says in SERVICE_TABLE}
    return [_row(f"as a service: {act}", act, "403 403 403 403 403", says) for act, says in acts.items()]


TABLE: tuple[Act, ...] = (
    # Columns: outsiders (one for all, or non-member, former member, banned user), member, muted, moderator, owner.
    _row("see it", f"GET {_CHAT}", "404 200 200 200 200"),
    _row("read history", f"GET {_CHAT}/messages", "404 200 200 200 200"),
    _row("read the log", f"GET {_CHAT}/events", "404 200 200 200 200"),
    _row("list the reactions", f"GET {_ONE_MESSAGE}/reactions", "404 200 200 200 200"),
    _row("mark as read", f"PUT {_CHAT}/read", "404 200 200 200 200", {"sequence_id": 2}),
    _row("pin it", f"PATCH {_CHAT}/me", "404 200 200 200 200", {"pinned": True}),
    _row("send", f"POST {_CHAT}/messages", "404 201 403:MUTED 201 201", {"content": "hello"}),
    _row("edit the member's", f"PATCH {_ONE_MESSAGE}", "404 200 403:MUTED 403 403", {"content": "edited"}),
    _row("delete the member's", f"DELETE {_ONE_MESSAGE}", "404 204 403 204 204"),
    _row("react", f"PUT {_ONE_MESSAGE}/reactions?emoji={_THUMB}", "404 204 403:MUTED 204 204"),
    _row("take a reaction back", f"DELETE {_ONE_MESSAGE}/reactions?emoji={_THUMB}", "404 204 403:MUTED 204 204"),
    _row(
        "remove another's reaction",
        f"DELETE {_ONE_MESSAGE}/reactions?emoji={_THUMB}&participant_id={{a_member}}",
        "404 403 403 204 204",
    ),
    _row("change the title", f"PATCH {_CHAT}", "404 403 403 200 200", {"title": "Another"}),
    _row("change nothing", f"PATCH {_CHAT}", "404 403 403 200 200", {}),
    _row("delete it", f"DELETE {_CHAT}", "404 403 403 403 204"),
    _row("leave", f"POST {_CHAT}/leave", "404 200 200 200 200"),
    _row("join", f"POST {_CHAT}/join", "404 409 409 409 409"),
    _row("join what is open", f"POST {_CHAT}/join", "200 200 404 409 409 409 409", is_open=True),
    _row("join by an invite", f"POST {_CHAT}/join", "200 200 404 409 409 409 409", {"invite": "{invite}"}),
    _row("join by no invite", f"POST {_CHAT}/join", "404 409 409 409 409", {"invite": "x"}, is_open=True),
    # -- participants
    _row("add a member", f"POST {_PEOPLE}", "404 403 403 201 201", {"participant_id": "{nobody}", "name": "N"}),
    _row(
        "add a moderator",
        f"POST {_PEOPLE}",
        "404 403 403 403 201",
        {"participant_id": "{nobody}", "name": "N", "role": "moderator"},
    ),
    _row(
        "add an owner",
        f"POST {_PEOPLE}",
        "404 403 403 403 201",
        {"participant_id": "{nobody}", "name": "N", "role": "owner"},
    ),
    _row(
        "add a banned user",
        f"POST {_PEOPLE}",
        "404 403 403 409:BANNED 409:BANNED",
        {"participant_id": "{a_banned_user}", "name": "N"},
    ),
    _row(
        "add a participant",
        f"POST {_PEOPLE}",
        "404 403 403 409 409",
        {"participant_id": "{a_member}", "name": "N"},
    ),
    _row("remove a member", f"DELETE {_WHO}{{a_member}}", "404 403 403 204 204"),
    _row("remove a moderator", f"DELETE {_WHO}{{a_moderator}}", "404 403 403 403 204"),
    _row("remove an owner", f"DELETE {_WHO}{{an_owner}}", "404 403 403 403 204"),
    _row("remove nobody", f"DELETE {_WHO}{{nobody}}", "404 403 403 404 404"),
    _row("leave by removal", f"DELETE {_WHO}{{myself}}", "404 204 204 204 204"),
    _row("ban a member", f"DELETE {_WHO}{{a_member}}&ban=true", "404 403 403 204 204"),
    _row("ban a moderator", f"DELETE {_WHO}{{a_moderator}}&ban=true", "404 403 403 403 204"),
    _row("ban an owner", f"DELETE {_WHO}{{an_owner}}&ban=true", "404 403 403 403 403"),
    _row("ban a stranger", f"DELETE {_WHO}{{nobody}}&ban=true", "404 403 403 204 204"),
    _row("ban a banned user", f"DELETE {_WHO}{{a_banned_user}}&ban=true", "404 403 403 204 204"),
    _row("ban the caller", f"DELETE {_WHO}{{myself}}&ban=true", "404 403 403 400 400"),
    _row("see the bans", f"GET {_CHAT}/bans", "404 403 403 200 200"),
    _row("lift a ban", f"DELETE {_CHAT}/bans?participant_id={{a_banned_user}}", "404 403 403 204 204"),
    _row("lift no ban", f"DELETE {_CHAT}/bans?participant_id={{nobody}}", "404 403 403 404 404"),
    _row("promote a member", f"PATCH {_WHO}{{a_member}}", "404 403 403 403 200", {"role": "owner"}),
    _row("promote the caller", f"PATCH {_WHO}{{myself}}", "404 403 403 403 200", {"role": "owner"}),
    _row("demote an owner", f"PATCH {_WHO}{{an_owner}}", "404 403 403 403 200", {"role": "member"}),
    _row("promote nobody", f"PATCH {_WHO}{{nobody}}", "404 403 403 403 404", {"role": "member"}),
    _row("mute a member", f"PATCH {_WHO}{{a_member}}", "404 403 403 200 200", {"muted_for": 60}),
    _row("mute a moderator", f"PATCH {_WHO}{{a_moderator}}", "404 403 403 403 200", {"muted_for": 60}),
    _row("mute an owner", f"PATCH {_WHO}{{an_owner}}", "404 403 403 403 403", {"muted_for": 60}),
    _row("mute nobody", f"PATCH {_WHO}{{nobody}}", "404 403 403 404 404", {"muted_for": 60}),
    _row("unmute a muted member", f"PATCH {_WHO}{{muted}}", "404 403 403 200 200", {"muted_for": 0}),
    # -- pending memberships
    _row("see pending memberships", f"GET {_CHAT}/pending", "404 403 403 200 200"),
    _row(
        "withdraw a pending member",
        f"DELETE {_CHAT}/pending?participant_id={{a_pending_member}}",
        "404 403 403 204 204",
    ),
    _row(
        "withdraw a pending moderator",
        f"DELETE {_CHAT}/pending?participant_id={{a_pending_moderator}}",
        "404 403 403 403 204",
    ),
    _row("withdraw nobody", f"DELETE {_CHAT}/pending?participant_id={{nobody}}", "404 403 403 404 404"),
    # -- reports
    _row("report the member's", f"POST {_ONE_MESSAGE}/report", "404 403 204 204 204", {"reason": "Spam"}),
    _row("see the reports", f"GET {_CHAT}/reports", "404 403 403 200 200"),
    _row("close a report", f"PATCH {_CHAT}/reports/{{report}}", "404 403 403 404 404", {"status": "resolved"}),
    # -- invites and the audit
    _row("invite", f"POST {_CHAT}/invites", "404 403 403 201 201", {"max_uses": 1}),
    _row("see the invites", f"GET {_CHAT}/invites", "404 403 403 200 200"),
    _row("revoke an invite", f"DELETE {_CHAT}/invites/{{spare}}", "404 403 403 204 204"),
    _row("read the audit", f"GET {_CHAT}/audit", "404 403 403 403 200"),
    # -- routes without a conversation
    _row("create", "POST /conversations", "201 201 201 201 201", {"title": "New"}),
    _row("open a direct one", "PUT /direct?participant_id=dora", "201 201 201 201 201"),
    _row("list one's own", "GET /conversations", "200 200 200 200 200"),
    _row("see whom one's token identifies", "GET /me", "200 200 200 200 200"),
    _row("set one's profile", "PUT /me/profile", "200 200 200 200 200", {"name": "Another"}),
    _row("take one's data out", "GET /me/export", "200 200 200 200 200"),
    _row("see one's erasure", "GET /me/erasure", "404 404 404 404 404"),
    _row("be erased", "DELETE /me", "202 202 202 202 202"),
    _row("block a user", "PUT /me/blocks?participant_id={nobody}", "204 204 204 204 204"),
    _row("lift a block", "DELETE /me/blocks?participant_id={nobody}", "204 204 204 204 204"),
    _row("see one's blocks", "GET /me/blocks", "200 200 200 200 200"),
    _row("ask for a ticket", "POST /tickets", "201 201 201 201 201"),
    # -- socket commands
    _row("subscribe", "subscribe", "NOT_FOUND subscribed subscribed subscribed subscribed"),
    _row("subscribe after", "subscribe", "NOT_FOUND subscribed subscribed subscribed subscribed", {"after": 0}),
    _row("unsubscribe", "unsubscribe", "unsubscribed unsubscribed unsubscribed unsubscribed unsubscribed"),
    _row("sync", "sync", "NOT_FOUND sync sync sync sync", {"after": 0}),
    _row("read", "read", "NOT_FOUND read_ack read_ack read_ack read_ack", {"sequence_id": 2}),
    _row(
        "say something",
        "message",
        "NOT_FOUND message_ack MUTED message_ack message_ack",
        {"client_message_id": "by-{myself}", "content": "hello"},
    ),
    _row("edit by socket", "edit", "NOT_FOUND ack MUTED FORBIDDEN FORBIDDEN", {"target": 2, "content": "edited"}),
    _row("delete by socket", "delete", "NOT_FOUND ack FORBIDDEN ack ack", {"target": 2}),
    _row("react by socket", "react", "NOT_FOUND ack MUTED ack ack", {"target": 2, "emoji": "👍"}),
    _row("unreact by socket", "unreact", "NOT_FOUND ack MUTED ack ack", {"target": 2, "emoji": "👍"}),
    _row("show typing", "typing", "NOT_FOUND silence MUTED silence silence", {"is_typing": True}),
    *_batch_rows(),
    *_service_rows(),
    _row("hello", "hello", "welcome welcome welcome welcome welcome"),
    _row("ping", "ping", "pong pong pong pong pong"),
    _row("renew the token", "auth", "auth_ok auth_ok auth_ok auth_ok auth_ok", {"token": "{token}"}),
)
