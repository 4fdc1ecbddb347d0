"""The kinds of chat that the end-to-end tests talk to, each in turn.

`development` is the app in one process, as `make run` starts it. `bundle` is what would be deployed: the packaged
stage in processes of AWS's own runtime, with the functions' policies enforced. To add a kind, add how it is
started to `STARTS`. `ministack` is no server of ours: the same stage, deployed to an emulator of AWS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bundle.build import built_stage
from tests.e2e.permissions import Records
from tests.e2e.stages import VARIABLES, stop_and_look_at_the_log
from tests.support.server import UNHURRIED, Server, start_server

NAMED = "named"
"""The only kind where the environment names a stage."""
BUNDLE = "bundle"
MINISTACK = "ministack"
HURRIED = {
    **UNHURRIED,
    "CHAT_TIME_TICKET_LIFETIME": "1",
    "CHAT_TIME_EXPIRED_TOKEN_GRACE": "1",
    "CHAT_TIME_TYPING_INTERVAL": "0.2",
    "CHAT_LIMIT_MESSAGE_BURST": "5",
    "CHAT_LIMIT_MESSAGES_PER_SECOND": "3",  # fewer than get through on any machine
}
FEW = ("--environments", "3")
"""Processes of a function: enough for them to be in each other's way, and few to start."""
_SECRET = "only-the-end-to-end-tests-sign-with-this"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a server is to be like."""

    log: Path
    environment: Mapping[str, str]
    store_url: str | None = None
    """A store to share; a new one otherwise."""
    outlives_us: bool = False


class Start(Protocol):
    """How a server of some kind is started; `shared` is a directory for all test processes of this run."""

    def __call__(self, wish: Wish, shared: Path) -> Server:
        """Start one, and wait until it is ready."""


def start_development(wish: Wish, shared: Path) -> Server:
    """The app in the server's own process."""
    del shared  # nothing has to be made for it
    return start_server(wish.log, wish.environment, store_url=wish.store_url, outlives_us=wish.outlives_us)


def start_bundle(wish: Wish, shared: Path) -> Server:
    """What is deployed, in processes as Lambda's."""
    return start_server(
        wish.log,
        bundle_environment(wish.environment),
        store_url=wish.store_url,
        options=[*bundle_options(shared), *FEW, "--iam-record", str(_record_of(wish, shared))],
        outlives_us=wish.outlives_us,
    )


def _record_of(wish: Wish, shared: Path) -> Path:
    """A place for the guard's record; the directory of the log has a name of its own in each test process."""
    process, directory = wish.log.parent.parent.name, wish.log.parent.name
    return records(shared).new(f"{process}-{directory}")


def records(shared: Path) -> Records:
    """What the servers of kind `bundle` were allowed in this run."""
    return Records(shared / "iam")


def bundle_options(shared: Path) -> list[str]:
    """The options of `python -m local` for the bundle, which is built if need be."""
    return ["--bundle", str(built_stage(shared / "bundle"))]


def bundle_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with a secret: the well-known one is refused in Lambda."""
    return {"CHAT_JWT_SECRET": _SECRET, **environment}


STARTS: Mapping[str, Start] = {"development": start_development, BUNDLE: start_bundle}


def kinds(environment: Mapping[str, str]) -> list[str]:
    """The kinds to test; one only where the environment names a stage, or wants a server to look at afterwards."""
    if any(environment.get(name) for name in VARIABLES):
        return [NAMED]
    return ["development"] if environment.get("CHAT_E2E_KEEP") else [*STARTS, MINISTACK]


class Servers:
    """The servers of all kinds, started when a test first needs one and kept for all that come later."""

    def __init__(self, shared: Path, place: Callable[[str], Path]) -> None:
        """`place` makes a new directory by a name."""
        self._shared = shared
        self._place = place
        self._started: dict[tuple[str, str], Server] = {}

    def ordinary(self, kind: str) -> Server:
        """The server of a kind, with the settings that people have."""
        if (kind, "ordinary") not in self._started:
            keep = bool(os.environ.get("CHAT_E2E_KEEP")) and "PYTEST_XDIST_WORKER" not in os.environ
            self._started[kind, "ordinary"] = self._start(kind, "ordinary", UNHURRIED, keep=keep)
        return self._started[kind, "ordinary"]

    def hurried(self, kind: str) -> Server:
        """A second server on the same store, with times and rates so small that a test can wait for their end."""
        if (kind, "hurried") not in self._started:
            self._started[kind, "hurried"] = self.another(kind, "hurried", HURRIED)
        return self._started[kind, "hurried"]

    def another(self, kind: str, name: str, environment: Mapping[str, str]) -> Server:
        """A new server on the same store, which is the caller's to stop.

        Without the queue: each of two servers would take the other's messages, and cannot reach its sockets.
        """
        alone = {**environment, "CHAT_JOB_QUEUE": ""}
        return self._start(kind, name, alone, store_url=self.ordinary(kind).ready["store_url"])

    def apart(self, kind: str, name: str, environment: Mapping[str, str]) -> Server:
        """A new server with a store and a queue of its own, which is the caller's to stop."""
        return self._start(kind, name, environment)

    def kinds(self) -> set[str]:
        """The kinds of those that were started."""
        return {kind for kind, _ in self._started}

    def kept(self) -> Server | None:
        """The server that was left up, as was wished, if there is one."""
        return next((each for each in self._started.values() if each.process.stdin is None), None)

    def stop(self) -> None:
        """End those that are not to be left up, the ones without a store of their own first.

        Raises AssertionError, when all have ended, if one ended badly or its log tells of something.
        """
        failures = []
        for server in reversed(self._started.values()):
            if server is not self.kept():
                try:
                    stop_and_look_at_the_log(server)
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
    ) -> Server:
        log = self._place(f"{name}-{kind}") / "server.log"
        return STARTS[kind](Wish(log, environment, store_url, keep), self._shared)
