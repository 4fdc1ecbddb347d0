"""The REST API: routes, events, authorizers, responses, limits (REST API v1 with Lambda proxy integration)."""

import asyncio
import base64
import json
import socket
import threading
from typing import Any

import pytest

from local.gateway import Apis, Gateway, GatewaySettings, RestApi, Route, TokenAuthorizer, load_gateway_responses
from local.gateway.ids import Ids
from local.gateway.mock_responses import mocks_of
from local.gateway.rest import ResourceTree
from local.gateway.runtime import Runtime
from local.gateway.token_authorization import TokenAuthorization

from .conftest import Serve
from .support import (
    DEADLINE,
    CountedIds,
    Event,
    FakeFunction,
    ManualClock,
    Reply,
    allow,
    fetch,
)

ARN = "arn:aws:execute-api:us-east-1:123456789012:restlocal0/local"
TOKEN = {"Authorization": "Bearer token"}


def api(handler: Any, *routes: Route, **more: Any) -> Apis:
    """Make a REST API with these routes, or with ``GET``, ``POST`` and ``PUT`` of ``/things/{thing}``."""
    default = [Route("/things/{thing}", method) for method in ("GET", "POST", "PUT")]
    return Apis(rest=RestApi(handler, routes or tuple(default), load_gateway_responses(), **more))


def error(reply: Reply) -> tuple[int, str]:
    """Return status and code of an error response; its request id must be the one in the header."""
    document = reply.json()
    assert document["request_id"] == reply.headers["x-amzn-RequestId"]
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert document["error"]["message"]
    return reply.status, document["error"]["code"]


def ok(body: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"statusCode": 200, "body": body, **more}


# Routes


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", {}),
        ("/things", "/things", {}),
        ("/things/", "/things", {}),
        ("/things/one", "/things/{thing}", {"thing": "one"}),
        ("/things/one/", "/things/{thing}", {"thing": "one"}),
        ("/things/all", "/things/all", {}),
        ("/things/a%20b%2Fc", "/things/{thing}", {"thing": "a%20b%2Fc"}),
        ("/things/one/parts", "/things/{thing}/parts", {"thing": "one"}),
        ("/things/all/parts", "/things/{thing}/parts", {"thing": "all"}),
        ("/files/a/b/c", "/files/{path+}", {"path": "a/b/c"}),
    ],
)
def test_most_specific_resource_matches(path: str, resource: str, parameters: dict[str, str]) -> None:
    tree = ResourceTree(
        ["/", "/things", "/things/{thing}", "/things/all", "/things/{thing}/parts", "/files/{path+}"]
    )
    match = tree.match(path)
    assert match is not None
    assert (match.resource, match.parameters) == (resource, parameters)


@pytest.mark.parametrize("path", ["/thing", "/things/one/two", "/Things", "/things//parts", "//", "/files"])
def test_unknown_path_has_no_resource(path: str) -> None:
    tree = ResourceTree(["/things", "/things/{thing}", "/things/{thing}/parts", "/files/{path+}"])
    assert tree.match(path) is None


def test_conflicting_parameter_names_are_rejected() -> None:
    with pytest.raises(ValueError, match="sibling"):
        ResourceTree(["/things/{thing}", "/things/{other}/parts"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("DELETE", "/things/one"),
        ("HEAD", "/things/one"),
        ("OPTIONS", "/things/one"),
        ("GET", "/local/things/one"),
    ],
)
def test_unknown_paths_and_methods_are_404_not_found(serve: Serve, method: str, path: str) -> None:
    function = FakeFunction(ok())
    gateway = serve(api(function))
    reply = fetch(gateway.http_url + path, method)
    assert reply.status == 404
    if method != "HEAD":
        assert error(reply) == (404, "NOT_FOUND")
        assert reply.json()["error"]["message"] == "Not found."
    assert reply.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert function.events == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/things/one")])
