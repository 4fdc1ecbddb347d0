"""The routes by which a service suspends participants, registers agents, exports and erases data."""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import ConversationBusy, NotFound
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol import queries, requests
from chalicelib.edge.http import AuthenticatedRequest, route

_PATH = "/service/participants"


@route("GET", _PATH, {200: "ParticipantState"}, query=queries.ParticipantQuery, callers="services")
def get_participant_state(call: AuthenticatedRequest, query: queries.ParticipantQuery) -> Any:
    """Get whether a participant is suspended, and registered as an agent."""
    return bootstrap.application().backend.suspensions.state(query.participant_id)


@route(
    "PATCH",
    _PATH,
    {200: "ParticipantState"},
    query=queries.PersonQuery,
    body=requests.UpdateParticipantState,
    errors=(ConversationBusy,),
    callers="services",
)
def update_participant_state(
    call: AuthenticatedRequest, query: queries.PersonQuery, body: requests.UpdateParticipantState
) -> Any:
    """Suspend a participant everywhere or lift that, register an agent or end that."""
    return bootstrap.application().backend.suspensions.update(query.participant_id, body)


@route("GET", f"{_PATH}/export", {200: "Export"}, query=queries.ServiceExportQuery, callers="services")
def export_as_service(call: AuthenticatedRequest, query: queries.ServiceExportQuery) -> Any:
    """Export the data of a participant, page by page."""
    participant = Principal(query.participant_id, None, service=call.identity.service)
    return bootstrap.application().privacy.export.page(participant, query)


@route(
    "DELETE",
    _PATH,
    {202: "Erasure"},
    query=queries.PersonQuery,
    errors=(ConversationBusy,),
    callers="services",
)
def erase_as_service(call: AuthenticatedRequest, query: queries.PersonQuery) -> Any:
    """Erase the data of a participant in all conversations. A repeat returns the running erasure."""
    return bootstrap.application().privacy.jobs.erase(Principal(query.participant_id, None))


@route(
    "GET",
    f"{_PATH}/erasure",
    {200: "Erasure"},
    query=queries.ParticipantQuery,
    errors=(NotFound,),
    callers="services",
)
def get_erasure_as_service(call: AuthenticatedRequest, query: queries.ParticipantQuery) -> Any:
    """Get the progress of a participant's erasure."""
    return bootstrap.application().privacy.erasure.status(Principal(query.participant_id, None))
