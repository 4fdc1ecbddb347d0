"""The sink of the application, by its settings."""

from __future__ import annotations

import pytest

from chalicelib.bootstrap.sinks import event_sink
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.model.publishing import DeliveryResult, Outcome
from chalicelib.settings import Settings, SettingsError
from tests.support.app_harness import ENVIRONMENT, AppHarness
from tests.support.publishing import PublishingHarness
from tests.unit.webhooks.hostile import delivery, receiver, status

HOOKS = '[{"url": "https://hooks.example.com/", "secret_parameter": "/hook"}]'


def settings(**more: str) -> Settings:
    return Settings.from_environment({**ENVIRONMENT, **more})


def test_loopback_needs_the_setting() -> None:
    with receiver(status("200 OK")) as server:
        hook = delivery(f"http://127.0.0.1:{server.port}/")
        assert event_sink(settings(), SystemClock()).deliver(hook).outcome is Outcome.FAILED
        local = event_sink(settings(CHAT_WEBHOOKS_LOCAL="1"), SystemClock())
        assert local.deliver(hook) == DeliveryResult(Outcome.ACKNOWLEDGED, "status 200")


def test_secret_that_cannot_be_read_fails_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with receiver(status("400 Bad Request")) as parameters:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", f"http://127.0.0.1:{parameters.port}")
        hook = delivery("https://hooks.example.com/", secret_parameter="/hook", secrets=())
        result = event_sink(settings(), SystemClock()).deliver(hook)
    assert result == DeliveryResult(Outcome.FAILED, "the parameter with the secret cannot be read")


def test_endpoints_of_the_settings_are_published_to() -> None:
    harness = PublishingHarness({"CHAT_ENDPOINTS": HOOKS})
    (found,) = harness.publishing.endpoints.endpoints()
    assert (found.secret_parameter, found.is_configured) == ("/hook", True)
    harness.clock.advance(120)
    chat = harness.create_conversation("alice")
    harness.publish(chat)
    assert harness.sink.received(found.endpoint_id, chat) == [1]
    assert harness.publishing.registry.list()["endpoints"][0]["configured"]


def test_invalid_endpoints_are_an_error_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="CHAT_ENDPOINTS: entry 1"):
        PublishingHarness({"CHAT_ENDPOINTS": "[{}]"}).publishing  # noqa: B018


def test_application_without_events_has_no_publishing() -> None:
    with pytest.raises(SettingsError, match="CHAT_EVENTS"):
        AppHarness().chat.publishing  # noqa: B018
