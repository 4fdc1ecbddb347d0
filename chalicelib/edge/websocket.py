"""The handlers of the WebSocket: events of API Gateway become calls of the core, and replies are posted.

A handler never raises: API Gateway would answer a handshake with 502, and a frame with its own error without the
`id`. The return value of a message handler does not reach the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import ChatError, RateLimited, Suspended, Unauthorized
from chalicelib.core.realtime.outbox import DirectReply
from chalicelib.identity.credentials import InvalidCredentials, read_credentials
from chalicelib.identity.errors import diagnosis_of
from chalicelib.observability import logs
from chalicelib.observability.context import observer
from chalicelib.observability.invocation import invocation

if TYPE_CHECKING:
    from chalicelib.bootstrap import Application

OK = {"statusCode": 200}


def connect(event: dict[str, Any]) -> dict[str, Any]:
    """Authenticate the client and open the connection (`$connect`). The status is that of the handshake."""
    from chalicelib.edge.participant_headers import names_participant

    connection_id, ids = _ids(event)
    with invocation("connect", **ids):
        try:
            if names_participant(event.get("headers")):
                logs.log_refused_credential("Chat-Participant: it is for HTTP; a handshake needs a ticket")
                return {"statusCode": 400}
            credentials = read_credentials(event.get("headers"), event.get("queryStringParameters"))
            if credentials.ticket is not None:
                identity = bootstrap.application().realtime.tickets.redeem(credentials.ticket)
            elif credentials.token is not None:
                identity = bootstrap.verifier()(credentials.token)
            else:
                raise Unauthorized
            observer.bind(participant_id=identity.participant_id)
            chat = bootstrap.application()
            surplus = chat.sessions.connections.open(connection_id, identity)
            close_surplus(chat, identity.participant_id, surplus)
        except (Unauthorized, InvalidCredentials) as error:
            logs.log_refused_credential(diagnosis_of(error))
            return {"statusCode": 401}
        except (RateLimited, Suspended) as refusal:
            return {"statusCode": refusal.status}
        except ChatError as problem:
            logs.log_failure(problem)
            return {"statusCode": problem.status}
        except Exception as defect:  # noqa: BLE001 — API Gateway would answer with 502
            logs.log_failure(defect)
            return {"statusCode": 500}
    # Only this header reaches the client. It must have one of the offered protocols, or be absent (API Gateway
    # developer guide, "Set up a $connect route that requires a WebSocket subprotocol").
    headers = {"Sec-WebSocket-Protocol": credentials.subprotocol} if credentials.subprotocol else {}
    return {"statusCode": 200, "headers": headers}


def close_surplus(chat: Application, participant_id: str, connection_ids: Sequence[str]) -> None:
    """Close the connections above the limit. An error is only logged: the new connection is open."""
    try:
        if connection_ids:
            limit = chat.settings.limits.connections
            chat.realtime.fan_out.close_surplus(participant_id, connection_ids, limit)
    except ChatError as problem:
        # If the handshake failed, no `$disconnect` would delete its connection. A later one closes the rest.
        logs.log_failure(problem)


def message(event: dict[str, Any]) -> dict[str, Any]:
    """Handle a frame (`$default`)."""
    connection_id, ids = _ids(event)
    with invocation("message", **ids):
        try:
            chat = bootstrap.application()
            received_at = _received_at(event)
            result = chat.sessions.dispatcher.receive(connection_id, event.get("body") or "", received_at)
            if result.failure is not None:
                logs.log_failure(result.failure)
            if result.close_with is not None:
                chat.realtime.fan_out.disconnect(connection_id, result.close_with)
            reply = DirectReply(connection_id, result.generation, result.replies, received_at)
            within = chat.settings.timing.socket_fan_out
            chat.realtime.fan_out.deliver(result.pushes, within=within, reply=reply)
        except Exception as error:  # noqa: BLE001 — acknowledged events are stored; readers recover by sync
            logs.log_failure(error)
    return OK


def disconnect(event: dict[str, Any]) -> dict[str, Any]:
    """Close the connection (`$disconnect`). API Gateway delivers it at best effort; leftovers expire."""
    connection_id, ids = _ids(event)
    with invocation("disconnect", **ids):
        try:
            chat = bootstrap.application()
            pushes = chat.sessions.connections.close(connection_id)
            chat.realtime.fan_out.deliver(pushes, within=chat.settings.timing.socket_fan_out)
        except Exception as error:  # noqa: BLE001 — API Gateway ignores the result
            logs.log_failure(error)
    return OK


def _ids(event: dict[str, Any]) -> tuple[str, dict[str, str | None]]:
    """Return the connection id of an event, and the ids for its log lines."""
    context = event["requestContext"]
    return context["connectionId"], {
        "request_id": context.get("requestId"),
        "connection_id": context["connectionId"],
    }


def _received_at(event: dict[str, Any]) -> int | None:
    """Return when API Gateway received the event, in milliseconds since the epoch."""
    received = event["requestContext"].get("requestTimeEpoch")
    return int(received) if isinstance(received, int | float) else None
