"""The section `webhooks` of the OpenAPI document describes what endpoints receive."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema_rs import validator_for

from chalicelib.core.model.published import TEST, content_of
from chalicelib.core.model.publishing import DEPLOYMENT_LOG, Delivery, Endpoint
from specs import openapi
from specs.version import VERSION
from tests.support.publishing import PublishingHarness

ENDPOINT = Endpoint("ep_1", "webhook", "https://hooks.example.com/", 0)
DOCUMENT = openapi.document(VERSION)


def problems(name: str, content: dict[str, Any]) -> list[str]:
    """Return the violations of the document by the body of a request."""
    body = DOCUMENT["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **body}
    whole = {**schema, "components": DOCUMENT["components"]}
    return [error.message for error in validator_for(whole).iter_errors(json.loads(json.dumps(content)))]


@pytest.mark.parametrize("thin", [False, True])
def test_delivered_events_have_the_documented_form(thin: bool) -> None:
    harness = PublishingHarness()
    harness.add_endpoint(start="beginning", is_thin=thin, notify=True)
    chat = harness.create_conversation("alice", "bob")
    harness.send_message("alice", chat)
    harness.publish(chat)
    assert harness.sink.attempts
    for delivery in harness.sink.attempts:
        assert problems("chat.events", content_of(delivery)) == []
    (listed,) = content_of(harness.sink.attempts[-1])["data"]["notify"]
    assert problems("chat.events", _with_lists(harness.sink.attempts[-1], [listed, {**listed, "members": [{}]}]))


def _with_lists(delivery: Delivery, lists: list[dict[str, Any]]) -> dict[str, Any]:
    content = content_of(delivery)
    return {**content, "data": {**content["data"], "notify": lists}}


def test_other_deliveries_have_the_documented_form() -> None:
    created = {"created_at": "2026-03-01T09:00:00.000Z"}
    reset = {"type": "log_reset", "conversation_id": "conv_1", "history_id": "1.t", "head": 0, **created}
    erased = {"type": "participant_erased", "sequence_id": 1, "erasure_id": "x", **created}
    for conversation_id, event in (("conv_1", reset), (DEPLOYMENT_LOG, erased)):
        sent = Delivery("dlv_1", ENDPOINT, conversation_id, "1.t", 0, [event], 1)
        assert problems("chat.events", content_of(sent)) == []
    test = Delivery("dlv_1", ENDPOINT, "", "1.t", 0, [{"type": TEST, **created}], 1)
    assert problems("chat.test", content_of(test)) == []
    assert problems("chat.test", {"type": TEST})
