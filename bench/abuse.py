"""A hostile participant and twenty honest ones, on the local cloud with the default limits.

Each honest person sends a message every two seconds, by turns in a conversation with four others and in one of all
people and the attacker. First they are alone, then the attacker (`attacker.py`) joins. A latency is that from
the time at which a message was due until its acknowledgement, so a delay is counted even if it delays the next
message. Another honest person opens a new connection and reads the history every second.

Nothing of the honest people may be refused, time out or be missing in a log; the 99th percentile of their
latencies may be twice that without the attacker.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from local.settings import ROOT

from .attacker import Attack
from .chat_clients import ClientFailed
from .checkout import RunningChat, running_chat
from .http_conversation import HttpConversation
from .people import ACK_TIMEOUT, SETUP_TIMEOUT, People, Results
from .stats import milliseconds, percentile, table
from .targets import Targets
from .websocket_frames import open_websocket

ATTACKER = "mallory"
BOUND = 2.0
"""The latency at the 99th percentile, relative to that without the attacker."""
_GROUP = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the benchmark."""

    people: int = 20
    interval: float = 2.0
    """Seconds between two messages of a person."""
    seconds_before: float = 45.0
    seconds: float = 60.0
    warm_up: float = 5.0


class HonestPeople(People):
    """People of one conversation and of smaller ones, who send at regular times."""

    def __init__(self, chat: RunningChat, tokens: Mapping[str, str]) -> None:
        """Create the conversations and connect. Raises ClientFailed, OSError."""
        super().__init__(chat.http_url, chat.ws_url, tokens, [ATTACKER])
        names = list(tokens)
        self.groups = [
            HttpConversation(chat.http_url, tokens[names[at]], names[at : at + _GROUP])
            for at in range(0, len(names), _GROUP)
        ]
        for position, member in enumerate(self._members):
            member.is_waiting = True
            group = self.groups[position // _GROUP].conversation_id
            self._send(position, {"type": "subscribe", "conversation_id": group, "n": 2, "id": "group"})
            end = time.monotonic() + SETUP_TIMEOUT
            while member.is_waiting and time.monotonic() < end:
                self._poll(0.05)

    def send_regularly(self, seconds: float, interval: float) -> Results:
        """Let each person send every `interval` seconds, and wait for the last acknowledgements."""
        self._results = results = Results()
        started = time.monotonic()
        count = len(self._members)
        due = [started + interval * position / count for position in range(count)]
        while any(at < started + seconds for at in due):
            now = time.monotonic()
            for position, member in enumerate(self._members):
                if due[position] <= now and due[position] < started + seconds and not member.is_waiting:
                    self._send_next(position)
                    member.sent_at = due[position]
                    due[position] += interval
            self._poll(0.005)
        end = time.monotonic() + 3 * ACK_TIMEOUT
        while any(member.is_waiting for member in self._members) and time.monotonic() < end:
            self._poll(0.05)
        results.seconds = time.monotonic() - started
        results.timed_out += sum(member.is_waiting for member in self._members)
        return results

    def violations(self, acked: Mapping[str, int]) -> int:
        """Count acknowledged messages that are not in the log of their conversation exactly once."""
        expected: dict[str, dict[str, int]] = {self.conversation_id: {}}
        for key, sequence_id in acked.items():
            name, _, number = key.rpartition(":")
            position = next(at for at, member in enumerate(self._members) if member.name == name)
            expected.setdefault(self._conversation(position, int(number)), {})[key] = sequence_id
        logs = {log.conversation_id: log for log in (self.conversation, *self.groups)}
        return sum(logs[name].violations(keys) for name, keys in expected.items())

    def _conversation_of(self, position: int) -> str:
        return self._conversation(position, self._members[position].number)

    def _conversation(self, position: int, number: int) -> str:
        return self.conversation_id if number % 2 else self.groups[position // _GROUP].conversation_id


class Visitor:
    """A person who opens a connection and reads the history every second; `refused` counts failed attempts."""

    def __init__(self, chat: RunningChat, token: str) -> None:
        self._chat, self._token = chat, token
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.visits = 0
        self.refused = 0

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(SETUP_TIMEOUT)

    def _run(self) -> None:
        conversation = HttpConversation(self._chat.http_url, self._token, ["visitor"])
        while not self._stop.wait(1):
            self.visits += 1
            try:
                open_websocket(self._chat.ws_url, self._token, SETUP_TIMEOUT)[0].close()
                list(conversation.log())
            except (ClientFailed, OSError):
                self.refused += 1


@dataclass(frozen=True, slots=True)
class Run:
    """The measurements of one instance."""

    before: Results
    during: Results
    visits: int
    refused_visits: int
    violations: int
    attack: Mapping[str, int]

    @property
    def refused(self) -> int:
        """The number of refused or unanswered requests of honest people."""
        messages = sum(results.refused + results.timed_out for results in (self.before, self.during))
        return messages + self.refused_visits

    @property
    def slowdown(self) -> float:
        """The 99th percentile of the latencies with the attacker, relative to that without."""
        alone = percentile(self.before.latencies, 0.99)
        return percentile(self.during.latencies, 0.99) / alone if alone else 0.0


@contextlib.contextmanager
def attacking(attack: Attack) -> Iterator[dict[str, int]]:
    """Run an attacker for the context; the yielded counts are complete at its end. Raises ClientFailed."""
    counts: dict[str, int] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "bench.attacker"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            if process.stdin is not None:
                print(attack.to_json(), file=process.stdin, flush=True)
            yield counts
            output, _ = process.communicate(timeout=attack.seconds + SETUP_TIMEOUT)
        finally:
            process.kill()
    if process.returncode:
        raise ClientFailed("the attacker failed")
    counts.update(json.loads(output))


def measure(scale: Scale) -> Run:
    """Run one instance. Raises ClientFailed, ServerFailed."""
    names = [f"person-{number}" for number in range(scale.people)]
    with running_chat(ROOT, is_limited=True) as chat:
        tokens = chat.tokens([*names, ATTACKER, "visitor"])
        people = HonestPeople(chat, {name: tokens[name] for name in names})
        attack = Attack(chat.http_url, chat.ws_url, tokens[ATTACKER], people.conversation_id, names, scale.seconds)
        try:
            with Visitor(chat, tokens["visitor"]) as visitor:
                first = people.send_regularly(scale.warm_up, scale.interval)
                before = people.send_regularly(scale.seconds_before, scale.interval)
                with attacking(attack) as counts:
                    during = people.send_regularly(scale.seconds, scale.interval)
            violations = people.violations(first.acked | before.acked | during.acked)
            return Run(before, during, visitor.visits, visitor.refused, violations, counts)
        finally:
            people.close()


def report(scale: Scale, show: Callable[[str], None], progress: Callable[[str], None], targets: Targets) -> bool:
    """Measure and print everything; return whether nothing of the honest people was refused or lost."""
    run = measure(scale)
    rows = [
        (
            name,
            f"{len(results.latencies)}",
            milliseconds(results.latencies),
            f"{results.refused + results.timed_out}",
        )
        for name, results in (("without", run.before), ("with", run.during))
    ]
    show(table(("attacker", "messages", "ack ms p50 / p95 / p99", "refused"), rows))
    show(f"\n{run.visits} connections and reads of another person, {run.refused_visits} refused.")
    progress("the attacker's " + ", ".join(f"{kind}: {count}" for kind, count in sorted(run.attack.items())))
    targets.at_most("ack p99 of honest people beside an attacker, relative to that without", run.slowdown, BOUND)
    targets.at_most("requests of honest people that were refused", run.refused, 0)
    return run.refused == 0 and run.violations == 0 and bool(run.attack)
