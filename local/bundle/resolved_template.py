"""The functions, tables and APIs of a template, with all intrinsic functions resolved for this machine.

References resolve to the values that CloudFormation would use, except that tables have the names of the local
stage and a function's name is its logical id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.bundle.built_stage import FUNCTION, BuiltStage
from local.bundle.errors import BundleError
from local.gateway import Apis, GatewaySettings
from local.gateway.from_template import TemplateApis
from local.gateway.functions import Handler
from local.iam import UnresolvedReference, queue_arn, resolve
from local.stream import stream_arn
from local.tables import TABLE_NAME_SETTINGS

Json = dict[str, Any]
STACK = "local"
FUNCTION_WORKERS = 24
"""The functions run in processes, limited in number per function: a worker of the gateway only waits for one."""
QUEUE_SETTING, DELIVERY_QUEUE_SETTING = "CHAT_JOB_QUEUE", "CHAT_DELIVERY_QUEUE"
_JOB_QUEUE, _DELIVERY_QUEUE = "JobQueue", "DeliveryQueue"
_QUEUE_SETTINGS = {_JOB_QUEUE: QUEUE_SETTING, _DELIVERY_QUEUE: DELIVERY_QUEUE_SETTING}
_DEFAULT_TIMEOUT, _DEFAULT_MEMORY = 3, 128  # Lambda's defaults, in seconds and megabytes
_LOG_SETTINGS = {"LogFormat": "AWS_LAMBDA_LOG_FORMAT", "ApplicationLogLevel": "AWS_LAMBDA_LOG_LEVEL"}


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function of the template, with all intrinsic functions resolved."""

    name: str
    """Its logical id, used as its name and access key id."""
    handler: str
    timeout: float
    """Seconds."""
    memory: int
    """Megabytes; not enforced."""
    log_group: str
    log_settings: Mapping[str, str]
    """The variables that configure the runtime's logging."""
    variables: Mapping[str, str]
    statements: list[Json]
    """The statements of all policies of its role."""
    scheduled: bool
    queue: str
    """The logical id of the queue whose messages an event source mapping invokes it with; empty: none."""
    stream_filter: Json | None
    """The pattern of the records that a mapping invokes it with, from the stream of a table; None: no stream."""


class ResolvedTemplate:
    """Reads a built stage. Raises BundleError if its template is inconsistent.

    `settings` contain the names of the tables (see `local.settings`), the region and, once they exist, the queues.
    """

    def __init__(self, built: BuiltStage, settings: Mapping[str, str]) -> None:
        self._template = built.template
        self._resources: Json = built.template["Resources"]
        self._directory = built.directory
        self.gateway_settings = GatewaySettings(
            region=settings["AWS_DEFAULT_REGION"], function_workers=FUNCTION_WORKERS
        )
        self._values = self._reference_values(settings)
        try:
            self.functions = {
                name: self._function(name, resource["Properties"])
                for name, resource in self._resources.items()
                if resource["Type"] == FUNCTION
            }
            # Resolve both APIs now, so that errors are found before anything starts.
            placeholders: dict[str, Handler] = dict.fromkeys(self.functions, _placeholder_handler)
            self.stage = self._apis(placeholders).stage()
            self.apis(placeholders)
        except UnresolvedReference as exc:
            raise BundleError(f"{self._directory}: {exc}") from exc
        except (KeyError, TypeError) as exc:
            raise BundleError(f"{self._directory}: the template lacks {exc}.") from exc
        except ValueError as exc:
            raise BundleError(f"{self._directory}: {exc}.") from exc

    def tables(self) -> Json:
        """Return the table definitions by logical id."""
        return {
            logical_id: resource
            for logical_id, resource in self._resources.items()
            if resource["Type"] == "AWS::DynamoDB::Table"
        }

    def apis(self, handlers: Mapping[str, Handler]) -> Apis:
        """Return both APIs with these function handlers."""
        apis = self._apis(handlers)
        return Apis(apis.rest(), apis.websocket())

    def scheduled(self) -> str:
        """Return the name of the scheduled function. Raises BundleError if there is not exactly one."""
        return self._single(
            [function.name for function in self.functions.values() if function.scheduled], "scheduled functions"
        )

    def worker(self) -> str:
        """Return the name of the job queue's consumer. Raises BundleError if there is not exactly one."""
        return self._single(self._consumers(_JOB_QUEUE), "functions that consume the job queue")

    def publisher(self) -> tuple[FunctionDefinition, FunctionDefinition] | None:
        """Return the consumers of the stream and of the queue of deliveries, None in a stage without events.

        Raises BundleError if there is not exactly one of each.
        """
        streaming = [name for name, function in self.functions.items() if function.stream_filter is not None]
        if not streaming:
            return None
        delivering = self._single(
            self._consumers(_DELIVERY_QUEUE), "functions that consume the queue of deliveries"
        )
        return self.functions[self._single(streaming, "functions with a stream")], self.functions[delivering]

    def _consumers(self, queue: str) -> list[str]:
        return [name for name, function in self.functions.items() if function.queue == queue]

    def _single(self, names: list[str], description: str) -> str:
        if len(names) != 1:
            raise BundleError(f"{self._directory} has {len(names)} {description}; expected one.")
        return names[0]

    def _apis(self, handlers: Mapping[str, Handler]) -> TemplateApis:
        return TemplateApis(self._template, self._resolve, handlers)

    def _resolve(self, value: Any) -> Any:
        return resolve([{"value": value}], self._values)[0]["value"]

    def _function(self, name: str, properties: Json) -> FunctionDefinition:
        shared = self._template.get("Globals", {}).get("Function", {})
        variables = {**_environment_variables(shared), **_environment_variables(properties)}
        role = self._resources[properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        statements = [
            statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]
        ]
        logging = properties.get("LoggingConfig", {})
        log_group = logging.get("LogGroup", f"/aws/lambda/{name}")
        sources = {event["Type"]: event["Properties"] for event in properties.get("Events", {}).values()}
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
            queue=sources["SQS"]["Queue"]["Fn::GetAtt"][0] if "SQS" in sources else "",
            stream_filter=_filter(sources["DynamoDB"]) if "DynamoDB" in sources else None,
        )

    def _reference_values(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the values of all possible references: pseudo parameters, parameters, resources and ARNs."""
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
                values[f"{logical_id}.StreamArn"] = stream_arn(name)
            elif kind == "AWS::SQS::Queue":
                values[f"{logical_id}.Arn"] = queue_arn(name, gateway.region)
        return values

    def _queue_url(self, logical_id: str, settings: Mapping[str, str]) -> str:
        """Return the local queue's URL if known, and otherwise one in AWS's form."""
        url = settings.get(_QUEUE_SETTINGS.get(logical_id, ""))
        gateway = self.gateway_settings
        return url or f"https://sqs.{gateway.region}.amazonaws.com/{gateway.account_id}/{STACK}-{logical_id}"


def _environment_variables(properties: Json) -> Json:
    found: Json = properties.get("Environment", {}).get("Variables", {})
    return found


def _filter(source: Json) -> Json:
    """Return the one pattern of a mapping."""
    (found,) = source["FilterCriteria"]["Filters"]
    pattern: Json = json.loads(found["Pattern"])
    return pattern


def _placeholder_handler(_event: Json, _context: Any) -> None:
    raise AssertionError("placeholder handlers must not be called")
