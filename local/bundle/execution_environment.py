"""One execution environment: a process of AWS's runtime interface client that handles one event at a time.

As on Lambda it is frozen between events: background work of a handler pauses until the next event, if there is
one.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass

from local.bundle.built_stage import LambdaRuntime
from local.bundle.output_collector import OutputCollector
from local.bundle.process_group import ProcessGroup
from local.bundle.read_only_bundle import ReadOnlyBundle
from local.bundle.resolved_template import FunctionDefinition
from local.bundle.runtime_api import NEXT_PATH, PATH_PREFIX, EnvironmentExited, Request, RequestTimeout, RuntimeApi
from local.gateway.functions import FunctionFailed
from local.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

INIT_TIMEOUT = 30.0
"""Seconds for the imports. Lambda allows 10 s on a dedicated machine; this one may be busy."""


@dataclass(frozen=True, slots=True)
class SharedResources:
    """The resources that all execution environments of an instance share."""

    runtime: LambdaRuntime
    bundle: ReadOnlyBundle
    process_group: ProcessGroup
    output: OutputCollector
    gateway_settings: GatewaySettings


class ExecutionEnvironment:
    """A started process that accepts events after `wait_until_ready`."""

    def __init__(self, function: FunctionDefinition, shared: SharedResources) -> None:
        self._function = function
        self._gateway_settings = shared.gateway_settings
        self._exit_pipe, inherited_end = os.pipe()
        self._api = RuntimeApi(self._exit_pipe)
        output = shared.output.add(function.name)
        try:
            self._process = subprocess.Popen(
                [shared.runtime.python, "-S", "-s", "-m", "awslambdaric", function.handler],
                cwd=shared.bundle.task_root,
                env=environment_variables(function, shared, self._api.address),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[inherited_end],
                process_group=shared.process_group.id,
            )
        except OSError:
            self._release()
            raise
        finally:
            os.close(inherited_end)
            os.close(output)
        self.pid = self._process.pid
        self._awaits_event = False
        self._killed = False

    def wait_until_ready(self) -> None:
        """Wait until it requests its first event. Raises FunctionFailed, after which the environment is closed."""
        try:
            request = self._api.next_request(time.monotonic() + INIT_TIMEOUT)
        except RequestTimeout:
            failure = self._failure(
                "Sandbox.Timedout", f"was not ready after {INIT_TIMEOUT:.0f} s: its import does not finish"
            )
            self.close()
            raise failure from None
        except EnvironmentExited:
            raise self._failure("Runtime.ExitError", f"could not start: {self._exit_description()}") from None
        if request.path != NEXT_PATH:
            self._api.respond(202)
            kind, message = _parse_error(request)
            self.close()
            log.error("function %s could not start: %s: %s", self._function.name, kind, message)
            raise FunctionFailed(kind, message)
        self._awaits_event = True

    def resume(self) -> bool:
        """Resume a frozen environment until it requests an event; return False if it exited instead."""
        if self._awaits_event:
            return True
        self._process.send_signal(signal.SIGCONT)
        try:
            request = self._api.next_request(time.monotonic() + self._function.timeout)
            self._awaits_event = request.path == NEXT_PATH and self.is_running()  # it may exit after the request
        except (RequestTimeout, EnvironmentExited):
            self._awaits_event = False
        if not self._awaits_event:
            self.close()
        return self._awaits_event

    def invoke(self, request_id: str, payload: bytes, limit: int) -> bytes:
        """Handle one event and freeze the environment; return the response as the handler encoded it.

        Raises FunctionFailed if the handler raised, exceeded the function's timeout, or responded with more than
        `limit` bytes. `is_running` returns whether the environment can handle another event afterwards.
        """
        seconds = self._function.timeout
        self._awaits_event = False
        self._api.respond(200, self._headers(request_id), payload)
        try:
            request = self._api.next_request(time.monotonic() + seconds)
        except RequestTimeout:
            failure = self._failure("Sandbox.Timedout", f"timed out after {seconds:.2f} seconds")
            self.close()
            raise failure from None
        except EnvironmentExited:
            raise self._failure("Runtime.ExitError", f"did not respond: {self._exit_description()}") from None
        if request.path == f"{PATH_PREFIX}/invocation/{request_id}/response":
            if len(request.body) > limit:
                self._api.respond(413)
                problem = f"responded with {len(request.body)} bytes, which exceeds Lambda's limit"
                failure = self._failure("Function.ResponseSizeTooLarge", problem)
                self.close()
                raise failure
            self._freeze()
            return request.body
        self._freeze()
        raise FunctionFailed(*_parse_error(request))

    def is_running(self) -> bool:
        """Return whether its process is running."""
        return self._process.poll() is None

    def close(self) -> None:
        """Kill the process, as Lambda does without a shutdown phase, and free its resources. Idempotent."""
        self.kill()
        self._release()

    def kill(self) -> None:
        """Kill the process; if another thread waits for its response, that thread calls `close`."""
        self._killed = True
        self._process.kill()
        self._process.wait()

    def _freeze(self) -> None:
        """Acknowledge the response and freeze the process."""
        self._api.respond(202)
        self._process.send_signal(signal.SIGSTOP)

    def _headers(self, request_id: str) -> dict[str, str]:
        gateway, now = self._gateway_settings, time.time()
        arn = f"arn:aws:lambda:{gateway.region}:{gateway.account_id}:function:{self._function.name}"
        return {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((now + self._function.timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(now):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }

    def _exit_description(self) -> str:
        code = self._process.wait()
        self._release()
        return f"its process ended by signal {-code}" if code < 0 else f"its process exited with status {code}"

    def _failure(self, kind: str, problem: str) -> FunctionFailed:
        level = logging.INFO if self._killed else logging.ERROR
        log.log(level, "function %s %s", self._function.name, problem)
        return FunctionFailed(kind, f"{self._function.name} {problem}")

    def _release(self) -> None:
        if self._exit_pipe >= 0:
            self._api.close()
            os.close(self._exit_pipe)
            self._exit_pipe = -1


def environment_variables(
    function: FunctionDefinition, shared: SharedResources, runtime_api: str
) -> dict[str, str]:
    """Return the environment variables of a function's processes: those of Lambda and those of the template.

    Source: "Defined runtime environment variables" in the Lambda Developer Guide. `PYTHONPATH` names the runtime's
    own packages. `HOME` is an empty directory, as on Lambda, so that boto3 finds no profile there.
    """
    region, runtime = shared.gateway_settings.region, shared.runtime
    return {
        "AWS_ACCESS_KEY_ID": function.name,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime.version}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{uuid.uuid4().hex}",
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": region,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "HOME": str(shared.bundle.home),
        "LAMBDA_TASK_ROOT": str(shared.bundle.task_root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(runtime.packages),
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        **function.log_settings,
        **function.variables,
    }


def _parse_error(request: Request) -> tuple[str, str]:
    """Parse the type and the message of an error report of the runtime."""
    try:
        error = json.loads(request.body)
        return str(error["errorType"]), str(error["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return request.headers.get("lambda-runtime-function-error-type", "Unhandled"), "no message"
