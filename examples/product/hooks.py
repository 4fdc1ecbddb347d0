"""The endpoint that the chat sends events to: it verifies, copies and notifies.

The chat lists the members to notify for an endpoint that was created with `"notify": true`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from standardwebhooks import Webhook, WebhookVerificationError

from examples.product.digest import Digests
from examples.product.mirror import Mirror
from examples.product.push import WebPush

MAX_BODY = 1_000_000
NOTIFY_WITHIN = 3600
"""Seconds after a message in which it is notified: the chat repeats what this endpoint missed for three days."""


class Hooks(NamedTuple):
    """The parts that the endpoint uses."""

    secrets: tuple[str, ...]
    """Two during a rotation."""
    mirror: Mirror
    push: WebPush | None
    digests: Digests | None = None
    now: Callable[[], float] = time.time

    def verified(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the content of a delivery. Raises WebhookVerificationError, also after five minutes."""
        for secret in self.secrets:
            try:
                found: dict[str, Any] = Webhook(secret).verify(body, dict(headers))
            except WebhookVerificationError:
                continue
            return found
        raise WebhookVerificationError("no secret verifies the delivery")

    def receive(self, content: dict[str, Any]) -> None:
        """Copy the events, and notify about messages that are new. A repeat does neither."""
        if content["type"] != "chat.events":
            return
        new = {event["sequence_id"]: event for event in self.mirror.receive(content["data"])}
        for listed in content["data"].get("notify", []):
            message = new.get(listed["sequence_id"])
            if message is not None:
                self._notify(message, listed["members"])

    def _notify(self, message: dict[str, Any], members: list[dict[str, Any]]) -> None:
        if self.digests is not None:
            self.digests.note(message, members)
        age = self.now() - datetime.fromisoformat(message["created_at"]).timestamp()
        if self.push is not None and age <= NOTIFY_WITHIN:
            self.push.notify(message, members)


router = APIRouter()


@router.post("/hooks/chat", status_code=204)
async def receive(request: Request) -> Response:
    """Receive a delivery. Everything but 2xx is repeated later, with the same content."""
    hooks: Hooks = request.app.state.hooks
    body = await request.body()
    if len(body) > MAX_BODY:
        raise HTTPException(413)
    try:
        content = hooks.verified(body, request.headers)
    except WebhookVerificationError:
        raise HTTPException(401, "The signature is not valid.") from None
    await run_in_threadpool(hooks.receive, content)
    return Response(status_code=204)
