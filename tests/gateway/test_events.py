"""Points 16–24 of the checklist: complete events, compared with AWS's formats."""

from typing import Any

import pytest

from local.gateway import Gateway, RequestAuthorizer, WebSocketApi

from .conftest import Connect, Serve
from .support import CountedIds, Event, FakeFunction, ManualClock, allow

TIME = "11/Nov/2024:13:45:46 +0000"
MILLISECONDS = 1731332746123
TRACE = "Root=1-67320d8a-000000000000000000000001"


class Api:
    """A WebSocket API whose functions record their events."""

    def __init__(self, *, with_authorizer: bool = False) -> None:
        self.authorizer = FakeFunction(lambda event: allow(event["methodArn"], {"userId": "u1", "level": 3}))
        self.connect = FakeFunction()
        self.message = FakeFunction()
        self.disconnect = FakeFunction()
        self.definition = WebSocketApi(
            connect=self.connect,
            default=self.message,
            disconnect=self.disconnect,
            routes={"request": self.message},
            authorizer=RequestAuthorizer(self.authorizer) if with_authorizer else None,
        )


def context(route_key: str, event_type: str, request_id: str, gateway: Gateway, **more: Any) -> Event:
    """Return the common part of all requestContexts; the connection id is the second generated id."""
    return {
        "routeKey": route_key,
        "eventType": event_type,
        "extendedRequestId": request_id,
        "requestTime": TIME,
        "messageDirection": "IN",
        "stage": "local",
        "connectedAt": MILLISECONDS,
        "requestTimeEpoch": MILLISECONDS,
        "identity": {"sourceIp": "127.0.0.1", "userAgent": "tests/1.0"},
        "requestId": request_id,
        "domainName": host(gateway),
        "connectionId": "000000000000002=",
        "apiId": "socklocal0",
        **more,
    }


def host(gateway: Gateway) -> str:
    return gateway.ws_url.removeprefix("ws://").removesuffix("/local")


def handshake_headers(event: Event, gateway: Gateway) -> dict[str, str]:
    """Return the headers that the client library and the gateway add to the handshake."""
    return {
        "Host": host(gateway),
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Key": event["headers"]["Sec-WebSocket-Key"],
        "Sec-WebSocket-Version": "13",
        "User-Agent": "tests/1.0",
        "X-Amzn-Trace-Id": TRACE,
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": host(gateway).split(":")[1],
        "X-Forwarded-Proto": "http",
    }


def lists(values: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in values.items()}


def run(api: Api, serve: Serve, connect: Connect, clock: ManualClock, query: str = "") -> Gateway:
    """Open a connection, send one message and close without a code."""
    gateway = serve(api.definition, clock=clock, ids=CountedIds())
    socket = connect(gateway.ws_url + query, user_agent_header="tests/1.0")
    socket.send('{"action":"request"}')
    api.message.wait_for(1)
    socket.close(code=4000, reason="enough")
    api.disconnect.wait_for(1)
    return gateway