def test_unmatched_request_with_a_bearer_token_is_an_incomplete_signature(
    serve: Serve, method: str, path: str
) -> None:
    reply = fetch(serve(api(FakeFunction(ok()))).http_url + path, method, headers=TOKEN)
    assert error(reply) == (401, "UNAUTHORIZED")
    assert reply.headers["x-amzn-ErrorType"] == "InvalidSignatureException"


@pytest.mark.parametrize("headers", [{}, TOKEN], ids=["without a token", "with a token"])
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("POST", "/", 404, "NOT_FOUND"),
        ("POST", "/things/one/nowhere", 404, "NOT_FOUND"),
        ("DELETE", "/things/one", 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS", "/nowhere", 404, "NOT_FOUND"),
    ],
)
def test_mocks_answer_unknown_paths_and_methods(
    serve: Serve, method: str, path: str, status: int, code: str, headers: dict[str, str]
) -> None:
    function = FakeFunction(ok())
    mocks = mocks_of({"/things/{thing}": {"GET", "POST", "PUT"}})
    reply = fetch(serve(api(function, mocks=mocks)).http_url + path, method, headers=headers, body="x=1")
    assert error(reply) == (status, code)
    assert reply.headers["Allow"] == ("GET, POST, PUT" if status == 405 else None)
    assert function.events == []


def test_resource_without_the_method_leaves_the_request_to_a_less_specific_one(serve: Serve) -> None:
    function = FakeFunction(lambda event: ok(event["resource"]))
    routes = (Route("/things/all", "POST"), Route("/things/{thing}", "GET"), Route("/{proxy+}", "DELETE"))
    url = serve(api(function, *routes)).http_url + "/things/all"
    served = {method: fetch(url, method).body.decode() for method in ("POST", "GET", "DELETE")}
    assert served == {"POST": "/things/all", "GET": "/things/{thing}", "DELETE": "/{proxy+}"}


# Events


def test_event_of_a_post_with_query_headers_and_authorizer(serve: Serve, clock: ManualClock) -> None:
    function = FakeFunction(ok())
    authorizer = TokenAuthorizer("auth", FakeFunction(lambda event: allow(f"{ARN}/*", {"level": 3, "vip": True})))
    gateway = serve(api(function, Route("/things/{thing}", "POST", authorizer)), clock=clock, ids=CountedIds())
    host = gateway.http_url.removeprefix("http://")
    headers = {
        "Authorization": "Bearer token",
        "Content-Type": "application/json",
        "User-Agent": "tests/1.0",
        "X-Mixed-Case": "kept",
    }
    fetch(
        gateway.http_url,
        "POST",
        target="/things/a%2Fb?limit=5&tag=x&tag=y%20z&empty=",
        headers=headers,
        body='{"text":"é"}',
    )
    seen = {
        "Host": host,
        "Accept-Encoding": "identity",
        **headers,
        "X-Amzn-Trace-Id": "Root=1-67320d8a-000000000000000000000001",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": host.split(":")[1],
        "X-Forwarded-Proto": "http",
    }
    assert function.events == [
        {
            "resource": "/things/{thing}",
            "path": "/things/a%2Fb",
            "httpMethod": "POST",
            "headers": seen,
            "multiValueHeaders": {name: [value] for name, value in seen.items()},
            "queryStringParameters": {"limit": "5", "tag": "y z", "empty": ""},
            "multiValueQueryStringParameters": {"limit": ["5"], "tag": ["x", "y z"], "empty": [""]},
            "pathParameters": {"thing": "a%2Fb"},
            "stageVariables": None,
            "requestContext": {
                "resourceId": "things",
                "resourcePath": "/things/{thing}",
                "httpMethod": "POST",
                "extendedRequestId": "000000000000001=",
                "requestTime": "11/Nov/2024:13:45:46 +0000",
                "path": "/local/things/a%2Fb",
                "accountId": "123456789012",
                "protocol": "HTTP/1.1",
                "stage": "local",
                "domainPrefix": "127",
                "requestTimeEpoch": 1731332746123,
                "requestId": "00000000-0000-4000-8000-000000000001",
                "identity": {
                    "cognitoIdentityPoolId": None,
                    "accountId": None,
                    "cognitoIdentityId": None,
                    "caller": None,
                    "sourceIp": "127.0.0.1",
                    "principalOrgId": None,
                    "accessKey": None,
                    "cognitoAuthenticationType": None,
                    "cognitoAuthenticationProvider": None,
                    "userArn": None,
                    "userAgent": "tests/1.0",
                    "user": None,
                },
                "domainName": host,
                "apiId": "restlocal0",
                "authorizer": {
                    "level": "3",
                    "vip": "true",
                    "principalId": "alice",
                    "integrationLatency": 0,
                },
            },
            "body": '{"text":"é"}',
            "isBase64Encoded": False,
        }
    ]


