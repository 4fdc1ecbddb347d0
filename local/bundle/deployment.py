"""What a template deploys: its functions with all that Lambda needs to know of them, its tables and its APIs.

Every intrinsic function is resolved against the values that CloudFormation would have, on this machine: tables
have the names of the local stage, a function's name is its logical id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.bundle.built import FUNCTION, BuiltStage
from local.bundle.errors import BundleError
from local.gateway import Apis, GatewaySettings
from local.gateway.from_template import TemplateApis
from local.gateway.functions import Handler
from local.iam import UnresolvedReference, queue_arn, resolve
from local.tables import TABLE_NAME_SETTINGS

Json = dict[str, Any]
STACK = "local"
QUEUE_SETTING = "CHAT_JOB_QUEUE"
_DEFAULT_TIMEOUT, _DEFAULT_MEMORY = 3, 128  # Lambda's own
_LOG_SETTINGS = {"LogFormat": "AWS_LAMBDA_LOG_FORMAT", "ApplicationLogLevel": "AWS_LAMBDA_LOG_LEVEL"}


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function of the template; all intrinsic functions are resolved."""

    name: str
    """Its logical id, which is its name and its access key id here, too."""
    handler: str
    timeout: float
    """Seconds."""
    memory: int
    """Megabytes; not enforced."""
    log_group: str
    log_settings: Mapping[str, str]
    """Variables by which Lambda tells the runtime how to log."""
    variables: Mapping[str, str]
    statements: list[Json]
    """Of its role's policies."""
    scheduled: bool
    consumes_queue: bool
    """From a queue, by Lambda's event source mapping."""


class ResolvedTemplate:
    """Reads a built stage. Raises BundleError where it does not fit together.

    `settings` name the tables (see `local.settings`), the region, and the queue of long work once there is one.
    """

    def __init__(self, built: BuiltStage, settings: Mapping[str, str]) -> None:
        self._template = built.template
        self._resources: Json = built.template["Resources"]
        self._directory = built.directory
        self.gateway_settings = GatewaySettings(region=settings["AWS_DEFAULT_REGION"])
        self._values = self._reference_values(settings)
        try:
            self.functions = {
                name: self._function(name, resource["Properties"])
                for name, resource in self._resources.items()
                if resource["Type"] == FUNCTION
            }
            # Whatever cannot be served is known before anything is started.
            placeholders: dict[str, Handler] = dict.fromkeys(self.functions, _placeholder_handler)
            self.stage = self._apis(placeholders).stage()
            self.apis(placeholders)
        except UnresolvedReference as exc:
            raise BundleError(f"{self._directory}: {exc}") from exc
        except (KeyError, TypeError) as exc:
            raise BundleError(f"{self._directory}: the template lacks {exc}, which was expected there.") from exc
        except ValueError as exc:
            raise BundleError(f"{self._directory}: {exc}.") from exc

    def tables(self) -> Json:
        """The definitions of the tables, by logical id."""
        return {name: each for name, each in self._resources.items() if each["Type"] == "AWS::DynamoDB::Table"}

    def apis(self, handlers: Mapping[str, Handler]) -> Apis:
        """Both APIs, with these functions behind them."""
        apis = self._apis(handlers)
        return Apis(apis.rest(), apis.websocket())

    def scheduled(self) -> str:
        """The function that runs on a schedule. Raises BundleError where there is not exactly one."""
        return self._single(
            [each.name for each in self.functions.values() if each.scheduled], "scheduled functions"
        )

    def worker(self) -> str:
        """The function that takes messages from a queue. Raises BundleError where there is not exactly one."""
        names = [each.name for each in self.functions.values() if each.consumes_queue]
        return self._single(names, "functions that take messages")

    def _single(self, names: list[str], description: str) -> str:
        if len(names) != 1:
            raise BundleError(f"{self._directory} has {len(names)} {description}, and one was expected.")
        return names[0]

    def _apis(self, handlers: Mapping[str, Handler]) -> TemplateApis:
        return TemplateApis(self._template, self._resolve, handlers)

    def _resolve(self, value: Any) -> Any:
        return resolve([{"value": value}], self._values)[0]["value"]

    def _function(self, name: str, properties: Json) -> FunctionDefinition:
        shared = self._template.get("Globals", {}).get("Function", {})
        variables = {**_environment_variables(shared), **_environment_variables(properties)}
        role = self._resources[properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
        logging = properties.get("LoggingConfig", {})
        log_group = logging.get("LogGroup", f"/aws/lambda/{name}")
        sources = {event["Type"] for event in properties.get("Events", {}).values()}
        return FunctionDefinition(
            name=name,
            handler=properties["Handler"],
            timeout=float(properties.get("Timeout", _DEFAULT_TIMEOUT)),
            memory=int(properties.get("MemorySize", _DEFAULT_MEMORY)),
            log_group=self._resolve(log_group),
            log_settings={variable: logging[key] for key, variable in _LOG_SETTINGS.items() if key in logging},
            variables={key: str(self._resolve(value)) for key, value in variables.items()},
            statements=resolve(statements, self._values),
            scheduled="Schedule" in sources,
            consumes_queue="SQS" in sources,
        )

    def _reference_values(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Every name that a template can refer to: pseudo parameters, parameters, resources, their ARNs."""
        gateway = self.gateway_settings
        values = {
            "AWS::AccountId": gateway.account_id,
            "AWS::Partition": "aws",
            "AWS::Region": gateway.region,
            "AWS::StackName": STACK,
            "AWS::URLSuffix": "amazonaws.com",
        }
        for name, parameter in self._template.get("Parameters", {}).items():
            values[name] = str(parameter.get("Default", ""))
        physical_ids: Mapping[str, Callable[[str, Json], str]] = {
            "AWS::DynamoDB::Table": lambda name, _: (
                settings.get(TABLE_NAME_SETTINGS.get(name, "")) or f"{STACK}-{name}"
            ),
            "AWS::Serverless::Api": lambda *_: gateway.rest_api_id,
            "AWS::ApiGatewayV2::Api": lambda *_: gateway.websocket_api_id,
            "AWS::Logs::LogGroup": lambda name, _: f"/{STACK}/{name}",
            "AWS::SQS::Queue": lambda name, _: self._queue_url(name, settings),
        }
        arns = {
            "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
            FUNCTION: "lambda:{region}:{account}:function:{name}",
            "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
        }
        for logical_id, resource in self._resources.items():
            kind = resource["Type"]
            name = physical_ids[kind](logical_id, resource) if kind in physical_ids else logical_id
            values[logical_id] = name
            if kind in arns:
                arn = arns[kind].format(region=gateway.region, account=gateway.account_id, name=name)
                values[f"{logical_id}.Arn"] = f"arn:aws:{arn}"
            elif kind == "AWS::SQS::Queue":
                values[f"{logical_id}.Arn"] = queue_arn(name, gateway.region)
        return values

    def _queue_url(self, logical_id: str, settings: Mapping[str, str]) -> str:
        """That of the local queue; before there is one, as it would be on AWS."""
        url = settings.get(QUEUE_SETTING) if logical_id == "JobQueue" else None
        gateway = self.gateway_settings
        return url or f"https://sqs.{gateway.region}.amazonaws.com/{gateway.account_id}/{STACK}-{logical_id}"


def _environment_variables(properties: Json) -> Json:
    found: Json = properties.get("Environment", {}).get("Variables", {})
    return found


def _placeholder_handler(_event: Json, _context: Any) -> None:
    raise AssertionError("this stands in for a function while the APIs are being read only")
