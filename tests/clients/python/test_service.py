"""The client of a service, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
from serverless_chat import ChatClosedError, RefusedError, Service, UnavailableError, blocking

Answer = Callable[[httpx.Request], httpx.Response]
Steps = Callable[[Service], Coroutine[Any, Any, Any]]


def run(answer: Answer, steps: Steps) -> tuple[Any, list[httpx.Request]]:
    """Return the result of `steps` and the requests that they sent."""
    requests: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answer(request)

    async def within() -> Any:
        async with Service("http://server", lambda: "a token", transport=httpx.MockTransport(record)) as service:
            return await steps(service)

    return asyncio.run(within()), requests


def test_participant_and_name_are_percent_encoded() -> None:
    async def steps(service: Service) -> None:
        await service.acting_for("auth0|a,b%", "Zoë B.").api.get("/me")
        await service.acting_for("bob").api.get("/me")
        await service.api.get("/service/conversations")

    _, (alice, bob, none) = run(lambda _: httpx.Response(200, json={}), steps)
    assert alice.headers["Chat-Participant"] == "auth0%7Ca%2Cb%25"
    assert alice.headers["Chat-Participant-Name"] == "Zo%C3%AB%20B."
    assert (bob.headers["Chat-Participant"], "Chat-Participant-Name" in bob.headers) == ("bob", False)
    assert "Chat-Participant" not in none.headers
    assert {request.headers["Authorization"] for request in (alice, bob, none)} == {"Bearer a token"}


def test_events_are_read_page_by_page_from_a_position() -> None:
    pages = {
        "7": {"events": [{"sequence_id": 8}, {"sequence_id": 9}], "has_more": True, "next_after": 9},
        "9": {"events": [{"sequence_id": 10}], "has_more": False, "next_after": 10},
    }

    async def steps(service: Service) -> list[int]:
        return [event["sequence_id"] async for event in service.events("conv_a", after=7)]

    events, requests = run(lambda request: httpx.Response(200, json=pages[request.url.params["after"]]), steps)
    assert events == [8, 9, 10]
    assert {request.url.path for request in requests} == {"/service/conversations/conv_a/events"}


def test_message_is_repeated_with_the_same_key_until_it_is_answered() -> None:
    answers = iter([httpx.Response(503), httpx.Response(200, json={"sequence_id": 2})])

    async def steps(service: Service) -> Any:
        return await service.acting_for("alice").send("conv_a", "hi", reply_to=1)

    event, requests = run(lambda _: next(answers), steps)
    assert event == {"sequence_id": 2}
    first, second = (json.loads(request.content) for request in requests)
    assert first == second
    assert (first["content"], first["reply_to"], bool(first["client_message_id"])) == ("hi", 1, True)
    assert {request.url.path for request in requests} == {"/conversations/conv_a/messages"}


def test_creation_for_a_participant_is_repeated_with_the_same_key_and_not_mixed_with_others() -> None:
    answers = iter([httpx.Response(503), httpx.Response(201, json={}), httpx.Response(201, json={})])

    async def steps(service: Service) -> None:
        alice = service.acting_for("alice")
        await alice.create("Order")
        await alice.create("Order", idempotency_key="order-7")

    _, requests = run(lambda _: next(answers), steps)
    keys = [request.headers["Idempotency-Key"] for request in requests]
    assert keys[0] == keys[1] != keys[2] == '"order-7"'
    assert {request.headers["Chat-Participant"] for request in requests} == {"alice"}


def test_creation_without_a_participant_is_not_repeated() -> None:
    async def steps(service: Service) -> None:
        await service.create("Order", [{"participant_id": "bob", "name": "Bob"}])

    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(503)

    with pytest.raises(UnavailableError):
        run(answer, steps)
    (request,) = sent
    assert json.loads(request.content)["participants"] == [{"participant_id": "bob", "name": "Bob"}]


def test_refusal_is_raised_with_its_code() -> None:
    body = {"error": {"code": "FORBIDDEN", "message": "No."}}
    with pytest.raises(RefusedError) as refused:
        run(lambda _: httpx.Response(403, json=body), lambda service: service.acting_for("alice").ticket())
    assert (refused.value.code, refused.value.status) == ("FORBIDDEN", 403)


def test_ticket_is_returned() -> None:
    ticket, (request,) = run(
        lambda _: httpx.Response(201, json={"ticket": "t", "expires_in": 30}),
        lambda service: service.acting_for("alice").ticket(),
    )
    assert ticket == "t"
    assert (request.method, request.url.path) == ("POST", "/tickets")


def test_blocking_service_makes_the_same_requests() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"ticket": "t", "sequence_id": 2})

    with blocking.Service("http://server", lambda: "t", transport=httpx.MockTransport(answer)) as service:
        alice = service.acting_for("alice", "Alice")
        alice.create("Order", [{"participant_id": "bob", "name": "Bob"}], join_policy="open")
        assert alice.send("conv_a", "hi", client_message_id="k") == {"ticket": "t", "sequence_id": 2}
        assert alice.ticket() == "t"
        alice.api.request("DELETE", "/me/blocks", None, {"participant_id": "eve"})
        service.api.request("GET", "/service/conversations")
    assert [(request.method, request.url.path, "Chat-Participant" in request.headers) for request in requests] == [
        ("POST", "/conversations", True),
        ("POST", "/conversations/conv_a/messages", True),
        ("POST", "/tickets", True),
        ("DELETE", "/me/blocks", True),
        ("GET", "/service/conversations", False),
    ]
    with pytest.raises(ChatClosedError):
        alice.ticket()


def test_all_pages_are_read_in_their_order() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        first = "cursor" not in request.url.params
        more = {"next_cursor": "c"} if first else {}
        return httpx.Response(200, json={"conversations": [{"conversation_id": str(int(first))}], **more})

    async def steps(service: Service) -> list[str]:
        return [found["conversation_id"] async for found in service.conversations("bob")]

    found, requests = run(answer, steps)
    assert found == ["1", "0"]
    assert [request.url.params["participant_id"] for request in requests] == ["bob", "bob"]
    with blocking.Service("http://server", lambda: "t", transport=httpx.MockTransport(answer)) as service:
        assert [page["conversations"] for page in service.export("bob")] == [
            [{"conversation_id": "1"}],
            [{"conversation_id": "0"}],
        ]
        assert len(service.conversations()) == 2
