"""APIs made from a CloudFormation template of `infra`, as it would be deployed.

`from_chalice.py` makes the same from a `Chalice` object. This module reads the REST API's OpenAPI document, the
WebSocket API's routes and integrations, and the invoke permissions, so that errors in any of them are found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local.gateway.functions import Handler
from local.gateway.gateway_responses import GatewayResponses
from local.gateway.mock_responses import ANY, MockResponse
from local.gateway.rest import RestApi, Route, TokenAuthorizer
from local.gateway.websocket import WebSocketApi

Json = Mapping[str, Any]
_INTEGRATION = "x-amazon-apigateway-integration"
_INVOCATION_URI = re.compile(r".*:function:([^:/]+)/invocations")
_ANY_METHOD = "x-amazon-apigateway-any-method"
_DEFAULT_TTL = 300.0
_HEADER_PREFIX = "method.response.header."


class TemplateApis:
    """Reads the APIs of a template.

    `resolve` replaces intrinsic functions with values, in which a function's ARN ends with its logical id.
    `handlers` are the functions by logical id.

    Raises:
        ValueError: By both methods: the template is inconsistent, or uses an unsupported feature.
    """

    def __init__(self, template: Json, resolve: Callable[[Any], Any], handlers: Mapping[str, Handler]) -> None:
        self._resources: Json = template["Resources"]
        self._resolve = resolve
        self._handlers = handlers
        self._invocable = {
            resolve(permission["FunctionName"]).rpartition(":")[2]  # a name, or an ARN that ends with it
            for _, permission in self._resources_of_type("AWS::Lambda::Permission")
            if permission["Principal"] == "apigateway.amazonaws.com"
            and permission["Action"] == "lambda:InvokeFunction"
        }

    def rest(self) -> RestApi:
        """Return the REST API: routes, authorizers, preflights, gateway responses and binary types."""
        _, properties = self._single_resource("AWS::Serverless::Api")
        document = self._resolve(properties["DefinitionBody"])
        authorizers = self._authorizers(document.get("securityDefinitions", {}))
        routes: list[Route] = []
        preflights: dict[str, dict[str, str]] = {}
        mocks: dict[tuple[str, str], MockResponse] = {}
        functions: set[str] = set()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                description, integration = f"{method.upper()} {path}", operation[_INTEGRATION]
                if integration["type"] == "mock" and method == _ANY_METHOD:
                    mocks[path, ANY] = _mock(integration)
                elif integration["type"] == "mock" and method == "options":
                    preflights[path] = _preflight(description, integration)
                elif integration["type"] == "aws_proxy":
                    functions.add(self._function(description, integration["uri"]))
                    routes.append(Route(path, method.upper(), _authorizer(description, operation, authorizers)))
                else:
                    raise ValueError(f"{description} has an integration of type {integration['type']}")
        if len(functions) != 1:
            raise ValueError(f"the REST API invokes {', '.join(sorted(functions)) or 'no function'}; expected one")
        (name,) = functions
        binary = document.get("x-amazon-apigateway-binary-media-types", [])
        return RestApi(
            handler=self._handlers[name],
            routes=tuple(routes),
            responses=GatewayResponses(properties.get("GatewayResponses", {})),
            preflights=preflights,
            mocks=mocks,
            binary_types=tuple(media_type.lower() for media_type in binary),
            function_name=name,
        )

    def websocket(self) -> WebSocketApi:
        """Return the WebSocket API: a function per route key."""
        _, api = self._single_resource("AWS::ApiGatewayV2::Api")
        names: dict[str, str] = {}
        for logical_id, route in self._resources_of_type("AWS::ApiGatewayV2::Route"):
            key = route["RouteKey"]
            if route.get("AuthorizationType", "NONE") != "NONE":
                raise ValueError(f"{logical_id} has an authorizer, which is not supported in templates")
            if key in names:
                raise ValueError(f"{logical_id} is a second route {key}")
            target = self._resolve(route["Target"]).partition("/")[2]
            integration = self._resources[target]["Properties"]
            if integration["IntegrationType"] != "AWS_PROXY":
                raise ValueError(f"{target} is an integration of type {integration['IntegrationType']}")
            names[key] = self._function(logical_id, self._resolve(integration["IntegrationUri"]))
        handlers = {key: self._handlers[name] for key, name in names.items()}
        return WebSocketApi(
            connect=handlers.pop("$connect", None),
            default=handlers.pop("$default", None),
            disconnect=handlers.pop("$disconnect", None),
            routes=handlers,
            route_selection_expression=api["RouteSelectionExpression"],
            function_names=names,
        )

    def stage(self) -> str:
        """Return the stage name, which both URLs end with."""
        stages = {
            self._single_resource("AWS::Serverless::Api")[1]["StageName"],
            self._single_resource("AWS::ApiGatewayV2::Stage")[1]["StageName"],
        }
        if len(stages) != 1:
            raise ValueError(f"the two APIs have different stages: {', '.join(sorted(stages))}")
        return str(self._resolve(stages.pop()))

    def _authorizers(self, definitions: Json) -> dict[str, TokenAuthorizer]:
        authorizers = {}
        for name, definition in definitions.items():
            extension = definition.get("x-amazon-apigateway-authorizer", {})
            if extension.get("type") != "token" or definition.get("in") != "header":
                raise ValueError(f"authorizer {name} is not of type TOKEN")
            function = self._function(f"authorizer {name}", extension["authorizerUri"])
            ttl = float(extension.get("authorizerResultTtlInSeconds", _DEFAULT_TTL))
            authorizers[name] = TokenAuthorizer(function, self._handlers[function], definition["name"], ttl)
        return authorizers

    def _function(self, description: str, uri: str) -> str:
        """Return the logical id of the function that an integration URI invokes."""
        match = _INVOCATION_URI.fullmatch(uri)
        if match is None or match[1] not in self._handlers:
            raise ValueError(f"{description} invokes no function of this template: {uri}")
        if match[1] not in self._invocable:
            raise ValueError(f"{description} invokes {match[1]}, which no permission lets API Gateway invoke")
        return match[1]

    def _resources_of_type(self, kind: str) -> Iterator[tuple[str, Json]]:
        for logical_id, resource in self._resources.items():
            if resource["Type"] == kind:
                yield logical_id, resource["Properties"]

    def _single_resource(self, kind: str) -> tuple[str, Json]:
        resources = list(self._resources_of_type(kind))
        if len(resources) != 1:
            raise ValueError(f"the template has {len(resources)} resources of type {kind}; expected one")
        return resources[0]


def _authorizer(
    description: str, operation: Json, authorizers: Mapping[str, TokenAuthorizer]
) -> TokenAuthorizer | None:
    names = [name for requirement in operation.get("security", []) for name in requirement]
    if not names:
        return None
    if len(names) > 1 or names[0] not in authorizers:
        raise ValueError(f"{description} requires {' and '.join(names)}; only one defined authorizer is supported")
    return authorizers[names[0]]


def _preflight(description: str, integration: Json) -> dict[str, str]:
    """Return the headers of a mock response; their values are literals in single quotes."""
    response = integration["responses"]["default"]
    if "responseTemplates" in response:
        raise ValueError(f"{description} uses a mapping template (for several allowed origins): not emulated")
    return _literal_headers(response)


def _mock(integration: Json) -> MockResponse:
    response = integration["responses"]["default"]
    body = response["responseTemplates"]["application/json"]
    return MockResponse(int(response["statusCode"]), _literal_headers(response), body)


def _literal_headers(response: Json) -> dict[str, str]:
    return {
        name.removeprefix(_HEADER_PREFIX): value[1:-1] for name, value in response["responseParameters"].items()
    }
