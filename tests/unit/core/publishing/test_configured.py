"""Endpoints of the settings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.core.model.publishing import Endpoint, Secret
from chalicelib.core.publishing.configured import ConfiguredEndpoints, parse_endpoints
from tests.support.fakes import START_TIME, FakeClock
from tests.unit.core.publishing.test_registry import Memory

HOOK = {"url": "https://hooks.example.com/", "secret_parameter": "/chat/hook", "types": ["message"], "thin": True}
BUS = {"event_bus": "product", "start": "beginning"}


def parse(*entries: Any, local: bool = False) -> list[Endpoint]:
    return parse_endpoints(json.dumps(entries), local=local)


def test_entries_become_endpoints() -> None:
    hook, bus = parse(HOOK, BUS)
    assert (hook.kind, hook.url, hook.secret_parameter) == ("webhook", HOOK["url"], "/chat/hook")
    assert (hook.types, hook.is_thin, hook.start) == (frozenset({"message"}), True, "now")
    assert (hook.notify, parse({**HOOK, "notify": True})[0].notify) == (False, True)
    assert (bus.kind, bus.url, bus.secret_parameter, bus.start) == ("eventbridge", "product", None, "beginning")
    assert parse_endpoints("") == []
    assert [endpoint.endpoint_id for endpoint in parse(HOOK, BUS)] == [hook.endpoint_id, bus.endpoint_id]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "must be JSON"),
        ("{}", "must be a list"),
        ("[1]", "entry 1 must be an object"),
        (json.dumps([{**HOOK, "secret": "x"}]), "entry 1 must be an object with fields of"),
        (json.dumps([BUS, {"url": HOOK["url"]}]), "entry 2 must have url and secret_parameter, or event_bus"),
        (json.dumps([{**HOOK, **BUS}]), "must have url and secret_parameter, or event_bus"),
        (json.dumps([{**BUS, "secret_parameter": "x"}]), "must have url and secret_parameter, or event_bus"),
        (json.dumps([{**BUS, "types": "message"}]), "types"),
        (json.dumps([{**BUS, "types": [1]}]), "types"),
        (json.dumps([{**BUS, "types": ["message edited"]}]), "entry 1 must have at most 30 types, in lower case"),
        (json.dumps([{**BUS, "types": ["Message"]}]), "entry 1 must have at most 30 types, in lower case"),
        (json.dumps([{**BUS, "types": ["message\n"]}]), "entry 1 must have at most 30 types, in lower case"),
        (json.dumps([{**BUS, "types": ["a"] * 31}]), "entry 1 must have at most 30 types"),
        (json.dumps([{**BUS, "thin": 1}]), "thin"),
        (json.dumps([{**HOOK, "notify": 1}]), "notify"),
        (json.dumps([{**BUS, "notify": True}]), "must have a url for notify"),
        (json.dumps([{**BUS, "start": "yesterday"}]), "start"),
        (json.dumps([{**HOOK, "url": "http://127.0.0.1/"}]), "has a url that must begin with https://"),
        (json.dumps([BUS, BUS]), "twice"),
    ],
)
def test_invalid_setting_names_the_entry_and_the_problem(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="CHAT_ENDPOINTS") as caught:
        parse_endpoints(text)
    assert problem in str(caught.value)


def test_local_run_may_configure_loopback() -> None:
    assert parse({**HOOK, "url": "http://127.0.0.1:9000/"}, local=True)


def test_endpoint_of_the_settings_gets_a_row_at_its_first_use() -> None:
    memory, clock = Memory(), FakeClock()
    store = ConfiguredEndpoints(memory, parse(HOOK), clock)
    (found,) = store.endpoints()
    assert (found.created_at, found.version) == (int(START_TIME * 1000), 1)
    clock.advance(60)
    assert store.endpoints() == [found] == [store.endpoint(found.endpoint_id)]


def test_settings_decide_the_definition_and_the_row_the_state() -> None:
    memory = Memory()
    (found,) = ConfiguredEndpoints(memory, parse(HOOK), FakeClock()).endpoints()
    assert memory.save(found._replace(disabled_at=5, disabled_reason="410"))
    definition = {**HOOK, "types": [], "notify": True, "secret_parameter": "/new"}
    (now,) = ConfiguredEndpoints(memory, parse(definition), FakeClock()).endpoints()
    assert (now.types, now.notify, now.secret_parameter) == (frozenset(), True, "/new")
    assert (now.disabled_at, now.disabled_reason, now.created_at) == (5, "410", found.created_at)


def test_endpoint_that_left_the_settings_is_ignored() -> None:
    memory = Memory()
    (found,) = ConfiguredEndpoints(memory, parse(HOOK), FakeClock()).endpoints()
    created = Endpoint("ep_service", "webhook", "https://a.example/", 1, secrets=(Secret(b"k"),))
    store = ConfiguredEndpoints(memory, [], FakeClock())
    assert store.save(created)
    assert [endpoint.endpoint_id for endpoint in store.endpoints()] == ["ep_service"]
    assert store.endpoint(found.endpoint_id) is None
    store.delete("ep_service")
    assert store.endpoints() == []
