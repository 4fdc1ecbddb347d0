"""The socket: events of API Gateway to the core, and what it answers to the callback API.

A handler never raises: API Gateway would answer a handshake with 502 and a message with a frame of its own that
repeats no `id`. What a message handler returns reaches nobody; answers are posted.
"""

from __future__ import annotations

from typing import Any

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import ChatError, Unauthorized
from chalicelib.core.realtime.outbox import DirectReply
from chalicelib.identity.credentials import InvalidCredentials, read_credentials
from chalicelib.observability import logs
from chalicelib.observability.context import observer
from chalicelib.observability.invocation import invocation

OK = {"statusCode": 200}


def connect(event: dict[str, Any]) -> dict[str, Any]:
    """`$connect`: who is it? The status is what the client's handshake gets."""
    connection_id, ids = _ids(event)
    with invocation("connect", **ids):
        try:
            credentials = read_credentials(event.get("headers"), event.get("queryStringParameters"))
            if credentials.ticket is not None:
                identity = bootstrap.application().realtime.tickets.redeem(credentials.ticket)
            elif credentials.token is not None:
                identity = bootstrap.verifier()(credentials.token)
            else:
                raise Unauthorized
            observer.bind(participant_id=identity.participant_id)
            bootstrap.application().sessions.connections.open(connection_id, identity)
        except (Unauthorized, InvalidCredentials):
            return {"statusCode": 401}
        except ChatError as problem:
            logs.log_failure(problem)
            return {"statusCode": problem.status}
        except Exception as defect:  # noqa: BLE001 — a raise would be a 502 that says even less
            logs.log_failure(defect)
            return {"statusCode": 500}
    # Only this header reaches the client, and it must name one of the offered protocols or be absent
    # (API Gateway developer guide, "Set up a $connect route that requires a WebSocket subprotocol").
    headers = {"Sec-WebSocket-Protocol": credentials.subprotocol} if credentials.subprotocol else {}
    return {"statusCode": 200, "headers": headers}


def message(event: dict[str, Any]) -> dict[str, Any]:
    """`$default`: one frame."""
    connection_id, ids = _ids(event)
    with invocation("message", **ids):
        try:
            chat = bootstrap.application()
            result = chat.sessions.dispatcher.receive(connection_id, event.get("body") or "")
            if result.failure is not None:
                logs.log_failure(result.failure)
            if result.close_with is not None:
                chat.realtime.fan_out.disconnect(connection_id, result.close_with)
            reply = DirectReply(connection_id, result.generation, result.replies, _received_at(event))
            within = chat.settings.timing.socket_fan_out
            chat.realtime.fan_out.deliver(result.pushes, within=within, reply=reply)
        except Exception as error:  # noqa: BLE001 — what was acknowledged stands, and its readers recover by sync
            logs.log_failure(error)
    return OK


def disconnect(event: dict[str, Any]) -> dict[str, Any]:
    """`$disconnect`: best effort of API Gateway, and so of ours; whatever is left behind expires."""
    connection_id, ids = _ids(event)
    with invocation("disconnect", **ids):
        try:
            chat = bootstrap.application()
            pushes = chat.sessions.connections.close(connection_id)
            chat.realtime.fan_out.deliver(pushes, within=chat.settings.timing.socket_fan_out)
        except Exception as error:  # noqa: BLE001 — API Gateway ignores it anyway
            logs.log_failure(error)
    return OK


def _ids(event: dict[str, Any]) -> tuple[str, dict[str, str | None]]:
    """Whose event it is, and what log lines are to say of it."""
    context = event["requestContext"]
    return context["connectionId"], {
        "request_id": context.get("requestId"),
        "connection_id": context["connectionId"],
    }


def _received_at(event: dict[str, Any]) -> float | None:
    """When API Gateway got it, in seconds since the epoch."""
    received = event["requestContext"].get("requestTimeEpoch")
    return received / 1000 if isinstance(received, int | float) else None
