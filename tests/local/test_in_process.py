"""The app in the process of the embedded services: its own clients, called without HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from chalicelib.aws.sqs import SqsJobQueue
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.metrics import NullObserver
from chalicelib.settings import current_settings
from local.embedded import EmbeddedServices, embedded_services
from local.in_process import InProcessClients
from local.settings import chat_settings

REGION = "us-east-1"


@pytest.fixture
def services() -> Iterator[EmbeddedServices]:
    with embedded_services(0, None, REGION) as services:
        yield services


@pytest.fixture
def _without_application() -> Iterator[None]:
    """No application of this process, before and after a test."""
    for cache in (bootstrap.application, current_settings):
        cache.cache_clear()
    yield
    bootstrap.use_clients(None)
    for cache in (bootstrap.application, current_settings):
        cache.cache_clear()


@pytest.mark.usefixtures("_without_application")
def test_application_calls_the_engine_directly(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in chat_settings({}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CHAT_MANAGEMENT_ENDPOINT", "http://127.0.0.1:1/local")
    # A call over HTTP would fail.
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    bootstrap.use_clients(InProcessClients(services.engine, services.queues))
    for table in ("CHAT_CONVERSATIONS_TABLE", "CHAT_CONNECTIONS_TABLE"):
        services.engine.call("CreateTable", table_named(chat_settings({})[table]))

    application = bootstrap.application()

    assert application.stores.event_log.head("conv_none") is None


def table_named(name: str) -> dict[str, object]:
    keys = {"pk": "HASH", "sk": "RANGE"}
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "KeySchema": [{"AttributeName": key, "KeyType": role} for key, role in keys.items()],
    }


def test_failure_of_the_queue_is_unavailable_to_the_product(services: EmbeddedServices) -> None:
    clients = InProcessClients(services.engine, services.queues)
    queue = clients.job_queue("http://127.0.0.1:1/1/none", REGION, SystemClock())
    assert isinstance(queue, SqsJobQueue)
    with pytest.raises(Unavailable):
        queue.send("erasure:1", 0)


def test_posts_to_connections_use_the_product_s_poster(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    clients = InProcessClients(services.engine, services.queues)
    poster = clients.poster("http://127.0.0.1:1/local", REGION, SystemClock(), NullObserver())
    assert type(poster).__name__ == "ApiGatewayPoster"
