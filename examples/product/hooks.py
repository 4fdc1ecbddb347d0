"""The endpoint that the chat sends events to: it verifies, copies and notifies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from standardwebhooks import Webhook, WebhookVerificationError

from examples.product.mirror import Mirror
from examples.product.push import WebPush

MAX_BODY = 1_000_000


class Hooks(NamedTuple):
    """The parts that the endpoint uses."""

    secrets: tuple[str, ...]
    """Two during a rotation."""
    mirror: Mirror
    push: WebPush | None

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
        for event in self.mirror.receive(content["data"]):
            if event["type"] == "message" and "content" in event and self.push is not None:
                self.push.notify(event, self.mirror.members(event["conversation_id"]))


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
