"""All functions of a built stage, from startup to shutdown, in place of Lambda and IAM."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from local.bundle.built_stage import BuiltStage
from local.bundle.execution_environment import SharedResources
from local.bundle.function import Function, MixedFunction
from local.bundle.output_collector import OutputCollector
from local.bundle.process_group import ProcessGroup
from local.bundle.read_only_bundle import ReadOnlyBundle
from local.bundle.resolved_template import DELIVERY_QUEUE_SETTING, QUEUE_SETTING, ResolvedTemplate
from local.bundle.signing import PARAMETER
from local.dynamodb.feed import Feed
from local.events import publishing
from local.gateway import Apis
from local.gateway.functions import Handler
from local.hooks import HOOK_ENDPOINT
from local.iam import Guard
from local.queue import Worker, sqs_client

if TYPE_CHECKING:
    from local.iam.request_models import RequestModels

log = logging.getLogger(__name__)

DEFAULT_ENVIRONMENTS = 4
"""The default maximum of concurrent execution environments per function."""


class LambdaEmulator:
    """The functions of a template, behind the guard; a context manager.

    `overrides` replace variables of the template. On exit the guard's record is written as JSON to `iam_record`,
    if given; then each request to AWS's services is also checked against the service descriptions of the SDK.
    """

    def __init__(
        self,
        stage: BuiltStage,
        template: ResolvedTemplate,
        overrides: Mapping[str, str],
        *,
        store_url: str,
        management_url: str,
        environments: int = DEFAULT_ENVIRONMENTS,
        iam_record: Path | None = None,
        other: BuiltStage | None = None,
    ) -> None:
        """`other` is another release, whose functions of the same names handle every other event."""
        self._stage = stage
        self._other = other
        self._template = template
        self._overrides = overrides
        self._environments = environments
        self._iam_record = iam_record
        self._models = _request_models() if iam_record is not None else None
        self._guard = Guard(
            {name: function.statements for name, function in template.functions.items()},
            store_url,
            management_url,
            region=template.gateway_settings.region,
            account=template.gateway_settings.account_id,
            api=template.gateway_settings.websocket_api_id,
            models=self._models,
        )
        self._resources = contextlib.ExitStack()
        self.functions: dict[str, Handler] = {}

    def __enter__(self) -> LambdaEmulator:
        with contextlib.ExitStack() as stack:
            stages = [self._stage] if self._other is None else [self._stage, self._other]
            bundles = [stack.enter_context(ReadOnlyBundle(stage.bundle)) for stage in stages]
            for bundle in bundles:
                stack.callback(self._report_changes, bundle)
            self._guard.start()
            stack.callback(self._stop_guard)
            output = OutputCollector(sys.stderr)
            stack.callback(output.stop)
            process_group = ProcessGroup()
            stack.callback(process_group.stop)
            releases = [
                SharedResources(
                    self._stage.runtime, bundle, process_group, output, self._template.gateway_settings
                )
                for bundle in bundles
            ]
            for name, definition in self._template.functions.items():
                configured = replace(definition, variables=self._environment_variables(definition.variables))
                functions = [Function(configured, shared, self._environments) for shared in releases]
                for function in functions:
                    stack.callback(function.close)
                self.functions[name] = functions[0] if len(functions) == 1 else MixedFunction(*functions)
            self._resources = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def apis(self) -> Apis:
        """Return the template's APIs with these functions."""
        return self._template.apis(self.functions)

    def scheduled(self) -> Handler:
        """Return the scheduled function."""
        return self.functions[self._template.scheduled()]

    def worker(self) -> contextlib.AbstractContextManager[object]:
        """Return a context manager that runs the queue's worker, or a no-op without a queue.

        It receives messages as Lambda does: through the guard, with the role of the function that it invokes.
        """
        url = self._overrides.get(QUEUE_SETTING)
        if not url:
            return contextlib.nullcontext()
        name = self._template.worker()
        return Worker(self.functions[name], sqs_client(self._guard.queues_url, key_id=name), url)

    def publishing(self, feed: Feed | None) -> contextlib.AbstractContextManager[object]:
        """Return a context manager that publishes events; a no-op without a feed, or in a stage without events."""
        functions = self._template.publisher()
        if feed is None or functions is None:
            return contextlib.nullcontext()
        publish, deliver = functions
        return publishing(
            self.functions[publish.name],
            self.functions[deliver.name],
            feed=feed,
            table=publish.variables["CHAT_CONVERSATIONS_TABLE"],
            client=sqs_client(self._guard.queues_url, key_id=deliver.name),
            stream_client=sqs_client(self._guard.queues_url, key_id=publish.name),
            url=self._overrides[DELIVERY_QUEUE_SETTING],
            pattern=publish.stream_filter or {},
        )

    def _environment_variables(self, declared: Mapping[str, str]) -> dict[str, str]:
        """Return a function's variables: the template's, the overrides, and the guard's endpoints."""
        return {
            **{name: value for name, value in declared.items() if name != PARAMETER},
            **self._overrides,
            "CHAT_MANAGEMENT_ENDPOINT": self._guard.management_url,
            "AWS_ENDPOINT_URL_DYNAMODB": self._guard.store_url,
            "AWS_ENDPOINT_URL_SQS": self._guard.queues_url,
            **{name: os.environ[name] for name in (HOOK_ENDPOINT,) if name in os.environ},
        }

    def _stop_guard(self) -> None:
        self._guard.stop()
        for request in self._guard.denied():
            log.error(
                "the policy of %s does not allow %s on %s", request.function, request.action, request.resource
            )
        for problem in [] if self._models is None else self._models.problems:
            log.error("AWS would reject a request: %s", problem)
        if self._iam_record is not None:
            self._iam_record.write_text(json.dumps(self._guard.record(), indent=1), encoding="utf-8")

    def _report_changes(self, bundle: ReadOnlyBundle) -> None:
        for name in bundle.changes():
            log.error("a function wrote to %s, which is read-only on Lambda", name)


def _request_models() -> RequestModels:
    from local.iam.request_models import RequestModels  # noqa: PLC0415 — loads the SDK

    return RequestModels()
