"""The command line in a separate checkout: real processes, with or without a terminal."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from local.bundle.built_stage import host_architecture
from tests.infra.checkouts import copy_checkout
from tests.support.ministack import DEPLOYER, REGION, ROOT, MiniStack

# A session with this terminal: Ctrl-C reaches only the command.
# If the tests run as a background job of a script, SIGINT is ignored, which children inherit.
_ON_THE_TERMINAL = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
err = os.dup(2)
os.login_tty(os.dup(0))
os.dup2(err, 2)
os.execvp(sys.argv[1], sys.argv[1:])
"""
# Settings of the SDK and the application, and what a make that runs the tests passes to its children.
_DISTURBING = re.compile(r"AWS_|CHAT_|(GNU)?MAKE|MFLAGS$|(STAGE|YES|ARGS|RUN)$")
INTERRUPT = "\x03"
"""The character that Ctrl-C sends."""
WAITING = 300.0
"""Seconds for one command on a busy machine."""
RETYPE_INTERVAL = 5.0
"""Seconds after which Ctrl-C is typed again: Python misses a signal that arrives right before it reads input."""
COMMAND = (sys.executable, "-m", "infra")
MAKE = ("make", "--no-print-directory", "--assume-old=setup", f"RUN={sys.executable}")
"""The Makefile's targets, without creating environments: they exist."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of its standard output."""
        return self.out.splitlines()


@dataclass(frozen=True, slots=True)
class Desk:
    """A checkout to run commands in, configured for a MiniStack by settings of the SDK."""

    place: Path
    ministack: MiniStack
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, place: Path, ministack: MiniStack) -> Desk:
        """Make a fresh checkout for this machine's architecture, and a profile with credentials."""
        copy_checkout(ROOT, place / "checkout", more=("Makefile", "local"))
        config = place / "checkout" / ".chalice" / "config.json"
        settings: dict[str, Any] = json.loads(config.read_text())
        config.write_text(json.dumps(settings | {"lambda_architecture": host_architecture()}))
        (place / "credentials").write_text(
            f"[{DEPLOYER}]\naws_access_key_id = {DEPLOYER}\naws_secret_access_key = secret\n"
        )
        (place / "config").write_text(f"[profile {DEPLOYER}]\n")
        return cls(
            place,
            ministack,
            {
                "AWS_PROFILE": DEPLOYER,
                "AWS_SHARED_CREDENTIALS_FILE": str(place / "credentials"),
                "AWS_CONFIG_FILE": str(place / "config"),
                "AWS_ENDPOINT_URL": ministack.url,
                "AWS_REGION": REGION,
            },
        )

    def runs(self, *command: str, **variables: str | None) -> Ran:
        """Run a command without a terminal, as a script would; a variable that is None is unset."""
        done = subprocess.run(
            self._command(command),
            cwd=self.place / "checkout",
            env=self._environment(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAITING,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def started(self, *command: str) -> subprocess.Popen[str]:
        """Start a command without a terminal; its output can be read."""
        return subprocess.Popen(
            self._command(command),
            cwd=self.place / "checkout",
            env=self._environment({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def types(self, answer: str, *command: str, asked: str) -> Ran:
        """Run a command on a terminal, and type an answer to the question that ends in `asked`."""
        ours, theirs = pty.openpty()
        complaints = self.place / "stderr"
        with complaints.open("wb") as err, os.fdopen(ours, "r+b", buffering=0) as screen:
            process = subprocess.Popen(
                [sys.executable, "-c", _ON_THE_TERMINAL, *self._command(command)],
                cwd=self.place / "checkout",
                env=self._environment({}),
                stdin=theirs,
                stdout=theirs,
                stderr=err,
            )
            os.close(theirs)
            try:
                shown = _converse(screen, asked, answer)
                code = process.wait(WAITING)
            finally:
                process.kill()
                process.wait()
        return Ran(code, shown, complaints.read_text())

    def _command(self, command: Sequence[str]) -> list[str]:
        first, *options = command
        return [*COMMAND, first, *options] if first != "make" else [*MAKE, *options]

    def _environment(self, variables: Mapping[str, str | None]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not _DISTURBING.match(name)}
        wanted = {**inherited, "AWS_EC2_METADATA_DISABLED": "true", **self.variables, **variables}
        return {name: value for name, value in wanted.items() if value is not None}


def _converse(screen: BinaryIO, asked: str, answer: str) -> str:
    """Read all output, and answer the question once."""
    shown = b""
    answered = False
    while part := _read(screen, answer if answered else ""):
        shown += part
        if not answered and shown.endswith(asked.encode()):
            screen.write(answer.encode())
            answered = True
    assert answered, f"the question {asked!r} did not appear: {shown.decode()}"
    return shown.decode()


def _is_ready(screen: BinaryIO, seconds: float) -> bool:
    return bool(select.select([screen], [], [], seconds)[0])


def _read(screen: BinaryIO, typed: str) -> bytes:
    """Return the next output. `typed` is the answer that was given."""
    ready = _is_ready(screen, RETYPE_INTERVAL if typed == INTERRUPT else WAITING)
    if not ready and typed == INTERRUPT:
        screen.write(INTERRUPT.encode())
        ready = _is_ready(screen, WAITING)
    assert ready, "no more output, but the command has not ended"
    try:
        return screen.read(65_536)
    except OSError as error:
        if error.errno != errno.EIO:  # Linux: no process has the terminal open any more
            raise
        return b""