def test_absent_values_are_null_in_the_event(serve: Serve) -> None:
    function = FakeFunction(ok())
    gateway = serve(api(function, Route("/", "GET")))
    fetch(gateway.http_url)
    event = function.events[0]
    absent = (
        "body",
        "pathParameters",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "stageVariables",
    )
    assert {key: event[key] for key in absent} == dict.fromkeys(absent)
    assert event["path"] == "/"
    assert event["isBase64Encoded"] is False
    assert "authorizer" not in event["requestContext"]
    assert event["requestContext"]["identity"]["userAgent"] is None


def test_binary_body_is_base64_in_the_event(serve: Serve) -> None:
    function = FakeFunction(ok())
    gateway = serve(api(function, binary_types=("image/png",)))
    fetch(f"{gateway.http_url}/things/1", "PUT", body=b"\x89PNG", headers={"Content-Type": "image/png"})
    fetch(f"{gateway.http_url}/things/1", "PUT", body=b"\xff\xfe", headers={"Content-Type": "text/plain"})
    binary, text = function.events
    assert (binary["body"], binary["isBase64Encoded"]) == (base64.b64encode(b"\x89PNG").decode(), True)
    assert (text["body"], text["isBase64Encoded"]) == ("\ufffd\ufffd", False)


def test_expect_100_continue_is_answered(serve: Serve) -> None:
    function = FakeFunction(ok())
    gateway = serve(api(function))
    fetch(f"{gateway.http_url}/things/1", "POST", headers={"Expect": "100-continue"}, body="body")
    assert function.events[0]["body"] == "body"


# Responses


