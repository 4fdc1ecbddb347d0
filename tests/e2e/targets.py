"""The targets of the end-to-end tests, each in turn.

`development` is the app in one process, as `make run` starts it. `bundle` is the packaged stage in processes of
AWS's own runtime, with the functions' policies enforced. `ministack` is the same stage, deployed to an emulator of
AWS. A further target needs an entry in `STARTS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bundle.build import built_stage
from tests.e2e.endpoints import VARIABLES, stop_and_check_log
from tests.e2e.iam_permissions import PermissionRecords
from tests.support.server import PATIENT_SETTINGS, ServerProcess, start_server

REMOTE = "named"
"""The only target if the environment names a remote endpoint."""
BUNDLE = "bundle"
MINISTACK = "ministack"
ACCELERATED_SETTINGS = {
    **PATIENT_SETTINGS,
    "CHAT_JWT_LEEWAY": "0",
    "CHAT_TIME_TICKET_LIFETIME": "1",
    "CHAT_TIME_EXPIRED_TOKEN_GRACE": "0",
    "CHAT_TIME_TYPING_INTERVAL": "0.2",
    "CHAT_LIMIT_MESSAGE_BURST": "24",
    "CHAT_LIMIT_MESSAGES_PER_SECOND": "3",  # fewer than any machine can send
}
DISORDER = "--disorder"
"""Frames of a connection overtake each other on every server: a test that pipelines cannot rely on their order."""
FEW_ENVIRONMENTS = ("--environments", "3")
"""Processes of a function: enough for concurrency, and few to start."""
_SECRET = "only-the-end-to-end-tests-sign-with-this"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The options of a server."""

    log: Path
    environment: Mapping[str, str]
    store_url: str | None = None
    """A store to share; by default a new one."""
    detached: bool = False


class StartServer(Protocol):
    """A function that starts a server of one target; `shared` is a directory of all test processes."""

    def __call__(self, wish: ServerOptions, shared: Path) -> ServerProcess:
        """Start a server and wait until it is ready."""


def start_development(wish: ServerOptions, shared: Path) -> ServerProcess:
    """Start the app in the server's own process."""
    del shared  # it needs no build
    return start_server(
        wish.log, wish.environment, store_url=wish.store_url, options=[DISORDER], detached=wish.detached
    )


def start_bundle(wish: ServerOptions, shared: Path) -> ServerProcess:
    """Start the packaged app in processes like Lambda's."""
    return start_server(
        wish.log,
        bundle_environment(wish.environment),
        store_url=wish.store_url,
        options=[
            DISORDER,
            *bundle_options(shared),
            *FEW_ENVIRONMENTS,
            "--iam-record",
            str(_record_of(wish, shared)),
        ],
        detached=wish.detached,
    )


def _record_of(wish: ServerOptions, shared: Path) -> Path:
    """Return a path for the record of used permissions; log directories are unique to test processes."""
    process, directory = wish.log.parent.parent.name, wish.log.parent.name
    return records(shared).new(f"{process}-{directory}")


def records(shared: Path) -> PermissionRecords:
    """Return the records of permissions that the servers of this run used."""
    return PermissionRecords(shared / "iam")


def bundle_options(shared: Path) -> list[str]:
    """Return the options of `python -m local` for the bundle, which is built if necessary."""
    return ["--bundle", str(built_stage(shared / "bundle"))]


def bundle_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` with a secret: Lambda rejects the well-known one."""
    return {"CHAT_JWT_SECRET": _SECRET, **environment}


STARTS: Mapping[str, StartServer] = {"development": start_development, BUNDLE: start_bundle}


def selected_targets(environment: Mapping[str, str]) -> list[str]:
    """Return the targets to test: all of them, unless the environment names an endpoint or some targets."""
    if any(environment.get(name) for name in VARIABLES):
        return [REMOTE]
    if environment.get("CHAT_E2E_KEEP"):
        return ["development"]
    return environment.get("CHAT_E2E_TARGETS", "").split() or [*STARTS, MINISTACK]


class Servers:
    """The servers of all targets, started when a test first needs one and kept for later tests."""

    def __init__(self, shared: Path, place: Callable[[str], Path]) -> None:
        """`place` makes a new directory with a given prefix."""
        self._shared = shared
        self._place = place
        self._started: dict[tuple[str, str], ServerProcess] = {}

    def default(self, kind: str) -> ServerProcess:
        """Return the server of a target with default settings."""
        if (kind, "ordinary") not in self._started:
            keep = bool(os.environ.get("CHAT_E2E_KEEP")) and "PYTEST_XDIST_WORKER" not in os.environ
            self._started[kind, "ordinary"] = self._start(kind, "ordinary", PATIENT_SETTINGS, keep=keep)
        return self._started[kind, "ordinary"]

    def accelerated(self, kind: str) -> ServerProcess:
        """Return a second server on the same store, with short timeouts and low rate limits."""
        if (kind, "hurried") not in self._started:
            self._started[kind, "hurried"] = self.start_sibling(kind, "hurried", ACCELERATED_SETTINGS)
        return self._started[kind, "hurried"]

    def start_sibling(self, kind: str, name: str, environment: Mapping[str, str]) -> ServerProcess:
        """Start a server on the same store; the caller stops it.

        It has no queue: each of the two servers would receive jobs of the other, whose connections it cannot
        reach.
        """
        alone = {**environment, "CHAT_JOB_QUEUE": ""}
        return self._start(kind, name, alone, store_url=self.default(kind).ready["store_url"])

    def start_isolated(self, kind: str, name: str, environment: Mapping[str, str]) -> ServerProcess:
        """Start a server with its own store and queue; the caller stops it."""
        return self._start(kind, name, environment)

    def started_targets(self) -> set[str]:
        """Return the targets of which servers were started."""
        return {kind for kind, _ in self._started}

    def kept(self) -> ServerProcess | None:
        """Return the server that is left up (CHAT_E2E_KEEP), or None."""
        return next((server for server in self._started.values() if server.process.stdin is None), None)

    def stop(self) -> None:
        """Stop all servers that are not left up, those without their own store first.

        Raises AssertionError, after all have stopped, if one failed or its log contains a failure.
        """
        failures = []
        for server in reversed(self._started.values()):
            if server is not self.kept():
                try:
                    stop_and_check_log(server)
                except AssertionError as failure:
                    failures.append(str(failure))
        assert not failures, "\n\n".join(failures)

    def _start(
        self,
        kind: str,
        name: str,
        environment: Mapping[str, str],
        store_url: str | None = None,
        *,
        keep: bool = False,
    ) -> ServerProcess:
        log = self._place(f"{name}-{kind}") / "server.log"
        return STARTS[kind](ServerOptions(log, environment, store_url, keep), self._shared)
