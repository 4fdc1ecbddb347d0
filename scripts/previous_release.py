"""Run the end-to-end tests of the previous release against the functions of both releases, on the same tables.

    python -m scripts.previous_release                 the commit in the file `previous-release`
    python -m scripts.previous_release --commit HEAD   another one

Each invocation of a function runs in one release or the other, as during a deployment and after a rollback. The
exit status is 77 if there is no previous release.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.bundle.built_stage import host_architecture, read_template
from local.bundle.signing import signing_settings
from local.tokens import mint_for
from scripts.other_python import SKIPPED

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "previous-release"
STAGE = "dev"
Check = Callable[[str], int]
_WAIT = {"CHAT_TIME_HTTP_FAN_OUT": "20", "CHAT_TIME_SOCKET_FAN_OUT": "20"}
"""Two releases share this machine: responses may wait longer for their pushes."""


def previous_release(text: str) -> str | None:
    """Return the commit that the text of the file names, None for `none`. Raises ValueError."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1:
        raise ValueError("previous-release must name one commit, or `none`")
    return None if lines[0] == "none" else lines[0].strip()


def check_commit(commit: str) -> int:
    """Run the tests of a commit against its functions and those of this checkout; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="chat-previous-") as place:
        old = Path(place) / "checkout"
        _run(["git", "worktree", "add", "--detach", str(old), commit], ROOT)
        try:
            _run(["make", "--no-print-directory", "setup", f"PYTHON={sys.executable}"], old)
            stages = {name: Path(place) / name for name in ("present", "previous")}
            _package(ROOT, stages["present"])
            _package(old, stages["previous"])
            settings = {**_settings_of_tests(old), **_WAIT}
            with _server(stages["present"], stages["previous"], settings) as environment:
                tests = [str(old / ".venv/bin/python"), "-m", "pytest", "-q", "tests/e2e"]
                return subprocess.run(tests, cwd=old, env=os.environ | environment, check=False).returncode  # noqa: S603
        finally:
            _run(["git", "worktree", "remove", "--force", str(old)], ROOT)


def _package(checkout: Path, out: Path) -> None:
    command = [str(checkout / ".venv/bin/python"), "-m", "infra", "package", "--stage", STAGE]
    _run([*command, "--architecture", host_architecture(), "--out", str(out)], checkout)


def _settings_of_tests(checkout: Path) -> dict[str, str]:
    """Return the settings that the end-to-end tests of a checkout expect: a stage has the limits of production."""
    program = "import json; from tests.support.server import PATIENT_SETTINGS; print(json.dumps(PATIENT_SETTINGS))"
    command = [str(checkout / ".venv/bin/python"), "-c", program]
    printed = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout  # noqa: S603
    settings: dict[str, str] = json.loads(printed)
    return settings


@contextmanager
def _server(present: Path, previous: Path, settings: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Serve both releases, and yield the variables by which end-to-end tests find the server."""
    command = [
        sys.executable,
        "-m",
        "local",
        "--port",
        "0",
        "--json",
        "--until-input-ends",
        "--bundle",
        str(present),
    ]
    process = subprocess.Popen(  # noqa: S603
        [*command, "--mixed-bundle", str(previous)],
        cwd=ROOT,
        env=os.environ | dict(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("unreachable: both are pipes")
    try:
        ready = json.loads(process.stdout.readline())
        token = [sys.executable, "-m", "scripts.previous_release", "--token", str(present)]
        yield {
            "CHAT_E2E_HTTP_URL": ready["http_url"],
            "CHAT_E2E_WS_URL": ready["ws_url"],
            "CHAT_E2E_TOKEN_COMMAND": f"env PYTHONPATH={shlex.quote(str(ROOT))} {shlex.join(token)}",
        }
    finally:
        process.stdin.close()
        process.wait()


def _token(stage: str, participant_id: str, name: str, seconds: str) -> int:
    directory = Path(stage)
    settings = signing_settings(directory, read_template(directory), os.environ)
    sys.stdout.write(f"{mint_for(participant_id, name, int(seconds), settings)}\n")
    return 0


def _run(command: Sequence[str], directory: Path) -> None:
    subprocess.run(command, cwd=directory, check=True)  # noqa: S603


def main(arguments: Sequence[str] | None = None, text: str | None = None, check: Check = check_commit) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.previous_release", description=__doc__)
    parser.add_argument("--commit", help="this commit instead of that of the file")
    parser.add_argument(
        "--token", nargs=4, metavar=("STAGE", "PARTICIPANT", "NAME", "SECONDS"), help="print a token"
    )
    options = parser.parse_args(arguments)
    if options.token is not None:
        return _token(*options.token)
    commit = options.commit or previous_release(FILE.read_text(encoding="utf-8") if text is None else text)
    if commit is None:
        sys.stdout.write(
            "SKIPPED: there is no previous release to which the rule for changes of stored items applies:\n"
            "NOT TESTED is that this release works with the data of another one. Name its commit in\n"
            "previous-release.\n"
        )
        return SKIPPED
    return check(commit)


if __name__ == "__main__":
    sys.exit(main())