def test_function_status_headers_and_body_reach_the_client(serve: Serve) -> None:
    answer = {
        "statusCode": 201,
        "headers": {"Content-Type": "text/plain", "X-Number": 5, "X-Bool": True, "Set-Cookie": "lost"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
        "body": "créé",
        "isBase64Encoded": False,
    }
    reply = fetch(serve(api(FakeFunction(answer))).http_url + "/things/1")
    assert reply.status == 201
    assert reply.body.decode() == "créé"
    assert reply.headers.get_all("Content-Type") == ["text/plain"]
    assert (reply.headers["X-Number"], reply.headers["X-Bool"]) == ("5", "true")
    assert reply.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_response_without_content_type_is_json(serve: Serve) -> None:
    reply = fetch(serve(api(FakeFunction(ok('{"a":1}')))).http_url + "/things/1")
    assert reply.headers.get_all("Content-Type") == ["application/json"]
    assert reply.json() == {"a": 1}


@pytest.mark.parametrize("status", [204, "204"])
def test_response_body_is_optional(serve: Serve, status: Any) -> None:
    reply = fetch(serve(api(FakeFunction({"statusCode": status}))).http_url + "/things/1")
    assert (reply.status, reply.body) == (204, b"")


def test_reserved_response_headers_are_renamed(serve: Serve) -> None:
    answer = ok(headers={"WWW-Authenticate": "Bearer", "Date": "yesterday", "Content-Length": "1"})
    reply = fetch(serve(api(FakeFunction(answer))).http_url + "/things/1")
    assert reply.headers["x-amzn-Remapped-WWW-Authenticate"] == "Bearer"
    assert reply.headers["x-amzn-Remapped-Date"] == "yesterday"
    assert "WWW-Authenticate" not in reply.headers
    assert reply.headers.get_all("Content-Length") == ["2"]


def test_binary_response_is_decoded_if_accepted(serve: Serve) -> None:
    answer = ok(base64.b64encode(b"\x89PNG").decode(), isBase64Encoded=True, headers={"Content-Type": "image/png"})
    gateway = serve(api(FakeFunction(answer), binary_types=("image/png",)))
    url = f"{gateway.http_url}/things/1"
    assert fetch(url, headers={"Accept": "image/png"}).body == b"\x89PNG"
    assert fetch(url, headers={"Accept": "text/html"}).body == base64.b64encode(b"\x89PNG")


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("a secret"),
        "text",
        {},
        {"statusCode": "OK"},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 600},
        ok({"an": "object"}),
        ok(cookies=["a=b"]),
        ok(headers={"X": None}),
        ok(headers=[]) | {"headers": ["X"]},
        ok(multiValueHeaders={"X": "a"}),
        ok(isBase64Encoded="true"),
        ok("not base64!", isBase64Encoded=True),
        lambda event: None,
        lambda event: ok(b"bytes"),
        lambda event: ok("x" * 7_000_000),
    ],
)
def test_failed_function_or_malformed_response_is_502(serve: Serve, answer: Any) -> None:
    gateway = serve(api(FakeFunction(answer), binary_types=("image/png",)))
    reply = fetch(f"{gateway.http_url}/things/1", headers={"Accept": "image/png"})
    assert error(reply) == (502, "INTERNAL")
    assert b"secret" not in reply.body


def test_function_exceeding_the_integration_timeout_is_504(serve: Serve) -> None:
    leave = threading.Event()
    gateway = serve(api(FakeFunction(lambda event: leave.wait(DEADLINE))), integration_timeout=0.1)
    try:
        reply = fetch(f"{gateway.http_url}/things/1")
    finally:
        leave.set()
    assert error(reply) == (504, "UNAVAILABLE")
    assert reply.json()["error"]["retry_after"] == 1


def test_function_exceeding_its_own_timeout_is_502(serve: Serve) -> None:
    leave = threading.Event()
    gateway = serve(api(FakeFunction(lambda event: leave.wait(DEADLINE))), function_timeout=0.1)
    try:
        assert error(fetch(f"{gateway.http_url}/things/1")) == (502, "INTERNAL")
    finally:
        leave.set()


def test_exhausted_concurrency_is_500(serve: Serve) -> None:
    gateway = serve(api(FakeFunction(ok())), function_concurrency=0)
    assert error(fetch(f"{gateway.http_url}/things/1")) == (500, "INTERNAL")


