"""Endpoints, as services manage them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.kernel.endpoint_errors import EndpointConfigured, EndpointLimit
from chalicelib.core.kernel.errors import ConversationBusy, NotFound, ValidationFailed
from chalicelib.core.model.published import TEST
from chalicelib.core.model.publishing import Delivery, DeliveryResult, Endpoint, Outcome, Secret
from chalicelib.core.model.webhook_secret import parse_secret
from chalicelib.core.protocol.endpoint_requests import (
    CreateEndpoint,
    ResumeEndpoint,
    RotateSecret,
    UpdateEndpoint,
)
from chalicelib.core.publishing import registry as registries
from chalicelib.core.publishing.registry import Registry
from tests.support.fakes import START_TIME, FakeClock
from tests.support.runtime import new_runtime

URL = "https://hooks.example.com/chat"
CHATS = [f"conv_{number:022}" for number in range(60)]


class Memory:
    """The store of endpoints, and a log of the calls of cursors, lag notes, queue and sink."""

    def __init__(self) -> None:
        self.rows: dict[str, Endpoint] = {}
        self.before_save: list[Callable[[], None]] = []
        self.noted: list[str] = []
        self.resumed: list[str] = []
        self.sent: list[tuple[str, str, float]] = []
        self.delivered: list[Delivery] = []
        self.walks = self.requested = 0

    def endpoints(self) -> list[Endpoint]:
        return sorted(self.rows.values(), key=lambda endpoint: endpoint.created_at)

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        return self.rows.get(endpoint_id)

    def is_deleted(self, endpoint_id: str) -> bool:
        return endpoint_id not in self.rows

    def save(self, endpoint: Endpoint, *, walks: bool = False) -> bool:
        if self.before_save:
            self.before_save.pop()()
        present = self.rows.get(endpoint.endpoint_id)
        if endpoint.version != (present.version if present else 0):
            return False
        self.rows[endpoint.endpoint_id] = endpoint._replace(version=endpoint.version + 1)
        self.requested += walks
        return True

    def delete(self, endpoint_id: str) -> None:
        self.rows.pop(endpoint_id, None)

    def lagging(self, endpoint_id: str, after: str | None, limit: int) -> list[str]:
        return [found for found in self.noted if after is None or found > after][:limit]

    def cursor(self, conversation_id: str, endpoint_id: str) -> None:
        return None

    def resume(self, conversation_id: str, endpoint_id: str) -> None:
        self.resumed.append(conversation_id)

    def claim_probe(self, endpoint: Endpoint, probe_at: int) -> bool:
        self.rows[endpoint.endpoint_id] = endpoint._replace(probe_at=probe_at)
        return True

    def send(self, endpoint_id: str, conversation_id: str, delay: float) -> None:
        self.sent.append((endpoint_id, conversation_id, delay))

    def send_walk(self) -> None:
        self.walks += 1

    def deliver(self, delivery: Delivery) -> DeliveryResult:
        self.delivered.append(delivery)
        return DeliveryResult(Outcome.FAILED, "status 500")


class Rig:
    def __init__(self, *, local: bool = False) -> None:
        self.clock, self.memory = FakeClock(quantum=0.1), Memory()
        memory: Any = self.memory
        self.registry = Registry(
            endpoints=memory,
            circuits=memory,
            cursors=memory,
            lags=memory,
            queue=memory,
            sink=memory,
            runtime=new_runtime(clock=self.clock),
            allows_local=local,
        )

    def create(self, **fields: Any) -> dict[str, Any]:
        return self.registry.create(CreateEndpoint(**{"url": URL, **fields}))

    def secrets(self, endpoint_id: str) -> list[Secret]:
        return list(self.memory.rows[endpoint_id].secrets)


def test_secret_is_shown_once() -> None:
    rig = Rig()
    created = rig.create(types=["message"], thin=True, notify=True, start="beginning", description="Index")
    key = parse_secret(created.pop("secret"))
    endpoint_id = created["endpoint_id"]
    assert rig.secrets(endpoint_id) == [Secret(key)]
    assert created == {
        "endpoint_id": endpoint_id, "kind": "webhook", "url": URL, "types": ["message"], "thin": True,
        "notify": True, "start": "beginning", "description": "Index", "configured": False, "enabled": True,
        "failures": 0, "created_at": "2027-01-15T08:00:00.000Z",
    }  # fmt: skip
    assert rig.registry.list() == {"endpoints": [created]}
    assert rig.registry.state(endpoint_id) == {**created, "lagging": [], "lagging_more": False}


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com/", "https://127.0.0.1/", "https://a@hooks.example.com/"]
)
def test_url_that_breaks_a_rule_is_refused_with_the_reason(url: str) -> None:
    rig = Rig()
    with pytest.raises(ValidationFailed) as caught:
        rig.create(url=url)
    assert caught.value.details
    assert caught.value.details[0]["path"] == "url"
    assert url not in caught.value.details[0]["problem"]
    assert rig.memory.rows == {}


def test_local_registry_takes_loopback() -> None:
    assert Rig(local=True).create(url="http://127.0.0.1:9000/hook")["enabled"]


def test_deployment_has_at_most_so_many_endpoints() -> None:
    rig = Rig()
    for _ in range(registries.MAX_ENDPOINTS):
        endpoint_id = rig.create()["endpoint_id"]
    with pytest.raises(EndpointLimit):
        rig.create()
    rig.registry.delete(endpoint_id)
    rig.create()


def test_change_keeps_other_fields_and_is_made_on_the_present_version() -> None:
    rig = Rig()
    endpoint_id = rig.create(types=["message"])["endpoint_id"]

    def by_another() -> None:
        present = rig.memory.rows[endpoint_id]
        rig.memory.rows[endpoint_id] = present._replace(description="Theirs", version=present.version + 1)

    rig.memory.before_save.append(by_another)
    changed = rig.registry.update(endpoint_id, UpdateEndpoint(thin=True))
    assert (changed["thin"], changed["types"], changed["description"]) == (True, ["message"], "Theirs")
    assert rig.registry.update(endpoint_id, UpdateEndpoint(types=[]))["types"] == []
    assert [rig.registry.update(endpoint_id, UpdateEndpoint(notify=on))["notify"] for on in (True, False)] == [
        True,
        False,
    ]


def test_change_that_always_conflicts_ends() -> None:
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]

    def by_another() -> None:
        present = rig.memory.rows[endpoint_id]
        rig.memory.rows[endpoint_id] = present._replace(version=present.version + 1)

    rig.memory.before_save = [by_another] * 1_000
    with pytest.raises(ConversationBusy):
        rig.registry.update(endpoint_id, UpdateEndpoint(thin=True))


def test_enabling_an_endpoint_ends_its_failures() -> None:
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]
    disabled = rig.registry.update(endpoint_id, UpdateEndpoint(enabled=False))
    assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "by a service")
    version = rig.memory.rows[endpoint_id].version
    assert rig.registry.update(endpoint_id, UpdateEndpoint(enabled=False)) == disabled
    assert rig.memory.rows[endpoint_id].version == version
    present = rig.memory.rows[endpoint_id]
    rig.memory.rows[endpoint_id] = present._replace(failures=12, failing_since=5, probe_at=6)
    enabled = rig.registry.update(endpoint_id, UpdateEndpoint(enabled=True))
    assert (enabled["enabled"], enabled["failures"]) == (True, 0)
    assert not {"disabled_at", "disabled_reason", "failing_since", "next_probe_at"} & enabled.keys()


def test_endpoint_that_may_have_missed_events_is_walked_for_at_once() -> None:
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]
    rig.registry.update(endpoint_id, UpdateEndpoint(enabled=False))
    rig.registry.update(endpoint_id, UpdateEndpoint(types=["message"]))
    assert (rig.memory.requested, rig.memory.walks) == (0, 0), "it is disabled"
    rig.registry.update(endpoint_id, UpdateEndpoint(enabled=True))
    assert (rig.memory.requested, rig.memory.walks) == (1, 1)
    rig.registry.update(endpoint_id, UpdateEndpoint(types=["message", "message_edited"]))
    assert (rig.memory.requested, rig.memory.walks) == (2, 2)
    rig.create(start="beginning")
    assert (rig.memory.requested, rig.memory.walks) == (3, 3)


def test_change_that_publishes_nothing_more_requests_no_walk() -> None:
    """A walk reads all conversations."""
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]
    rig.registry.update(endpoint_id, UpdateEndpoint(description="x", thin=True, enabled=True))
    rig.registry.rotate(endpoint_id, RotateSecret())
    assert (rig.memory.requested, rig.memory.walks) == (0, 0)


def test_rotation_lets_earlier_secrets_sign_until_the_end_of_the_overlap() -> None:
    rig = Rig()
    created = rig.create()
    endpoint_id, first = created["endpoint_id"], parse_secret(created["secret"])
    rotated = rig.registry.rotate(endpoint_id, RotateSecret())
    second = parse_secret(rotated["secret"])
    in_a_day = int(START_TIME) + 24 * 3600
    assert rig.secrets(endpoint_id) == [Secret(second), Secret(first, in_a_day)]
    assert rotated["previous_expires_at"] == "2027-01-16T08:00:00.000Z"
    assert rig.registry.state(endpoint_id)["previous_secret_expires_at"] == "2027-01-16T08:00:00.000Z"
    rig.clock.advance(3600)
    third = parse_secret(rig.registry.rotate(endpoint_id, RotateSecret(overlap=7 * 24 * 3600))["secret"])
    in_a_week = int(START_TIME) + 3600 + 7 * 24 * 3600
    assert rig.secrets(endpoint_id) == [Secret(third), Secret(second, in_a_week), Secret(first, in_a_day)]
    rig.clock.advance(24 * 3600)
    fourth = parse_secret(rig.registry.rotate(endpoint_id, RotateSecret(overlap=7 * 24 * 3600))["secret"])
    assert [secret.key for secret in rig.secrets(endpoint_id)] == [fourth, third, second]


def test_rotation_without_overlap_ends_all_earlier_secrets() -> None:
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]
    rig.registry.rotate(endpoint_id, RotateSecret())
    rotated = rig.registry.rotate(endpoint_id, RotateSecret(overlap=0))
    assert rig.secrets(endpoint_id) == [Secret(parse_secret(rotated["secret"]))]
    assert "previous_expires_at" not in rotated


def test_number_of_signatures_is_limited() -> None:
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]
    for _ in range(10):
        rig.registry.rotate(endpoint_id, RotateSecret())
    assert len(rig.secrets(endpoint_id)) == registries.MAX_SECRETS


def test_conversation_is_resumed_at_once() -> None:
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]
    assert rig.registry.resume(endpoint_id, ResumeEndpoint(conversation_id=CHATS[7])) == {"resumed": 1}
    assert (rig.memory.resumed, rig.memory.sent) == ([CHATS[7]], [(endpoint_id, CHATS[7], 0)])
    assert rig.registry.resume(endpoint_id, ResumeEndpoint(conversation_id="deployment")) == {"resumed": 1}


def test_all_that_lag_behind_are_resumed_page_by_page() -> None:
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]
    rig.memory.noted = CHATS
    after, pages = None, 0
    while True:
        answer = rig.registry.resume(endpoint_id, ResumeEndpoint(after=after))
        after, pages = answer.get("next_after"), pages + 1
        if after is None:
            break
    assert (rig.memory.resumed, pages) == (CHATS, 3)
    assert [shown["conversation_id"] for shown in rig.registry.state(endpoint_id)["lagging"]] == CHATS[:8]
    assert rig.registry.state(endpoint_id)["lagging_more"]


@pytest.mark.parametrize("name", ["conversation_id", "after"])
def test_resumption_takes_ids_of_conversations_only(name: str) -> None:
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]
    with pytest.raises(ValidationFailed):
        rig.registry.resume(endpoint_id, ResumeEndpoint(**{name: "../x"}))
    assert rig.memory.sent == []


def test_test_event_has_an_id_of_its_own_and_returns_the_outcome() -> None:
    rig = Rig()
    endpoint_id = rig.create()["endpoint_id"]
    for _ in range(2):
        assert rig.registry.test(endpoint_id) == {"outcome": "failed", "reason": "status 500"}
    first, second = rig.memory.delivered
    assert first.delivery_id != second.delivery_id
    assert [event["type"] for event in first.events] == [TEST]


CALLS: list[Callable[[Registry, str], object]] = [
    lambda registry, endpoint_id: registry.state(endpoint_id),
    lambda registry, endpoint_id: registry.update(endpoint_id, UpdateEndpoint(thin=True)),
    lambda registry, endpoint_id: registry.delete(endpoint_id),
    lambda registry, endpoint_id: registry.rotate(endpoint_id, RotateSecret()),
    lambda registry, endpoint_id: registry.resume(endpoint_id, ResumeEndpoint()),
    lambda registry, endpoint_id: registry.test(endpoint_id),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("endpoint_id", ["ep_unknown", "", "x", "ep_" + "a" * 99, "ep_\u00fc"])
def test_unknown_endpoint_is_not_found(call: Callable[[Registry, str], object], endpoint_id: str) -> None:
    with pytest.raises(NotFound):
        call(Rig().registry, endpoint_id)


def test_endpoint_of_the_settings_can_only_be_disabled() -> None:
    rig = Rig()
    configured = Endpoint("ep_bus", "eventbridge", "bus", 1, version=1)
    rig.memory.rows["ep_bus"] = configured
    for call in CALLS[1:4]:
        with pytest.raises(EndpointConfigured):
            call(rig.registry, "ep_bus")
    assert rig.memory.rows == {"ep_bus": configured}
    assert not rig.registry.update("ep_bus", UpdateEndpoint(enabled=False))["enabled"]
