"""HTTP responses: JSON, headers, and the conversion of errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalice.app import Request, Response

from chalicelib import bootstrap
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import ChatError, Internal
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.observability import logs
from chalicelib.observability.invocation import invocation
from chalicelib.settings import SettingsError, current_settings

JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}

HISTORY_ID_HEADER = "Chat-History-Id"
"""The header that names the history of the sequence ids in a response."""


def _cors(request: Request) -> dict[str, str]:
    """Return the CORS headers if origins are restricted. Otherwise Chalice sets `*`."""
    try:
        origins = current_settings().allowed_origins
    except SettingsError:
        # The request fails with INTERNAL because of it, and that response must not fail as well.
        return {}
    if origins == ("*",):
        return {}
    origin = request.headers.get("origin", "")
    return {"Access-Control-Allow-Origin": origin if origin in origins else origins[0], "Vary": "Origin"}


def json_response(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response, with an empty body if `body` is None."""
    text = "" if body is None else json_codec.dumps(body)
    return Response(body=text, status_code=status, headers={**JSON, **(headers or {})})


def history_headers() -> dict[str, str]:
    """Return the header with the history id, which web pages may read."""
    history_id = str(bootstrap.application().runtime.history_id)
    return {HISTORY_ID_HEADER: history_id, "Access-Control-Expose-Headers": HISTORY_ID_HEADER}


def with_error_handling(request: Request, handle: Callable[[], Response], conversation_id: str = "") -> Response:
    """Return the response of `handle`, or that of its error."""
    # Only a valid id is logged: a client may send any path.
    valid_id = conversation_id if is_conversation_id(conversation_id) else None
    with invocation("api", request_id=request.context.get("requestId"), conversation_id=valid_id):
        try:
            response = handle()
            response.headers.update(_cors(request))
            return response
        except ChatError as error:
            return _error_response(request, error)
        except Exception as error:  # noqa: BLE001 — a defect: the response has only the request id
            internal = Internal()
            internal.__cause__ = error
            return _error_response(request, internal)


def _error_response(request: Request, error: ChatError) -> Response:
    if error.is_failure:
        logs.log_failure(error)
    headers = _cors(request)
    if error.retry_after is not None:
        headers |= {
            "Retry-After": str(max(round(error.retry_after), 1)),
            "Access-Control-Expose-Headers": "Retry-After",
        }
    request_id = str(request.context.get("requestId") or "")
    return json_response(error.status, {"error": error.body(), "request_id": request_id}, headers)