def test_requests_are_handled_concurrently(serve: Serve) -> None:
    together = threading.Barrier(4, timeout=DEADLINE)
    gateway = serve(api(FakeFunction(lambda event: ok(str(together.wait())))))
    replies: list[int] = []
    threads = [
        threading.Thread(target=lambda: replies.append(fetch(f"{gateway.http_url}/things/1").status))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [200] * 4


# Limits


def test_body_over_10_mb_is_413(serve: Serve) -> None:
    function = FakeFunction(ok())
    gateway = serve(api(function))
    url = f"{gateway.http_url}/things/1"
    assert error(fetch(url, "POST", body=b"x" * 10_485_761)) == (413, "TOO_LARGE")
    assert function.events == []


def test_chunked_body_over_10_mb_is_413(serve: Serve) -> None:
    gateway = serve(api(FakeFunction(ok())), max_request_bytes=1000)
    headers = {"Transfer-Encoding": "chunked"}
    body = b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
    reply = fetch(f"{gateway.http_url}/things/1", "POST", headers=headers, body=body)
    assert error(reply) == (413, "TOO_LARGE")


def test_event_exceeding_the_lambda_payload_limit_is_413(serve: Serve) -> None:
    function = FakeFunction(ok())
    gateway = serve(api(function))
    url = f"{gateway.http_url}/things/1"
    assert error(fetch(url, "POST", body=b"x" * 6_291_556)) == (413, "TOO_LARGE")
    assert fetch(url, "POST", body=b"x" * 6_200_000).status == 200
    assert len(function.events) == 1


def test_headers_over_10_kb_are_413(serve: Serve) -> None:
    gateway = serve(api(FakeFunction(ok())))
    url = f"{gateway.http_url}/things/1"
    assert error(fetch(url, headers={"X-Large": "x" * 10_240})) == (413, "TOO_LARGE")
    assert fetch(url, headers={"X-Large": "x" * 10_000}).status == 200


def test_requests_exceeding_the_account_rate_are_429(serve: Serve, clock: ManualClock) -> None:
    gateway = serve(api(FakeFunction(ok())), clock=clock, request_rate=1.0, request_burst=2)
    url = f"{gateway.http_url}/things/1"
    assert [fetch(url).status for _ in range(2)] == [200, 200]
    reply = fetch(url)
    assert error(reply) == (429, "RATE_LIMITED")
    assert reply.json()["error"]["retry_after"] == int(reply.headers["Retry-After"]) == 1
    clock.advance(1)
    assert fetch(url).status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /things/\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /things/1 HTTP/9.9\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /things/1 HTTP/1.1\r\nBad Header: x\r\n\r\n",
        b"POST /things/1 HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ],
)
def test_malformed_http_is_400_in_the_error_format(serve: Serve, head: bytes) -> None:
    gateway = serve(api(FakeFunction(ok())))
    host, port = gateway.http_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
        client.sendall(head)
        answer = b""
        while chunk := client.recv(65_536):  # until the gateway closes the connection
            answer += chunk
    assert answer.split()[1] == b"400"
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "VALIDATION_FAILED"


# Authorizers


class Guarded:
    """An API of two resources behind one authorizer."""

    def __init__(self, serve: Serve, answer: Any, *, ttl: float = 300.0, **options: Any) -> None:
        self.authorizer = FakeFunction(answer)
        guard = TokenAuthorizer("auth", self.authorizer, ttl=ttl)
        self.function = FakeFunction(ok())
        routes = (Route("/things", "GET", guard), Route("/things/{thing}", "PUT", guard))
        self.gateway: Gateway = serve(api(self.function, *routes), **options)

    def list(self, headers: dict[str, str] = TOKEN) -> Reply:
        return fetch(f"{self.gateway.http_url}/things?x=1", headers=headers)

    def put(self) -> Reply:
        return fetch(f"{self.gateway.http_url}/things/a%20b", "PUT", headers=TOKEN)


def allow_all(_event: Event) -> Event:
    return allow(f"{ARN}/*")


def test_authorizer_event_has_type_method_arn_and_token(serve: Serve) -> None:
    guarded = Guarded(serve, allow_all, ttl=0)
    guarded.list()
    guarded.put()
    assert guarded.authorizer.events == [
        {"type": "TOKEN", "methodArn": f"{ARN}/GET/things", "authorizationToken": "Bearer token"},
        {"type": "TOKEN", "methodArn": f"{ARN}/PUT/things/a%20b", "authorizationToken": "Bearer token"},
    ]


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"X-Authorization": "Bearer token"}])
def test_missing_header_is_401_without_invoking_the_authorizer(serve: Serve, headers: dict[str, str]) -> None:
    guarded = Guarded(serve, allow_all)
    assert error(guarded.list(headers)) == (401, "UNAUTHORIZED")
    assert guarded.authorizer.events == []


