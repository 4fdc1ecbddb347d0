"""The routes of services, as acts on a room for the walk of `test_read_limits.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.bootstrap import Application
from chalicelib.core.model.actors import Principal, Service
from chalicelib.core.protocol import queries, requests
from chalicelib.core.realtime.outbox import Result
from tests.invariants.process import Process

Room = Any
"""The room of the walk."""
Act = Callable[[Process, Room], Any]
GUESTS = tuple(f"guest_{number:02}x" for number in range(47))
PLAIN = 5
"""A message of the room that no other act needs."""
LIKED, LIKE = 7, "💙"
"""A message with a reaction of the first guest that no other act needs."""
SHOP = Service("shop").as_principal()
ServiceAct = Callable[[Application, str, Room], Any]


def by_service(act: ServiceAct) -> Act:
    """Return an act of a service on the application and the conversation. It also delivers the pushes."""

    def run(process: Process, room: Room) -> Any:
        result = act(process.app, room.harness.conversation, room)
        if isinstance(result, Result):
            process.app.realtime.fan_out.deliver(result.pushes, within=5.0)
            return result.response
        return result

    return run


def creates_as_service(app: Application, chat: str, room: Room) -> Any:
    people = [
        {"participant_id": room.harness.participant_id(name), "name": name} for name in GUESTS if name != GUESTS[3]
    ]
    request = requests.CreateConversation.model_validate({"title": "Many", "participants": people})
    return app.conversations.creation.create(SHOP, request)


def sends_as_service(app: Application, chat: str, room: Room) -> Any:
    message = requests.SendSystemMessage(client_message_id=room.key(), content="語" * 8_000)
    sent = app.messaging.sender.send(SHOP, chat, message)
    return Result(sent.event, app.messaging.sender.pushes(sent))


def invites_as_service(app: Application, chat: str, room: Room) -> Any:
    created = app.conversations.invites.create(SHOP, chat, requests.CreateInvite())
    room.invite = created["invite"]
    return created


def deletes_as_service(app: Application, chat: str, room: Room) -> Any:
    return Result(None, app.messaging.updates.delete(SHOP, chat, PLAIN).pushes)


def _of(room: Room, name: str) -> str:
    return str(room.harness.participant_id(name))


def _principal(room: Room, name: str) -> Principal:
    return Principal(_of(room, name), name)


_HUNDRED: dict[str, Any] = {"limit": "100"}
_SC, _SP = "/service/conversations/{conversation_id}", "/service/participants"
_ACTS: list[tuple[str, int, ServiceAct]] = [
    (
        "GET /service/conversations", 0,
        lambda app, chat, room: app.backend.overview.list(queries.ServiceConversationsQuery(**_HUNDRED)),
    ),
    (
        "GET /service/conversations", 1,
        lambda app, chat, room: app.backend.overview.list(
            queries.ServiceConversationsQuery(participant_id=_of(room, "alice"), **_HUNDRED)
        ),
    ),
    (f"GET {_SC}", 1, lambda app, chat, room: app.conversations.views.view(chat, SHOP, messages=True)),
    (
        f"PATCH {_SC}", 1,
        lambda app, chat, room: app.conversations.lifecycle.update(
            SHOP, chat, requests.UpdateConversation(title=room.key())
        ),
    ),
    (
        f"GET {_SC}/messages", 1,
        lambda app, chat, room: app.conversations.history.messages(SHOP, chat, queries.MessagesQuery(**_HUNDRED)),
    ),
    (
        f"GET {_SC}/events", 1,
        lambda app, chat, room: app.conversations.history.events(SHOP, chat, queries.EventsQuery(**_HUNDRED)),
    ),
    (f"POST {_SC}/messages", 1, sends_as_service),
    (
        "GET /service/reports", 0,
        lambda app, chat, room: app.conversations.reports.list_all(queries.PageQuery(**_HUNDRED)),
    ),
    (
        f"GET {_SC}/reports", 1,
        lambda app, chat, room: app.conversations.reports.list(SHOP, chat, queries.ReportsQuery(**_HUNDRED)),
    ),
    (
        f"PATCH {_SC}/reports/{{report}}", 1,
        lambda app, chat, room: app.conversations.reports.close(SHOP, chat, room.report, "dismissed"),
    ),
    (f"DELETE {_SC}/messages/{{sequence_id}}", 2, deletes_as_service),
    (
        f"GET {_SC}/bans", 1,
        lambda app, chat, room: app.conversations.moderation.bans(SHOP, chat, queries.PageQuery(**_HUNDRED)),
    ),
    (
        f"DELETE {_SC}/bans", 2,
        lambda app, chat, room: app.conversations.moderation.unban(SHOP, chat, _of(room, "banned_02x")),
    ),
    (
        f"GET {_SC}/audit", 1,
        lambda app, chat, room: app.conversations.moderation.audit(SHOP, chat, queries.AuditQuery(**_HUNDRED)),
    ),
    (
        f"GET {_SC}/pending", 1,
        lambda app, chat, room: app.conversations.pending.list_in(SHOP, chat, queries.PageQuery(**_HUNDRED)),
    ),
    (
        f"DELETE {_SC}/pending", 2,
        lambda app, chat, room: app.conversations.pending.withdraw(SHOP, chat, _of(room, "stranger_08x")),
    ),
    (
        f"GET {_SC}/invites", 1,
        lambda app, chat, room: app.conversations.invites.list(SHOP, chat, queries.PageQuery(**_HUNDRED)),
    ),
    (f"POST {_SC}/invites", 1, invites_as_service),
    (
        f"DELETE {_SC}/invites/{{invite}}", 2,
        lambda app, chat, room: app.conversations.invites.revoke(SHOP, chat, room.invite),
    ),
    (
        f"DELETE {_SC}/messages/{{sequence_id}}/reactions", 2,
        lambda app, chat, room: app.messaging.reactions.remove_of_participant(
            SHOP, chat, LIKED, LIKE, _of(room, GUESTS[0])
        ),
    ),
    ("POST /service/conversations", len(GUESTS), creates_as_service),
    (
        f"PATCH {_SC}/participants", 2,
        lambda app, chat, room: app.conversations.moderation.update(
            SHOP, chat, _of(room, GUESTS[6]), requests.UpdateParticipant(muted_for=60)
        ),
    ),
    (
        f"DELETE {_SC}/participants", 2,
        lambda app, chat, room: app.conversations.members.remove(SHOP, chat, _of(room, GUESTS[6])),
    ),
    (
        f"POST {_SC}/participants", 2,
        lambda app, chat, room: app.conversations.additions.add(
            SHOP, chat, requests.NewParticipant(participant_id=_of(room, GUESTS[6]), name="Six", role="owner")
        ),
    ),
    (f"GET {_SP}", 1, lambda app, chat, room: app.backend.suspensions.state(_of(room, GUESTS[7]))),
    (
        f"PATCH {_SP}", 1,
        lambda app, chat, room: app.backend.suspensions.update(
            _of(room, GUESTS[7]), requests.UpdateParticipantState(suspended=True, agent=True)
        ),
    ),
    (
        f"GET {_SP}/export", 1,
        lambda app, chat, room: app.privacy.export.page(_principal(room, "alice"), queries.ExportQuery()),
    ),
    (f"DELETE {_SP}", 1, lambda app, chat, room: app.privacy.jobs.erase(_principal(room, GUESTS[8]))),
    (f"GET {_SP}/erasure", 1, lambda app, chat, room: app.privacy.erasure.status(_principal(room, GUESTS[8]))),
]  # fmt: skip
SERVICE_ACTS: list[tuple[str, int, Act]] = [(request, named, by_service(act)) for request, named, act in _ACTS]
"""Each route, with the number of ids that it names."""
DELETION_BY_SERVICE: tuple[str, int, Act] = (
    f"DELETE {_SC}",
    1,
    by_service(lambda app, chat, room: app.conversations.lifecycle.delete(SHOP, room.others[0])),
)
