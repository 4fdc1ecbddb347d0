"""What is read from a template: of the real one everything, of wrong ones what is wrong."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import app
from chalicelib.settings import Settings
from local.bundle.built import BuiltStage
from local.bundle.deployment import ResolvedTemplate
from local.bundle.errors import BundleError
from local.gateway import Apis, rest_api_from_chalice, websocket_api_from_chalice
from local.gateway.functions import Handler
from local.settings import stage_environment

SETTINGS = stage_environment()
NAMES = ["APIHandler", "Auth", "Sweep", "WebsocketConnect", "WebsocketDisconnect", "WebsocketMessage", "Worker"]
Json = dict[str, Any]


@pytest.fixture
def deployment(built: BuiltStage) -> ResolvedTemplate:
    return ResolvedTemplate(built, SETTINGS)


def read(built: BuiltStage, template: Json) -> ResolvedTemplate:
    return ResolvedTemplate(replace(built, template=template), SETTINGS)


def served(deployment: ResolvedTemplate) -> Apis:
    """Both APIs, with functions that return their own name."""

    def named(name: str) -> Handler:
        return lambda _event, _context: name

    return deployment.apis({name: named(name) for name in deployment.functions})


def test_functions_have_handlers_times_and_sizes_of_their_own(deployment: ResolvedTemplate) -> None:
    assert sorted(deployment.functions) == NAMES
    sweep, message = deployment.functions["Sweep"], deployment.functions["WebsocketMessage"]
    assert (message.handler, message.timeout, message.memory) == ("app.message", 25, 1024)
    assert message.log_settings == {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    assert (sweep.handler, sweep.timeout, sweep.scheduled, message.scheduled) == ("app.sweep", 120, True, False)
    assert deployment.scheduled() == "Sweep"
    assert [each.name for each in deployment.functions.values() if each.consumes_queue] == ["Worker"]
    assert deployment.worker() == "Worker"


def test_variables_are_the_shared_ones_and_their_own_with_references_resolved(
    deployment: ResolvedTemplate,
) -> None:
    for function in deployment.functions.values():
        assert function.variables["CHAT_CONVERSATIONS_TABLE"] == SETTINGS["CHAT_CONVERSATIONS_TABLE"]
        assert function.variables["CHAT_JWT_SECRET_PARAMETER"] == "/chat/dev/jwt-secret"
        assert function.variables["CHAT_MANAGEMENT_ENDPOINT"] == (
            "https://socklocal0.execute-api.us-east-1.amazonaws.com/dev"
        )
        lambdas_own = {"AWS_LAMBDA_FUNCTION_NAME": function.name, "AWS_REGION": "us-east-1"}
        assert Settings.from_environment({**function.variables, **lambdas_own}).deployed


def test_policies_are_those_of_each_functions_role(deployment: ResolvedTemplate) -> None:
    table = f"arn:aws:dynamodb:us-east-1:123456789012:table/{SETTINGS['CHAT_CONVERSATIONS_TABLE']}"
    for name, function in deployment.functions.items():
        (own_log,) = (each["Resource"] for each in function.statements if each["Sid"] == "WriteOwnLog")
        assert own_log == f"arn:aws:logs:us-east-1:123456789012:log-group:{function.log_group}:*", name
    resources = {
        name: [each["Resource"] for each in function.statements] for name, function in deployment.functions.items()
    }
    assert {name for name in NAMES if table not in resources[name]} == {"Auth", "WebsocketConnect"}


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
    ids=["before there is a queue", "the local one"],
)
def test_the_queue_of_long_work_is_the_one_that_the_settings_name(
    built: BuiltStage, settings: dict[str, str], url: str, arn: str
) -> None:
    functions = ResolvedTemplate(built, {**SETTINGS, **settings}).functions
    for each in functions.values():
        assert each.variables["CHAT_JOB_QUEUE"] == url
    senders = {
        name
        for name, each in functions.items()
        if any("sqs:SendMessage" in one["Action"] and one["Resource"] == arn for one in each.statements)
    }
    assert senders == {"APIHandler", "WebsocketMessage", "WebsocketDisconnect", "Sweep", "Worker"}


def test_the_rest_api_is_the_one_that_chalice_would_make_of_the_app(deployment: ResolvedTemplate) -> None:
    rest, chalices = served(deployment).rest, rest_api_from_chalice(app.app)
    assert rest is not None
    assert {(each.resource, each.method) for each in rest.routes} == {
        (each.resource, each.method) for each in chalices.routes
    }
    assert {each.resource for each in rest.routes if each.authorizer is None} == {
        "/health",
        "/openapi.json",
    }
    (authorizer,) = {each.authorizer for each in rest.routes if each.authorizer is not None}
    assert (authorizer.name, authorizer.header, authorizer.ttl) == ("Auth", "Authorization", 300)
    assert authorizer.handler({}, None) == "Auth"
    assert rest.handler({}, None) == rest.function_name == "APIHandler"
    assert rest.preflights.keys() == chalices.preflights.keys()
    for path, headers in rest.preflights.items():
        assert {name: set(value.split(",")) for name, value in headers.items()} == {
            name: set(value.split(",")) for name, value in chalices.preflights[path].items()
        }
    assert set(rest.binary_types) == set(chalices.binary_types)
    assert rest.responses.answer("UNAUTHORIZED", "r").body == chalices.responses.answer("UNAUTHORIZED", "r").body


def test_every_route_key_of_the_socket_api_leads_to_its_function(deployment: ResolvedTemplate) -> None:
    sockets, chalices = served(deployment).websocket, websocket_api_from_chalice(app.app)
    assert sockets is not None
    assert sockets.connect is not None
    assert sockets.default is not None
    assert sockets.disconnect is not None
    assert sockets.connect({}, None) == sockets.function_name("$connect") == "WebsocketConnect"
    assert sockets.default({}, None) == sockets.function_name("$default") == "WebsocketMessage"
    assert sockets.disconnect({}, None) == sockets.function_name("$disconnect") == "WebsocketDisconnect"
    assert sockets.route_selection_expression == chalices.route_selection_expression
    assert deployment.stage == "dev"


def _path(template: Json, path: str, method: str) -> Json:
    document = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    operation: Json = document["paths"][path][method]
    return operation


def _forget_permission(template: Json) -> None:
    del template["Resources"]["WebsocketConnectInvokePermission"]


def _lead_nowhere(template: Json) -> None:
    _path(template, "/health", "get")["x-amazon-apigateway-integration"]["uri"] = "arn:aws:lambda:nobody"


def _lead_elsewhere(template: Json) -> None:
    uri = _path(template, "/health", "get")["x-amazon-apigateway-integration"]["uri"]
    uri["Fn::Sub"] = uri["Fn::Sub"].replace("APIHandler", "Auth")


def _other_stage(template: Json) -> None:
    template["Resources"]["WebsocketAPIStage"]["Properties"]["StageName"] = "other"


def _unknown_authorizer(template: Json) -> None:
    _path(template, "/conversations", "get")["security"] = [{"nobody": []}]


def _second_default(template: Json) -> None:
    template["Resources"]["WebsocketConnectRoute"]["Properties"]["RouteKey"] = "$default"


def _several_origins(template: Json) -> None:
    integration = _path(template, "/conversations", "options")["x-amazon-apigateway-integration"]
    integration["responses"]["default"]["responseTemplates"] = {"application/json": "#set($origin = 1)"}


def _no_role(template: Json) -> None:
    del template["Resources"]["Sweep"]["Properties"]["Role"]


WRONG: dict[str, tuple[Callable[[Json], None], str]] = {
    "a function that nothing lets API Gateway invoke": (_forget_permission, "WebsocketConnect, which no perm"),
    "a method that leads to no function": (_lead_nowhere, "GET /health leads to no function"),
    "methods that lead to different functions": (_lead_elsewhere, "APIHandler, Auth"),
    "two stages": (_other_stage, "different stages: dev, other"),
    "an authorizer that is not there": (_unknown_authorizer, "GET /conversations asks for nobody"),
    "two routes of one key": (_second_default, r"second route \$default"),
    "a preflight by a mapping template": (_several_origins, "OPTIONS /conversations answers by a mapping"),
    "a function without a role": (_no_role, "lacks 'Role'"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_would_not_work_is_refused(
    built: BuiltStage, template: Json, change: Callable[[Json], None], message: str
) -> None:
    change(template)
    with pytest.raises(BundleError, match=message):
        read(built, template)


def test_a_reference_to_nothing_is_refused(built: BuiltStage, template: Json) -> None:
    template["Globals"]["Function"]["Environment"]["Variables"]["CHAT_STAGE"] = {"Ref": "Nothing"}
    with pytest.raises(BundleError, match="Nothing"):
        read(built, template)


# ---- whether it can run here -----------------------------------------------------------------------------


def test_a_directory_without_a_built_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no built stage: it has no deployment\.zip.*make package"):
        BuiltStage.open(tmp_path)


def test_a_zip_and_a_template_that_are_none_are_refused(tmp_path: Path, built: BuiltStage) -> None:
    (tmp_path / "deployment.zip").write_bytes(b"x")
    (tmp_path / "template.json").write_text("{}")
    with pytest.raises(BundleError, match="no zip file"):
        BuiltStage.open(tmp_path)
    (tmp_path / "deployment.zip").write_bytes(built.bundle.read_bytes())
    for text in ("", "[]", "{}", '{"Resources": {"X": {}}}'):
        (tmp_path / "template.json").write_text(text)
        with pytest.raises(BundleError, match="no template of ours"):
            BuiltStage.open(tmp_path)
    (tmp_path / "template.json").write_text('{"Resources": {}}')
    with pytest.raises(BundleError, match="no function"):
        BuiltStage.open(tmp_path)


def test_a_bundle_for_another_processor_is_refused_with_how_to_build_it(
    built: BuiltStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"x86_64": "aarch64"}.get(platform.machine(), "x86_64")
    monkeypatch.setattr(platform, "machine", lambda: other)
    with pytest.raises(BundleError, match="infra package --architecture"):
        BuiltStage.open(built.directory)


def test_a_bundle_for_another_python_is_refused(built: BuiltStage, tmp_path: Path) -> None:
    packages = tmp_path / ".venv-lambda" / "lib" / "python3.99" / "site-packages"
    (packages / "awslambdaric").mkdir(parents=True)
    with pytest.raises(BundleError, match=r"and \.venv-lambda has python3\.99"):
        BuiltStage.open(built.directory, tmp_path)


def test_without_lambdas_runtime_it_is_said_how_to_get_it(built: BuiltStage, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"\.venv-lambda is missing.*make setup"):
        BuiltStage.open(built.directory, tmp_path)
