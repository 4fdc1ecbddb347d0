"""The log line of each request of a service that concerns an endpoint of events."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.settings import current_settings

from .test_rest_events import asked
from .test_service_routes import SERVICE

URL = "http://127.0.0.1:9/hook"
"""Nothing listens there."""


def test_each_change_and_test_of_an_endpoint_has_a_line(
    chat: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in {
        "CHAT_SERVICE_SCOPE": "chat",
        "CHAT_SERVICE_CLIENTS": "backend",
        "CHAT_EVENTS": "on",
        "CHAT_DELIVERY_QUEUE": "https://sqs.us-east-1.amazonaws.com/1/deliveries",
        "CHAT_WEBHOOKS_LOCAL": "1",
    }.items():
        monkeypatch.setenv(name, value)
    for cache in (current_settings, bootstrap.application):
        cache.cache_clear()

    def request(method: str, suffix: str = "", body: str = "{}") -> Any:
        path, name = "/service/endpoints", f"/{endpoint_id}" if endpoint_id else ""
        resource = f"{path}{'/{endpoint_id}' if endpoint_id else ''}{suffix}"
        status, answer, _ = asked(
            chat,
            method,
            f"{path}{name}{suffix}",
            resource=resource,
            body=body,
            authorizer=SERVICE,
            parameters={"endpoint_id": endpoint_id} if endpoint_id else None,
        )
        assert status < 300, answer
        return answer

    endpoint_id = ""
    with caplog.at_level(logging.WARNING):
        endpoint_id = request("POST", body=f'{{"url":"{URL}"}}')["endpoint_id"]
        request("PATCH", body='{"thin":true}')
        request("POST", "/secret")
        assert request("POST", "/test")["outcome"] == "failed"
        request("DELETE")
    events = [record for record in caplog.records if getattr(record, "event", "") == "endpoint"]
    lines: list[dict[str, Any]] = [vars(record)["fields"] for record in events]
    assert [line["change"] for line in lines] == ["created", "changed", "secret rotated", "tested", "deleted"]
    assert {line["endpoint_id"] for line in lines} == {endpoint_id}
    assert URL not in caplog.text
