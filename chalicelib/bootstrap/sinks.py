"""The way out for published events: webhooks and event buses."""

from __future__ import annotations

from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.ports.publishing import EventSink
from chalicelib.identity.errors import KeysUnavailable
from chalicelib.settings import Settings
from chalicelib.webhooks.dispatch import KindSink
from chalicelib.webhooks.parameters import SecretParameters
from chalicelib.webhooks.sink import Network, WebhookSink


def event_sink(settings: Settings, clock: Clock) -> EventSink:
    """Return the sink of all endpoints."""

    def read(name: str) -> str:
        from chalicelib.aws import ssm

        try:
            return ssm.read_secret(name, settings.region)
        except KeysUnavailable as error:
            raise Unavailable(retry_after=error.retry_after) from error

    def build_event_bus() -> EventSink:
        from chalicelib.aws import clients

        return clients.event_bus(settings.stage or "local", settings.region, clock)

    webhooks = WebhookSink(
        network=Network(is_local=settings.webhooks_local),
        clock=clock,
        read_secrets=SecretParameters(read, clock).secrets,
    )
    return KindSink(webhooks, build_event_bus)
