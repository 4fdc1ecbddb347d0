"""One execution environment: a process of AWS's runtime interface client that takes one event after the other.

As on Lambda it is frozen between events: what a handler leaves running stands still until the next event comes,
and may never get another.
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

from local.bundle.built import LambdaRuntime
from local.bundle.deployment import FunctionDefinition
from local.bundle.disk import Disk
from local.bundle.keeper import Keeper
from local.bundle.output import Output
from local.bundle.runtime_api import NEXT, PREFIX, EnvironmentEnded, OutOfTime, Request, RuntimeApi
from local.gateway.functions import FunctionFailed
from local.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

INIT_SECONDS = 30.0
"""For the imports. Lambda gives 10 s on a machine of its own; this one may be busy."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What all environments of an instance share."""

    runtime: LambdaRuntime
    disk: Disk
    keeper: Keeper
    output: Output
    identity: GatewaySettings


class Environment:
    """A process that was started, and takes events once `wait_until_ready` has returned."""

    def __init__(self, function: FunctionDefinition, machine: Machine) -> None:
        self._function = function
        self._identity = machine.identity
        self._life, held = os.pipe()
        self._api = RuntimeApi(self._life)
        output = machine.output.add(function.name)
        try:
            self._process = subprocess.Popen(
                [machine.runtime.python, "-S", "-s", "-m", "awslambdaric", function.handler],
                cwd=machine.disk.task,
                env=variables(function, machine, self._api.address),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[held],
                process_group=machine.keeper.group,
            )
        except OSError:
            self._close()
            raise
        finally:
            os.close(held)
            os.close(output)
        self.pid = self._process.pid
        self._asks = False
        self._stopped = False

    def wait_until_ready(self) -> None:
        """Returns when it asks for its first event. Raises FunctionFailed, after which it has ended."""
        try:
            request = self._api.request(time.monotonic() + INIT_SECONDS)
        except OutOfTime:
            failure = self._failure(
                "Sandbox.Timedout", f"was not ready after {INIT_SECONDS:.0f} s: it hangs while it is imported"
            )
            self.end()
            raise failure from None
        except EnvironmentEnded:
            raise self._failure("Runtime.ExitError", f"could not start: {self._how_it_ended()}") from None
        if request.path != NEXT:
            self._api.answer(202)
            kind, message = _reported(request)
            self.end()
            log.error("function %s could not start: %s: %s", self._function.name, kind, message)
            raise FunctionFailed(kind, message)
        self._asks = True

    def thaw(self) -> bool:
        """Lets a frozen environment go on until it asks for an event; False where it has ended instead."""
        if self._asks:
            return True
        self._process.send_signal(signal.SIGCONT)
        try:
            request = self._api.request(time.monotonic() + self._function.timeout)
            self._asks = request.path == NEXT and self.is_running()  # it may have asked, and ended since
        except (OutOfTime, EnvironmentEnded):
            self._asks = False
        if not self._asks:
            self.end()
        return self._asks

    def invoke(self, request_id: str, payload: bytes, limit: int) -> bytes:
        """The answer to one event, as the handler encoded it; the environment is frozen then.

        Raises FunctionFailed where the handler failed, took longer than its function may, or answered with more
        than `limit` bytes. `is_running` says whether the environment may be given another event after that.
        """
        seconds = self._function.timeout
        self._asks = False
        self._api.answer(200, self._headers(request_id), payload)
        try:
            request = self._api.request(time.monotonic() + seconds)
        except OutOfTime:
            failure = self._failure("Sandbox.Timedout", f"timed out after {seconds:.2f} seconds")
            self.end()
            raise failure from None
        except EnvironmentEnded:
            raise self._failure("Runtime.ExitError", f"did not answer: {self._how_it_ended()}") from None
        if request.path == f"{PREFIX}/invocation/{request_id}/response":
            if len(request.body) > limit:
                self._api.answer(413)
                what = f"answered with {len(request.body)} bytes, more than Lambda takes"
                failure = self._failure("Function.ResponseSizeTooLarge", what)
                self.end()
                raise failure
            self._settle()
            return request.body
        self._settle()
        raise FunctionFailed(*_reported(request))

    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process.poll() is None

    def end(self) -> None:
        """Ends the process at once, as Lambda does; it is not asked. Safe to call twice."""
        self.stop()
        self._close()

    def stop(self) -> None:
        """Like `end`, while another thread waits for an answer of it, which then learns of it and tidies up."""
        self._stopped = True
        self._process.kill()
        self._process.wait()

    def _settle(self) -> None:
        """Takes note of what it said, and freezes it."""
        self._api.answer(202)
        self._process.send_signal(signal.SIGSTOP)

    def _headers(self, request_id: str) -> dict[str, str]:
        own, now = self._identity, time.time()
        arn = f"arn:aws:lambda:{own.region}:{own.account_id}:function:{self._function.name}"
        return {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((now + self._function.timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(now):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        self._close()
        return f"its process ended by signal {-code}" if code < 0 else f"its process exited with status {code}"

    def _failure(self, kind: str, what: str) -> FunctionFailed:
        level = logging.INFO if self._stopped else logging.ERROR
        log.log(level, "function %s %s", self._function.name, what)
        return FunctionFailed(kind, f"{self._function.name} {what}")

    def _close(self) -> None:
        if self._life >= 0:
            self._api.close()
            os.close(self._life)
            self._life = -1


def variables(function: FunctionDefinition, machine: Machine, runtime_api: str) -> dict[str, str]:
    """The environment of a function's processes: what Lambda sets, what the template sets, and no more.

    Source: "Defined runtime environment variables" in the Lambda developer guide. `PYTHONPATH` stands for the
    runtime's own directories, and `HOME` is empty, as it is there: boto3 would look there for somebody's profile.
    """
    region, runtime = machine.identity.region, machine.runtime
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
        "HOME": str(machine.disk.home),
        "LAMBDA_TASK_ROOT": str(machine.disk.task),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(runtime.packages),
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        **function.log_settings,
        **function.variables,
    }


def _reported(request: Request) -> tuple[str, str]:
    """The type and the message of an error that the runtime reports."""
    try:
        error = json.loads(request.body)
        return str(error["errorType"]), str(error["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return request.headers.get("lambda-runtime-function-error-type", "Unhandled"), "no message"
