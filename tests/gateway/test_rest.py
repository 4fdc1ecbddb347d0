"""The REST API: routes, and the events of functions (REST API v1 with Lambda proxy integration)."""

import base64

import pytest

from local.gateway import Route, TokenAuthorizer
from local.gateway.mock_responses import mocks_of
from local.gateway.rest import ResourceTree
from tests.gateway.rest_api import ARN, TOKEN, api, error, ok

from .conftest import Serve
from .support import CountedIds, FakeFunction, ManualClock, allow, fetch


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
