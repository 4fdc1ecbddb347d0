"""The parts of a resolved template, and the errors for invalid ones."""

from __future__ import annotations

import copy
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import app
from chalicelib.settings import Settings
from local.bundle.built_stage import BuiltStage
from local.bundle.errors import BundleError
from local.bundle.resolved_template import ResolvedTemplate
from local.gateway import Apis, rest_api_from_chalice, websocket_api_from_chalice
from local.gateway.functions import Handler
from local.settings import stage_environment

SETTINGS = stage_environment()
NAMES = ["APIHandler", "Auth", "Sweep", "WebsocketConnect", "WebsocketDisconnect", "WebsocketMessage", "Worker"]
Json = dict[str, Any]


@pytest.fixture
def resolved(built: BuiltStage) -> ResolvedTemplate:
    return ResolvedTemplate(built, SETTINGS)


def read(built: BuiltStage, template: Json) -> ResolvedTemplate:
    return ResolvedTemplate(replace(built, template=template), SETTINGS)


def served(resolved: ResolvedTemplate) -> Apis:
    """Return both APIs, with functions that return their own name."""

    def named(name: str) -> Handler:
        return lambda _event, _context: name

    return resolved.apis({name: named(name) for name in resolved.functions})


def test_functions_have_their_own_handler_timeout_and_memory(resolved: ResolvedTemplate) -> None:
    assert sorted(resolved.functions) == NAMES
    sweep, message = resolved.functions["Sweep"], resolved.functions["WebsocketMessage"]
    assert (message.handler, message.timeout, message.memory) == ("app.message", 25, 1024)
    assert message.log_settings == {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    assert (sweep.handler, sweep.timeout, sweep.scheduled, message.scheduled) == ("app.sweep", 120, True, False)
    assert resolved.scheduled() == "Sweep"
    assert {name: function.queue for name, function in resolved.functions.items() if function.queue} == {
        "Worker": "JobQueue"
    }
    assert resolved.publisher() is None
    assert resolved.worker() == "Worker"


def test_function_variables_include_shared_ones_with_resolved_references(
    resolved: ResolvedTemplate,
) -> None:
    for function in resolved.functions.values():
        assert function.variables["CHAT_CONVERSATIONS_TABLE"] == SETTINGS["CHAT_CONVERSATIONS_TABLE"]
        assert function.variables["CHAT_JWT_SECRET_PARAMETER"] == "/chat/dev/jwt-secret"
        assert function.variables["CHAT_MANAGEMENT_ENDPOINT"] == (
            "https://socklocal0.execute-api.us-east-1.amazonaws.com/dev"
        )
        lambda_variables = {"AWS_LAMBDA_FUNCTION_NAME": function.name, "AWS_REGION": "us-east-1"}
        assert Settings.from_environment({**function.variables, **lambda_variables}).deployed


def test_variable_of_a_function_overrides_the_shared_one(built: BuiltStage) -> None:
    template = copy.deepcopy(built.template)
    template["Resources"]["Sweep"]["Properties"]["Environment"] = {"Variables": {"CHAT_STAGE": "of the sweep"}}
    functions = read(built, template).functions
    assert functions["Sweep"].variables["CHAT_STAGE"] == "of the sweep"
    assert functions["Worker"].variables["CHAT_STAGE"] == "dev"


def test_function_statements_come_from_its_own_role(resolved: ResolvedTemplate) -> None:
    table = f"arn:aws:dynamodb:us-east-1:123456789012:table/{SETTINGS['CHAT_CONVERSATIONS_TABLE']}"
    for name, function in resolved.functions.items():
        own_log = _resource_of(function.statements, "WriteOwnLog")
        assert own_log == f"arn:aws:logs:us-east-1:123456789012:log-group:{function.log_group}:*", name
    resources = {
        name: [statement["Resource"] for statement in function.statements]
        for name, function in resolved.functions.items()
    }
    assert {name for name in NAMES if table not in resources[name]} == {"Auth", "WebsocketConnect"}


def _resource_of(statements: list[Json], sid: str) -> str:
    (resource,) = (statement["Resource"] for statement in statements if statement["Sid"] == sid)
    return str(resource)


@pytest.mark.parametrize(
    ("settings", "url", "arn"),
    [
        (
            {},
            "https://sqs.us-east-1.amazonaws.com/123456789012/local-JobQueue",
            "arn:aws:sqs:us-east-1:123456789012:local-JobQueue",
        ),
        (
            {"CHAT_JOB_QUEUE": "http://127.0.0.1:1/000000000000/work"},
            "http://127.0.0.1:1/000000000000/work",
            "arn:aws:sqs:us-east-1:000000000000:work",
        ),
    ],
    ids=["no local queue yet", "local queue"],
)
def test_job_queue_of_the_settings_is_used_in_variables_and_policies(
    built: BuiltStage, settings: dict[str, str], url: str, arn: str
) -> None:
    functions = ResolvedTemplate(built, {**SETTINGS, **settings}).functions
    for function in functions.values():
        assert function.variables["CHAT_JOB_QUEUE"] == url
    senders = {
        name
        for name, function in functions.items()
        if any(
            "sqs:SendMessage" in statement["Action"] and statement["Resource"] == arn
            for statement in function.statements
        )
    }
    assert senders == {"APIHandler", "WebsocketMessage", "WebsocketDisconnect", "Sweep", "Worker"}


def test_rest_api_of_the_template_equals_that_of_the_app(resolved: ResolvedTemplate) -> None:
    rest, expected = served(resolved).rest, rest_api_from_chalice(app.app)
    assert rest is not None
    assert {(route.resource, route.method) for route in rest.routes} == {
        (route.resource, route.method) for route in expected.routes
    }
    assert {route.resource for route in rest.routes if route.authorizer is None} == {
        "/health",
        "/openapi.json",
    }
    (authorizer,) = {route.authorizer for route in rest.routes if route.authorizer is not None}
    assert (authorizer.name, authorizer.header, authorizer.ttl) == ("Auth", "Authorization", 300)
    assert authorizer.handler({}, None) == "Auth"
    assert rest.handler({}, None) == rest.function_name == "APIHandler"
    assert rest.preflights.keys() == expected.preflights.keys()
    for path, headers in rest.preflights.items():
        assert {name: set(value.split(",")) for name, value in headers.items()} == {
            name: set(value.split(",")) for name, value in expected.preflights[path].items()
        }
    assert rest.mocks == expected.mocks
    assert set(rest.binary_types) == set(expected.binary_types)
    assert rest.responses.render("UNAUTHORIZED", "r").body == expected.responses.render("UNAUTHORIZED", "r").body


def test_websocket_routes_invoke_their_functions(resolved: ResolvedTemplate) -> None:
    sockets, expected = served(resolved).websocket, websocket_api_from_chalice(app.app)
    assert sockets is not None
    assert sockets.connect is not None
    assert sockets.default is not None
    assert sockets.disconnect is not None
    assert sockets.connect({}, None) == sockets.function_name("$connect") == "WebsocketConnect"
    assert sockets.default({}, None) == sockets.function_name("$default") == "WebsocketMessage"
    assert sockets.disconnect({}, None) == sockets.function_name("$disconnect") == "WebsocketDisconnect"
    assert sockets.route_selection_expression == expected.route_selection_expression
    assert resolved.stage == "dev"


def _path(template: Json, path: str, method: str) -> Json:
    document = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    operation: Json = document["paths"][path][method]
    return operation


def _drop_permission(template: Json) -> None:
    del template["Resources"]["WebsocketConnectInvokePermission"]


def _set_unknown_function(template: Json) -> None:
    _path(template, "/health", "get")["x-amazon-apigateway-integration"]["uri"] = "arn:aws:lambda:unknown"


def _set_second_function(template: Json) -> None:
    uri = _path(template, "/health", "get")["x-amazon-apigateway-integration"]["uri"]
    uri["Fn::Sub"] = uri["Fn::Sub"].replace("APIHandler", "Auth")


def _rename_one_stage(template: Json) -> None:
    template["Resources"]["WebsocketAPIStage"]["Properties"]["StageName"] = "other"


def _set_unknown_authorizer(template: Json) -> None:
    _path(template, "/conversations", "get")["security"] = [{"unknown": []}]


def _add_second_default(template: Json) -> None:
    template["Resources"]["WebsocketConnectRoute"]["Properties"]["RouteKey"] = "$default"


def _set_mapping_template(template: Json) -> None:
    integration = _path(template, "/conversations", "options")["x-amazon-apigateway-integration"]
    integration["responses"]["default"]["responseTemplates"] = {"application/json": "#set($origin = 1)"}


def _remove_role(template: Json) -> None:
    del template["Resources"]["Sweep"]["Properties"]["Role"]


INVALID: dict[str, tuple[Callable[[Json], None], str]] = {
    "function without an invoke permission": (_drop_permission, "WebsocketConnect, which no perm"),
    "method without a function": (_set_unknown_function, "GET /health invokes no function"),
    "methods with different functions": (_set_second_function, "APIHandler, Auth"),
    "two stages": (_rename_one_stage, "different stages: dev, other"),
    "undefined authorizer": (_set_unknown_authorizer, "GET /conversations requires unknown"),
    "duplicate route key": (_add_second_default, r"second route \$default"),
    "preflight with a mapping template": (_set_mapping_template, "OPTIONS /conversations uses a mapping"),
    "function without a role": (_remove_role, "lacks 'Role'"),
}


@pytest.mark.parametrize(("change", "message"), INVALID.values(), ids=INVALID.keys())
def test_inconsistent_template_is_rejected(
    built: BuiltStage, template: Json, change: Callable[[Json], None], message: str
) -> None:
    change(template)
    with pytest.raises(BundleError, match=message):
        read(built, template)


def test_unresolved_reference_is_rejected(built: BuiltStage, template: Json) -> None:
    template["Globals"]["Function"]["Environment"]["Variables"]["CHAT_STAGE"] = {"Ref": "Nothing"}
    with pytest.raises(BundleError, match="Nothing"):
        read(built, template)


# ---- compatibility with this machine ---------------------------------------------------------------------


def test_directory_without_a_built_stage_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not a built stage: it has no deployment\.zip.*make package"):
        BuiltStage.open(tmp_path)


def test_invalid_zip_and_template_are_rejected(tmp_path: Path, built: BuiltStage) -> None:
    (tmp_path / "deployment.zip").write_bytes(b"x")
    (tmp_path / "template.json").write_text("{}")
    with pytest.raises(BundleError, match="not a zip file"):
        BuiltStage.open(tmp_path)
    (tmp_path / "deployment.zip").write_bytes(built.bundle.read_bytes())
    for text in ("", "[]", "{}", '{"Resources": {"X": {}}}'):
        (tmp_path / "template.json").write_text(text)
        with pytest.raises(BundleError, match="not a valid template"):
            BuiltStage.open(tmp_path)
    (tmp_path / "template.json").write_text('{"Resources": {}}')
    with pytest.raises(BundleError, match="defines no functions"):
        BuiltStage.open(tmp_path)


def test_bundle_for_another_architecture_is_rejected_with_the_build_command(
    built: BuiltStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"x86_64": "aarch64"}.get(platform.machine(), "x86_64")
    monkeypatch.setattr(platform, "machine", lambda: other)
    with pytest.raises(BundleError, match="infra package --architecture"):
        BuiltStage.open(built.directory)


def test_bundle_for_another_python_is_rejected(built: BuiltStage, tmp_path: Path) -> None:
    packages = tmp_path / ".venv-lambda" / "lib" / "python3.99" / "site-packages"
    (packages / "awslambdaric").mkdir(parents=True)
    with pytest.raises(BundleError, match=r"but \.venv-lambda has python3\.99"):
        BuiltStage.open(built.directory, tmp_path)


def test_missing_lambda_runtime_is_reported_with_the_setup_command(built: BuiltStage, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"\.venv-lambda is missing.*make setup"):
        BuiltStage.open(built.directory, tmp_path)
