"""The routes for endpoints, as acts for the walk of `test_read_limits.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.core.model.publishing import MAX_TYPES, Cursor, InFlight
from chalicelib.core.protocol.endpoint_requests import CreateEndpoint, ResumeEndpoint, RotateSecret, UpdateEndpoint
from chalicelib.core.publishing.registry import MAX_ENDPOINTS, RESUMED_AT_ONCE, Registry
from tests.invariants.process import Process

_LARGEST: dict[str, Any] = {
    "url": f"https://hooks.example.com/{'a' * 970}",
    "types": [f"{'e' * 38}_{chr(97 + number % 26)}" for number in range(MAX_TYPES)],
    "description": "d" * 200,
}


def fill_with_endpoints(process: Process) -> str:
    """Create all endpoints but one, as large as possible; return one that lags behind in many conversations."""
    publishing = process.app.publishing
    for _ in range(MAX_ENDPOINTS - 1):
        endpoint_id = str(publishing.registry.create(CreateEndpoint(**_LARGEST))["endpoint_id"])
        for _ in range(4):
            publishing.registry.rotate(endpoint_id, RotateSecret())
    for number in range(RESUMED_AT_ONCE + 1):
        conversation_id = f"conv_{number:022}"
        publishing.cursors.wake(conversation_id, endpoint_id)
        publishing.lags.note(endpoint_id, conversation_id)
        cursor = publishing.cursors.acquire(conversation_id, endpoint_id, "lease", 0, 1)
        assert isinstance(cursor, Cursor)
        assert publishing.cursors.note_in_flight(cursor, InFlight(1, 2, 0))
        assert publishing.cursors.note_failure(cursor, failures=20, retry_at=0, parked_at=5)
    return endpoint_id


def _act(call: Callable[[Registry, str], Any]) -> Callable[[Process, Any], Any]:
    def act(process: Process, room: Any) -> Any:
        return call(process.app.publishing.registry, room.endpoint)

    return act


_E = "/service/endpoints/{endpoint_id}"
ENDPOINT_ACTS: list[tuple[str, int, Callable[[Process, Any], Any]]] = [
    ("POST /service/endpoints", 0, _act(lambda registry, one: registry.create(CreateEndpoint(**_LARGEST)))),
    ("GET /service/endpoints", 0, _act(lambda registry, one: registry.list())),
    (f"GET {_E}", 1, _act(lambda registry, one: registry.state(one))),
    (f"PATCH {_E}", 1, _act(lambda registry, one: registry.update(one, UpdateEndpoint(thin=True)))),
    (f"POST {_E}/secret", 1, _act(lambda registry, one: registry.rotate(one, RotateSecret()))),
    (f"POST {_E}/resume", 1, _act(lambda registry, one: registry.resume(one, ResumeEndpoint()))),
    (f"POST {_E}/test", 1, _act(lambda registry, one: registry.test(one))),
    (f"DELETE {_E}", 1, _act(lambda registry, one: registry.delete(one))),
]
