"""Endpoints, as services create, change and test them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.endpoint_errors import EndpointConfigured, EndpointLimit
from chalicelib.core.kernel.errors import NotFound, Unavailable, ValidationFailed
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import new_backoff
from chalicelib.core.model.published import TEST
from chalicelib.core.model.publishing import DEPLOYMENT_LOG, Cursor, Delivery, Endpoint, Secret
from chalicelib.core.model.webhook_secret import new_key, secret_text
from chalicelib.core.model.webhook_url import parse_webhook_url
from chalicelib.core.ports.publishing import (
    CircuitStore,
    CursorStore,
    DeliveryQueue,
    EndpointStore,
    EventSink,
    LagStore,
)
from chalicelib.core.protocol import endpoint_serializers

if TYPE_CHECKING:
    from chalicelib.core.protocol.endpoint_requests import (
        CreateEndpoint,
        ResumeEndpoint,
        RotateSecret,
        UpdateEndpoint,
    )

MAX_ENDPOINTS = 20
MAX_SECRETS = 4
"""The secrets that sign at the same time, if a secret is rotated again before its overlap is over."""
SHOWN_LAGGING = 8
RESUMED_AT_ONCE = 25
BY_A_SERVICE = "by a service"


class Registry:
    """The endpoints of the deployment, for services."""

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        circuits: CircuitStore,
        cursors: CursorStore,
        lags: LagStore,
        queue: DeliveryQueue,
        sink: EventSink,
        runtime: Runtime,
        allows_local: bool = False,
    ) -> None:
        """`allows_local` allows plain HTTP and loopback, for development."""
        self._endpoints = endpoints
        self._circuits = circuits
        self._cursors = cursors
        self._lags = lags
        self._queue = queue
        self._sink = sink
        self._runtime = runtime
        self._clock = runtime.clock
        self._history_id = str(runtime.history_id)
        self._allows_local = allows_local

    # ---- reads -----------------------------------------------------------------------------------------

    def list(self) -> dict[str, Any]:
        """Return all endpoints."""
        return {"endpoints": [endpoint_serializers.endpoint(found) for found in self._endpoints.endpoints()]}

    def state(self, endpoint_id: str) -> dict[str, Any]:
        """Return an endpoint with the first conversations that lag behind. Raises NotFound."""
        endpoint = self._get(endpoint_id)
        noted = self._lags.lagging(endpoint_id, None, SHOWN_LAGGING + 1)
        lagging = [
            endpoint_serializers.lagging(
                self._cursors.cursor(conversation_id, endpoint_id) or Cursor(conversation_id, endpoint_id)
            )
            for conversation_id in noted[:SHOWN_LAGGING]
        ]
        shown = endpoint_serializers.endpoint(endpoint)
        return {**shown, "lagging": lagging, "lagging_more": len(noted) > SHOWN_LAGGING}

    def _get(self, endpoint_id: str) -> Endpoint:
        found = self._endpoints.endpoint(endpoint_id) if _is_endpoint_id(endpoint_id) else None
        if found is None:
            raise NotFound
        return found

    # ---- changes ---------------------------------------------------------------------------------------

    def create(self, request: CreateEndpoint) -> dict[str, Any]:
        """Create an endpoint, and return it with its secret. Raises ValidationFailed, EndpointLimit."""
        try:
            parse_webhook_url(request.url, local=self._allows_local)
        except ValueError as error:
            raise ValidationFailed.at("url", str(error)) from None
        if len(self._endpoints.endpoints()) >= MAX_ENDPOINTS:
            raise EndpointLimit
        key = new_key()
        endpoint = Endpoint(
            endpoint_id=f"ep_{secrets.token_urlsafe(16)}",
            kind="webhook",
            url=request.url,
            created_at=milliseconds(self._clock),
            start=request.start,
            types=frozenset(request.types),
            is_thin=request.thin,
            notify=request.notify,
            secrets=(Secret(key),),
            description=request.description,
        )
        walks, backoff = request.start == "beginning", new_backoff(self._runtime)
        while not self._endpoints.save(endpoint, walks=walks):
            backoff.wait()
        if walks:
            self._walk_soon()
        return {**endpoint_serializers.endpoint(endpoint), "secret": secret_text(key)}

    def update(self, endpoint_id: str, request: UpdateEndpoint) -> dict[str, Any]:
        """Change an endpoint, and return it. Raises NotFound, EndpointConfigured."""
        defines = request.model_fields_set - {"enabled"}

        def changed(endpoint: Endpoint) -> Endpoint:
            if endpoint.is_configured and defines:
                raise EndpointConfigured
            if request.types is not None:
                endpoint = endpoint._replace(types=frozenset(request.types))
            if request.thin is not None:
                endpoint = endpoint._replace(is_thin=request.thin)
            if request.notify is not None:
                endpoint = endpoint._replace(notify=request.notify)
            if request.description is not None:
                endpoint = endpoint._replace(description=request.description)
            return endpoint if request.enabled is None else self._switched(endpoint, is_on=request.enabled)

        return dict(endpoint_serializers.endpoint(self._save(endpoint_id, changed)))

    def _walk_soon(self) -> None:
        """Queue the walk that was requested with an endpoint; without the message, the sweep runs it."""
        with suppress(Unavailable):
            self._queue.send_walk()

    def _switched(self, endpoint: Endpoint, *, is_on: bool) -> Endpoint:
        """Return an endpoint that is enabled or disabled. Its cursors stay: it continues where it stopped."""
        if is_on == endpoint.is_enabled:
            return endpoint
        now = milliseconds(self._clock)
        if not is_on:
            return endpoint._replace(disabled_at=now, disabled_reason=BY_A_SERVICE)
        return endpoint._replace(
            disabled_at=0, disabled_reason="", enabled_at=now, failing_since=0, failures=0, probe_at=0
        )

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint. Raises NotFound, EndpointConfigured."""
        if self._get(endpoint_id).is_configured:
            raise EndpointConfigured
        self._endpoints.delete(endpoint_id)

    def rotate(self, endpoint_id: str, request: RotateSecret) -> dict[str, Any]:
        """Replace the secret of an endpoint, and return the new one. Raises NotFound, EndpointConfigured."""
        key, now = new_key(), int(self._clock.now())
        until = now + request.overlap

        def changed(endpoint: Endpoint) -> Endpoint:
            if endpoint.is_configured:
                raise EndpointConfigured
            earlier = [
                secret._replace(expires_at=min(secret.expires_at or until, until)) for secret in endpoint.secrets
            ]
            valid = [secret for secret in earlier if secret.expires_at > now]
            return endpoint._replace(secrets=(Secret(key), *valid[: MAX_SECRETS - 1]))

        saved = self._save(endpoint_id, changed)
        rotated: dict[str, Any] = {"endpoint_id": endpoint_id, "secret": secret_text(key)}
        if len(saved.secrets) > 1:
            rotated["previous_expires_at"] = rfc3339(1000 * max(secret.expires_at for secret in saved.secrets))
        return rotated

    def _save(self, endpoint_id: str, changed: Callable[[Endpoint], Endpoint]) -> Endpoint:
        """Change an endpoint on its present version. Raises NotFound, ConversationBusy."""
        backoff = new_backoff(self._runtime)
        while True:
            endpoint = self._get(endpoint_id)
            wanted = changed(endpoint)
            walks = _can_have_missed_events(endpoint, wanted)
            if wanted == endpoint:
                return wanted
            if self._endpoints.save(wanted, walks=walks):
                if walks:
                    self._walk_soon()
                return wanted
            backoff.wait()

    # ---- attempts --------------------------------------------------------------------------------------

    def resume(self, endpoint_id: str, request: ResumeEndpoint) -> dict[str, Any]:
        """Attempt parked conversations, or all that lag, at once. Raises NotFound, ValidationFailed."""
        endpoint = self._get(endpoint_id)
        for name in ("conversation_id", "after"):
            value = getattr(request, name)
            if value is not None and value != DEPLOYMENT_LOG and not is_conversation_id(value):
                raise ValidationFailed.at(name, "must be the id of a conversation")
        if request.conversation_id is not None:
            found = [request.conversation_id]
        else:
            found = self._lags.lagging(endpoint_id, request.after, RESUMED_AT_ONCE)
        if endpoint.failing_since:
            # The first of these attempts is the next probe: its success resumes all others.
            self._circuits.claim_probe(endpoint, milliseconds(self._clock))
        for conversation_id in found:
            self._cursors.resume(conversation_id, endpoint_id)
            self._queue.send(endpoint_id, conversation_id, 0)
        more = {"next_after": found[-1]} if len(found) == RESUMED_AT_ONCE else {}
        return {"resumed": len(found), **more}

    def test(self, endpoint_id: str) -> dict[str, Any]:
        """Send a test event to an endpoint, also to a disabled one. Raises NotFound."""
        endpoint = self._get(endpoint_id)
        event = {"type": TEST, "created_at": rfc3339(milliseconds(self._clock))}
        name = f"dlv_{secrets.token_urlsafe(24)}"
        result = self._sink.deliver(Delivery(name, endpoint, "", self._history_id, 0, [event], 1))
        return {"outcome": result.outcome.value, "reason": result.reason}


def _can_have_missed_events(before: Endpoint, after: Endpoint) -> bool:
    """Return whether a change of an endpoint needs a walk, which reads two units for each conversation."""
    return after.is_enabled and (not before.is_enabled or after.types != before.types)


def _is_endpoint_id(text: str) -> bool:
    """Return whether `text` can be the id of an endpoint. The store is never queried for anything else."""
    return text.startswith("ep_") and len(text) <= 64 and text.isascii() and text.isprintable()