@pytest.fixture
def denied() -> Event:
    statement = {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": f"{ARN}/*"}
    return {"principalId": "mallory", "policyDocument": {"Statement": [statement]}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Exception("Unauthorized"), (401, "UNAUTHORIZED")),
        (lambda event: allow("arn:aws:execute-api:*:*:other/*"), (401, "UNAUTHORIZED")),
        (Exception("anything else"), (503, "UNAVAILABLE")),
        (lambda event: {"no": "policy"}, (503, "UNAVAILABLE")),
        (lambda event: allow(f"{ARN}/*", {"nested": {"a": 1}}), (503, "UNAVAILABLE")),
        (lambda event: None, (503, "UNAVAILABLE")),
    ],
)
def test_authorizer_outcome_determines_the_response(serve: Serve, answer: Any, expected: tuple[int, str]) -> None:
    guarded = Guarded(serve, answer)
    assert error(guarded.list()) == expected
    assert guarded.function.events == []


def test_explicit_deny_is_401_in_the_error_format(serve: Serve, denied: Event) -> None:
    guarded = Guarded(serve, denied)
    reply = guarded.list()
    assert error(reply) == (401, "UNAUTHORIZED")
    assert reply.headers["x-amzn-ErrorType"] == "AccessDeniedException"


def test_authorizer_timeout_is_503(serve: Serve) -> None:
    leave = threading.Event()
    guarded = Guarded(serve, lambda event: leave.wait(DEADLINE), integration_timeout=0.1)
    try:
        assert error(guarded.list()) == (503, "UNAVAILABLE")
    finally:
        leave.set()


def test_authorizer_responses_are_cached_by_token_for_the_ttl(serve: Serve, clock: ManualClock) -> None:
    guarded = Guarded(serve, allow_all, ttl=60, clock=clock)
    guarded.list()
    clock.advance(59.5)
    guarded.list()
    guarded.list({"authorization": "Bearer another"})
    assert [event["authorizationToken"] for event in guarded.authorizer.events] == [
        "Bearer token",
        "Bearer another",
    ]
    clock.advance(0.5)
    guarded.list()
    assert len(guarded.authorizer.events) == 3
    assert guarded.function.events[1]["requestContext"]["authorizer"]["principalId"] == "alice"


def test_expired_authorizer_responses_are_evicted(clock: ManualClock) -> None:
    authorizer = TokenAuthorizer("auth", FakeFunction(allow_all), ttl=60)
    runtime = Runtime(GatewaySettings(), clock, Ids(), lambda record: None)
    authorization = TokenAuthorization(runtime)

    async def ask(token: str) -> None:
        await authorization.check(authorizer, token, "GET", "/things")

    asyncio.run(ask("first"))
    clock.advance(30)
    asyncio.run(ask("second"))
    assert len(authorization) == 2
    clock.advance(30)
    asyncio.run(ask("third"))
    assert len(authorization) == 2
    runtime.functions.close()


def test_ttl_of_0_disables_the_cache(serve: Serve) -> None:
    guarded = Guarded(serve, allow_all, ttl=0)
    assert [guarded.list().status for _ in range(3)] == [200] * 3
    assert len(guarded.authorizer.events) == 3


def test_cached_policy_is_evaluated_for_every_method(serve: Serve) -> None:
    guarded = Guarded(serve, lambda event: allow(event["methodArn"]))
    assert guarded.list().status == 200
    assert error(guarded.put()) == (401, "UNAUTHORIZED")  # the pitfall of a policy for one method
    assert len(guarded.authorizer.events) == 1


def test_unauthorized_exceptions_are_not_cached(serve: Serve) -> None:
    guarded = Guarded(serve, Exception("Unauthorized"))
    guarded.list()
    guarded.list()
    assert len(guarded.authorizer.events) == 2


def test_token_header_is_configurable(serve: Serve) -> None:
    authorizer = FakeFunction(allow_all)
    guard = TokenAuthorizer("auth", authorizer, header="X-Token")
    gateway = serve(api(FakeFunction(ok()), Route("/", "GET", guard)))
    assert error(fetch(gateway.http_url, headers=TOKEN)) == (401, "UNAUTHORIZED")
    assert fetch(gateway.http_url, headers={"x-token": "abc"}).status == 200
    assert authorizer.events[0]["authorizationToken"] == "abc"
