"""MiniStack as a stand-in for AWS: an independent emulator, to which a stage is deployed.

Template and zip are those of `make package`, deployed by `infra.deploy` as they would be to AWS. The necessary
differences are listed at the top of `ministack_process/adapter.py`. Tests change some times: an HTTP response may
wait longer for its pushes on a machine that runs the tests and all functions, and days pass in seconds. MiniStack
waits less for the functions' logs, which are not read.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import boto3

from infra.deploy.account import Account
from infra.deploy.artefacts import Build
from infra.deploy.console import Console
from infra.deploy.deployment import DeployedStage, Deployment
from infra.deploy.secret import secrets_of
from infra.deploy.stack import Stack
from infra.deploy.teardown import Teardown
from infra.stage import Stage as Settings
from infra.stage import read_stage
from local.tokens import mint
from tests.support.client import ChatEndpoint
from tests.support.server import SHORT_RETENTION_SETTINGS

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-ministack" / "bin" / "python"
BOUNDARY = ROOT / "infra" / "iam" / "boundary.json"
"""The policy that an administrator creates before the first deployment."""
REGION = "eu-west-1"
HOST = "127.0.0.1"
PATIENCE = 60.0
STOPPING = 10.0
DEPLOYER = "deployer"
"""The key id whose requests are recorded."""
_PROCESS = Path(__file__).with_name("ministack_process")
Json = dict[str, Any]


@functools.cache
def _client(service: str, url: str) -> Any:
    """Return a client of one shared session: loading a service's model costs more than the calls."""
    return _session().client(service, endpoint_url=url)


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session("test", "test", region_name=REGION)


@dataclass(frozen=True, slots=True)
class MiniStack:
    """A running MiniStack, and the path of its log."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    asked: Path
    """The requests of the deployer, one line of JSON each."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it and the processes of its functions."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        finally:
            if self.process.stdin is not None:
                self.process.stdin.close()

    def account(self) -> Account:
        """Return its one account, with clients that connect to nothing else."""
        identity = self.client("sts").get_caller_identity()
        return Account(
            id=identity["Account"],
            region=REGION,
            caller=identity["Arn"],
            endpoint=self.url,
            apigateway=self.client("apigateway"),
            cloudformation=self.client("cloudformation"),
            dynamodb=self.client("dynamodb"),
            iam=self.client("iam"),
            lambda_=self.client("lambda"),
            s3=self.client("s3"),
            ssm=self.client("ssm"),
        )

    def client(self, service: str) -> Any:
        """Return a client of any service."""
        return _client(service, self.url)

    def deploy(self, build: Build, settings: Settings, console: Console) -> DeployedStage:
        """Deploy a build as to AWS."""
        account = self.account()
        deployment = Deployment(
            account,
            settings,
            console,
            smoke_timeout=PATIENCE,
            stack=_stack(account, settings, console),
        )
        return deployment.run(build)

    def destroy(self, settings: Settings, console: Console) -> list[Json]:
        """Destroy a stage as on AWS; return the resources that stay by design."""
        account = self.account()
        return Teardown(account, settings, console, stack=_stack(account, settings, console)).run()


@dataclass(frozen=True, slots=True)
class MiniStackStage:
    """A stage on its own MiniStack."""

    ministack: MiniStack
    endpoint: ChatEndpoint
    said: Sequence[str] = field(default=())

    def stop(self) -> None:
        """Stop MiniStack, and everything with it."""
        self.ministack.stop()


def copied(template: Json) -> Json:
    """Return a copy of a template."""
    return copy.deepcopy(template)


def start_ministack(place: Path) -> MiniStack:
    """Start MiniStack on a free port with its files in `place`; it is ready when this returns."""
    assert PYTHON.exists(), f"{PYTHON} is missing: run make setup"
    place.mkdir(parents=True, exist_ok=True)
    log, asked = place / "ministack.log", place / "asked.jsonl"
    with ExitStack() as parent_files:
        listener = parent_files.enter_context(socket.create_server((HOST, 0)))
        port = listener.getsockname()[1]
        url = f"http://{HOST}:{port}"
        settings = {
            "url": url,
            "variables": SHORT_RETENTION_SETTINGS,
            "recorded_key": DEPLOYER,
            "record": str(asked),
        }
        process = subprocess.Popen(
            [PYTHON, "-I", _PROCESS, str(listener.fileno()), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=parent_files.enter_context(log.open("wb")),
            stderr=subprocess.STDOUT,
            env=_environment(place, port),
            pass_fds=[listener.fileno()],
        )
    started = MiniStack(process, url, log, asked)
    with urllib.request.urlopen(f"{started.url}/_ministack/health", timeout=PATIENCE) as answer:  # noqa: S310
        assert answer.status == 200
    document = BOUNDARY.read_text().replace("ACCOUNT", "000000000000")
    started.client("iam").create_policy(PolicyName="chat-boundary", PolicyDocument=document)
    return started


def start(place: Path, build: Build) -> MiniStackStage:
    """Deploy the stage `dev` to a new MiniStack, and check that it works."""
    settings = read_stage(ROOT, "dev")
    ministack = start_ministack(place)
    sent: list[str] = []
    try:
        deployed = ministack.deploy(build, settings, Console(write=sent.append, yes=True))
    except BaseException:
        ministack.stop()
        raise
    return MiniStackStage(ministack, stage_of(ministack, settings, deployed), sent)


def stage_of(ministack: MiniStack, settings: Settings, deployed: DeployedStage) -> ChatEndpoint:
    """Return the endpoint of a deployed stage."""
    (parameter,) = secrets_of(ministack.account(), settings)
    secret = parameter.read()

    def token(participant_id: str, name: str, ttl: int) -> str:
        return mint(participant_id, name, ttl, secret=secret)

    return ChatEndpoint(deployed.http_url, deployed.socket_url, token)


def _stack(account: Account, settings: Settings, console: Console) -> Stack:
    """Return a stack with short pauses: MiniStack creates a stack in the time of one default pause."""
    return Stack(account, settings.full_name, console, sleep=lambda seconds: time.sleep(seconds / 40))


def _environment(place: Path, port: int) -> dict[str, str]:
    """Return the environment of MiniStack and the functions: no variables but the paths of this machine.

    All services that a stage needs; without MQTT and SFTP, which would open further ports.
    """
    files = place / "files"
    files.mkdir(exist_ok=True)
    passed_on = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {
        **passed_on,
        "HOME": str(files),
        "TMPDIR": str(files),
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
