"""MiniStack as a stand-in for AWS: an emulator that nobody here wrote, to which a stage is deployed and then used.

The template and the zip are those of `make package`, deployed by `infra.deploy` as they would be to AWS. What has
to be different there stands at the top of `ministack_process/door.py`, and is nothing but that. The times that
tests give: on a machine that runs the tests and all functions, an HTTP request is given longer for its pushes; and
what takes days is over in seconds. MiniStack waits less for the functions' logs, which nobody reads there.
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
from infra.deploy.secret import secret_of
from infra.deploy.stack import Stack
from infra.deploy.teardown import Teardown
from infra.stage import Stage as Settings
from infra.stage import read_stage
from local.tokens import mint
from tests.support.client import Stage
from tests.support.server import BRISK

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-ministack" / "bin" / "python"
REGION = "eu-west-1"
HOST = "127.0.0.1"
PATIENCE = 60.0
STOPPING = 10.0
DEPLOYER = "deployer"
"""The key id whose requests are noted."""
_PROCESS = Path(__file__).with_name("ministack_process")
Json = dict[str, Any]


@functools.cache
def _client(service: str, url: str) -> Any:
    """One for all who ask: what a client reads of its service's description costs more than the calls."""
    return _session().client(service, endpoint_url=url)


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session("test", "test", region_name=REGION)


@dataclass(frozen=True, slots=True)
class MiniStack:
    """A running MiniStack, and how its log ends up in a file."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    asked: Path
    """What the deployer asked for, a line of JSON for each request."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and the processes of its functions."""
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
        """The one account that it has, by clients that talk to nothing else."""
        identity = self.client("sts").get_caller_identity()
        return Account(
            id=identity["Account"],
            region=REGION,
            caller=identity["Arn"],
            endpoint=self.url,
            cloudformation=self.client("cloudformation"),
            s3=self.client("s3"),
            ssm=self.client("ssm"),
        )

    def client(self, service: str) -> Any:
        """A client of any service."""
        return _client(service, self.url)

    def deploy(self, build: Build, settings: Settings, console: Console) -> DeployedStage:
        """Deploy a build as it would be to AWS."""
        account = self.account()
        deploying = Deployment(
            account,
            settings,
            console,
            smoke_timeout=PATIENCE,
            stack=_stack(account, settings, console),
        )
        return deploying.run(build)

    def destroy(self, settings: Settings, console: Console) -> list[Json]:
        """Destroy a stage as on AWS; what stays on purpose."""
        account = self.account()
        return Teardown(account, settings, console, stack=_stack(account, settings, console)).run()


@dataclass(frozen=True, slots=True)
class Running:
    """A stage on a MiniStack of its own."""

    ministack: MiniStack
    stage: Stage
    said: Sequence[str] = field(default=())

    def stop(self) -> None:
        """End MiniStack, and everything with it."""
        self.ministack.stop()


def copied(template: Json) -> Json:
    """A template of one's own to change."""
    return copy.deepcopy(template)


def start_ministack(place: Path) -> MiniStack:
    """A MiniStack on a free port that keeps its files in `place`; ready when this returns."""
    assert PYTHON.exists(), f"{PYTHON} is missing: run make setup"
    place.mkdir(parents=True, exist_ok=True)
    log, asked = place / "ministack.log", place / "asked.jsonl"
    with ExitStack() as ours:
        listener = ours.enter_context(socket.create_server((HOST, 0)))
        port = listener.getsockname()[1]
        url = f"http://{HOST}:{port}"
        settings = {"url": url, "variables": BRISK, "noting": DEPLOYER, "noted": str(asked)}
        process = subprocess.Popen(
            [PYTHON, "-I", _PROCESS, str(listener.fileno()), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=ours.enter_context(log.open("wb")),
            stderr=subprocess.STDOUT,
            env=_environment(place, port),
            pass_fds=[listener.fileno()],
        )
    started = MiniStack(process, url, log, asked)
    with urllib.request.urlopen(f"{started.url}/_ministack/health", timeout=PATIENCE) as answer:  # noqa: S310
        assert answer.status == 200
    return started


def start(place: Path, build: Build) -> Running:
    """The stage `dev` on a MiniStack of its own, deployed from nothing and found working."""
    settings = read_stage(ROOT, "dev")
    ministack = start_ministack(place)
    said: list[str] = []
    try:
        deployed = ministack.deploy(build, settings, Console(write=said.append, yes=True))
    except BaseException:
        ministack.stop()
        raise
    return Running(ministack, stage_of(ministack, settings, deployed), said)


def stage_of(ministack: MiniStack, settings: Settings, deployed: DeployedStage) -> Stage:
    """A deployed stage as the end-to-end tests use it."""
    parameter = secret_of(ministack.account(), settings)
    assert parameter is not None
    secret = parameter.read()

    def token(participant_id: str, name: str, ttl: int) -> str:
        return mint(participant_id, name, ttl, secret=secret)

    return Stage(deployed.http_url, deployed.socket_url, token)


def _stack(account: Account, settings: Settings, console: Console) -> Stack:
    """With short pauses: MiniStack makes a whole stack in the time of one of ours."""
    return Stack(account, settings.full_name, console, sleep=lambda seconds: time.sleep(seconds / 40))


def _environment(place: Path, port: int) -> dict[str, str]:
    """What MiniStack and the functions see: nothing of ours but where things are.

    All services that a stage needs; MQTT and SFTP, for which it would open further ports, off.
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