def test_16_connect_event_with_query_and_authorizer(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    api = Api(with_authorizer=True)
    gateway = run(api, serve, connect, clock, "?ticket=a%20b&tag=1&tag=2")
    event = api.connect.events[0]
    headers = handshake_headers(event, gateway)
    authorizer = {"userId": "u1", "level": "3", "principalId": "alice", "integrationLatency": 0}
    assert event == {
        "headers": headers,
        "multiValueHeaders": lists(headers),
        "queryStringParameters": {"ticket": "a b", "tag": "2"},
        "multiValueQueryStringParameters": {"ticket": ["a b"], "tag": ["1", "2"]},
        "requestContext": context("$connect", "CONNECT", "000000000000001=", gateway, authorizer=authorizer),
        "isBase64Encoded": False,
    }


def test_16_connect_event_has_no_hop_by_hop_headers_and_no_body(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    api = Api()
    run(api, serve, connect, clock)
    event = api.connect.events[0]
    assert not {"connection", "upgrade"} & {name.lower() for name in event["headers"]}
    assert "body" not in event


@pytest.mark.parametrize("query", ["", "?"])
def test_17_connect_event_without_query_string_omits_the_keys(
    serve: Serve, connect: Connect, clock: ManualClock, query: str
) -> None:
    api = Api()
    gateway = run(api, serve, connect, clock, query)
    headers = handshake_headers(api.connect.events[0], gateway)
    assert api.connect.events[0] == {
        "headers": headers,
        "multiValueHeaders": lists(headers),
        "requestContext": context("$connect", "CONNECT", "000000000000001=", gateway),
        "isBase64Encoded": False,
    }


def test_17_authorizer_event_without_query_has_empty_objects(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    api = Api(with_authorizer=True)
    gateway = run(api, serve, connect, clock)
    event = api.authorizer.events[0]
    headers = {
        **handshake_headers(event, gateway),
        "Connection": "upgrade",
        "Upgrade": "websocket",
        "content-length": "0",
    }
    assert event == {
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:socklocal0/local/$connect",
        "headers": headers,
        "multiValueHeaders": lists(headers),
        "queryStringParameters": {},
        "multiValueQueryStringParameters": {},
        "stageVariables": {},
        "requestContext": context("$connect", "CONNECT", "000000000000001=", gateway),
    }


def test_17_authorizer_event_contains_the_query(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    api = Api(with_authorizer=True)
    run(api, serve, connect, clock, "?ticket=t")
    assert api.authorizer.events[0]["queryStringParameters"] == {"ticket": "t"}
    assert api.authorizer.events[0]["multiValueQueryStringParameters"] == {"ticket": ["t"]}


def test_18_message_event_has_neither_headers_nor_query(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    api = Api(with_authorizer=True)
    gateway = run(api, serve, connect, clock, "?ticket=t")
    authorizer = {"userId": "u1", "level": "3", "principalId": "alice"}
    more = {"messageId": "000000000000004=", "authorizer": authorizer}
    assert api.message.events == [
        {
            "requestContext": context("request", "MESSAGE", "000000000000003=", gateway, **more),
            "body": '{"action":"request"}',
            "isBase64Encoded": False,
        }
    ]


def test_19_message_id_and_close_code_are_only_in_their_events(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    api = Api()
    run(api, serve, connect, clock)
    special = {"messageId", "disconnectStatusCode", "disconnectReason"}
    keys = [
        special & function.events[0]["requestContext"].keys()
        for function in (api.connect, api.message, api.disconnect)
    ]
    assert keys == [set(), {"messageId"}, {"disconnectStatusCode", "disconnectReason"}]


def test_20_request_id_is_unique_per_event_and_connected_at_is_constant(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    api = Api()
    gateway = serve(api.definition, clock=clock)
    socket = connect(gateway.ws_url)
    clock.advance(1.5)
    socket.send("one")
    api.message.wait_for(1)
    clock.advance(0.25)
    socket.send("two")
    api.message.wait_for(2)
    socket.close()
    events = [*api.connect.events, *api.message.events, *api.disconnect.wait_for(1)]
    contexts = [event["requestContext"] for event in events]
    assert len({item["requestId"] for item in contexts}) == 4
    assert all(item["requestId"] == item["extendedRequestId"] for item in contexts)
    assert {item["connectedAt"] for item in contexts} == {MILLISECONDS}
    epochs = [item["requestTimeEpoch"] for item in contexts]
    assert epochs == [MILLISECONDS, MILLISECONDS + 1500, MILLISECONDS + 1750, MILLISECONDS + 1750]
    assert [item["requestTime"] for item in contexts] == [TIME, *["11/Nov/2024:13:45:47 +0000"] * 3]
    assert len({item["messageId"] for item in contexts[1:3]}) == 2


def test_21_user_agent_is_absent_if_not_sent(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    api = Api()
    gateway = serve(api.definition, clock=clock)
    socket = connect(gateway.ws_url, user_agent_header=None)
    socket.send("hello")
    api.message.wait_for(1)
    socket.close()
    api.disconnect.wait_for(1)
    for function in (api.connect, api.message, api.disconnect):
        assert function.events[0]["requestContext"]["identity"] == {"sourceIp": "127.0.0.1"}


def test_22_authorizer_is_in_all_events_and_its_latency_only_in_connect(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    api = Api(with_authorizer=True)
    run(api, serve, connect, clock)
    seen = [
        function.events[0]["requestContext"]["authorizer"]
        for function in (api.connect, api.message, api.disconnect)
    ]
    common = {"userId": "u1", "level": "3", "principalId": "alice"}
    assert seen == [{**common, "integrationLatency": 0}, common, common]


def test_22_events_without_an_authorizer_omit_the_key(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    api = Api()
    run(api, serve, connect, clock)
    for function in (api.connect, api.message, api.disconnect):
        assert "authorizer" not in function.events[0]["requestContext"]


def test_23_disconnect_event(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    api = Api(with_authorizer=True)
    gateway = run(api, serve, connect, clock)
    headers = {"Host": host(gateway), "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    more = {
        "disconnectStatusCode": 4000,
        "disconnectReason": "enough",
        "authorizer": {"userId": "u1", "level": "3", "principalId": "alice"},
    }
    assert api.disconnect.events == [
        {
            "headers": headers,
            "multiValueHeaders": lists(headers),
            "requestContext": context("$disconnect", "DISCONNECT", "000000000000005=", gateway, **more),
            "isBase64Encoded": False,
        }
    ]


def test_24_websocket_events_are_not_base64(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    api = Api()
    run(api, serve, connect, clock)
    for function in (api.connect, api.message, api.disconnect):
        assert function.events[0]["isBase64Encoded"] is False


def test_x_forwarded_for_is_extended(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    api = Api()
    gateway = serve(api.definition, clock=clock)
    connect(gateway.ws_url, additional_headers={"X-Forwarded-For": "192.0.2.7"})
    event = api.connect.events[0]
    assert event["headers"]["X-Forwarded-For"] == "192.0.2.7, 127.0.0.1"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_client_trace_id_is_kept(serve: Serve, connect: Connect) -> None:
    api = Api()
    gateway = serve(api.definition)
    connect(gateway.ws_url, additional_headers={"X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793"})
    assert api.connect.events[0]["headers"]["X-Amzn-Trace-Id"] == "Root=1-5759e988-bd862e3fe1be46a994272793"


def test_repeated_header_keeps_both_values(serve: Serve, connect: Connect) -> None:
    api = Api()
    gateway = serve(api.definition)
    connect(gateway.ws_url, additional_headers=[("X-Tag", "one"), ("X-Tag", "two")])
    assert api.connect.events[0]["headers"]["X-Tag"] == "two"
    assert api.connect.events[0]["multiValueHeaders"]["X-Tag"] == ["one", "two"]


def test_lambda_context_has_function_name_and_remaining_time(serve: Serve, connect: Connect) -> None:
    api = Api()
    gateway = serve(api.definition, function_timeout=20.0, function_memory_mb=256)
    connect(gateway.ws_url).send("hello")
    api.message.wait_for(1)
    context = api.message.contexts[0]
    assert context.function_name == "websocket_message"
    assert context.memory_limit_in_mb == "256"
    assert context.invoked_function_arn == "arn:aws:lambda:us-east-1:123456789012:function:websocket_message"
    assert len(context.aws_request_id) == 36
    assert 0 < context.get_remaining_time_in_millis() <= 20_000
