"""The whole chat of a checkout, this one or another one, as `python -m local` starts it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.settings import chat_settings
from local.tokens import mint_for

from .server import LIMITS, ServerFailed

STOP_SECONDS = 40
_UNSET = {"CHAT_CONVERSATIONS_TABLE", "CHAT_CONNECTIONS_TABLE", "CHAT_JWT_SECRET", "AWS_PROFILE"}


@dataclass(frozen=True, slots=True)
class RunningChat:
    """A running instance of a checkout."""

    root: Path
    http_url: str
    ws_url: str
    pid: int
    web_url: str = ""
    """The address of the web page; an older checkout has none."""

    def tokens(self, names: list[str]) -> dict[str, str]:
        """Return a token per participant."""
        settings = chat_settings({}, self.root)
        return {name: mint_for(name, name.title(), 3_600, settings) for name in names}

    def cpu_seconds(self) -> float:
        """Return the CPU time so far of the instance's process and all processes below it."""
        return sum(_cpu_seconds(pid) for pid in _tree(self.pid))

    def memory(self) -> int:
        """Return the resident memory of these processes in bytes."""
        return sum(_resident(pid) for pid in _tree(self.pid))

    def threads(self) -> int:
        """Return the number of threads of these processes."""
        return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in _tree(self.pid))


@contextlib.contextmanager
def running_chat(root: Path, *options: str, is_limited: bool = False) -> Iterator[RunningChat]:
    """Run the chat of a checkout for the context, with more options of `python -m local`. Raises ServerFailed.

    `is_limited` keeps the limits of each participant, which are lifted otherwise.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [root / ".venv" / "bin" / "python", "-m", "local", "--port", "0", "--json", *options],
            cwd=root,
            env={name: value for name, value in os.environ.items() if name not in _UNSET}
            | ({} if is_limited else _limits(root)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line:
                log.seek(0)
                raise ServerFailed(f"the chat of {root} did not start. Its output:\n{log.read()[-2000:]}")
            ready = json.loads(line)
            yield RunningChat(root, ready["http_url"], ready["ws_url"], process.pid, ready.get("web_url", ""))
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _limits(root: Path) -> dict[str, str]:
    """Return the settings that lift the rate limits; an older checkout lacks some, and names one otherwise."""
    sources = "".join(path.read_text("utf-8") for path in root.glob("chalicelib/**/*.py"))
    fields = {name: f"\n    {name.removeprefix('CHAT_LIMIT_').lower()}: int" for name in LIMITS}
    known = {name: value for name, value in LIMITS.items() if fields[name] in sources}
    if "CHAT_LIMIT_MESSAGE_BURST" not in known:
        known["CHAT_LIMIT_BURST"] = LIMITS["CHAT_LIMIT_MESSAGE_BURST"]
    return known


def _tree(root: int) -> list[int]:
    """Return a process and all processes below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _cpu_seconds(pid: int) -> float:
    """Return user and system time (proc(5), fields 14 and 15 of `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
