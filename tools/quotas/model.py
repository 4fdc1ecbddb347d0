"""From online people and messages to the use of each quota."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from infra.regions import SMALL_QUOTA, USUAL_QUOTA
from infra.stage import InfraSettings
from tools.costs.model import Operation, Usage

RECIPIENTS = 3
"""The recipients of an event that the frames of `usage.json` assume."""
_MESSAGES = {"message", "message over HTTP"}
# Their number depends on the messages; each is pushed to every recipient, like a message.
_ACTIVITY = {*_MESSAGES, "typing", "read pointer"}
_CREATIONS = {"new conversation"}
_MESSAGE_UNITS = 8
"""Write units of a message on the partition of its conversation: a transaction of four items."""
_PARTITION_UNITS = 1_000
"""Write units a second of a partition (DynamoDB Developer Guide, "Partitions and data distribution")."""
_DUE_UNITS = 2
"""Write units of a due item in a transaction: `PURGE`, `JOBS` and `RETENTION` have one partition each."""


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a stage."""

    online: int
    """People with an open connection."""
    messages: float
    """Messages per second, of all people."""
    recipients: int = RECIPIENTS
    """Connections that receive a message, including those of the sender."""
    largest: float = 0.1
    """The share of all messages in the busiest conversation."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota, and its use by a load."""

    name: str
    limit: float
    used: float
    remedy: str

    @property
    def share(self) -> float:
        """The share of the quota that is used."""
        return self.used / self.limit


def rates(load: Load, usage: Usage) -> dict[str, float]:
    """Return how often each operation is performed per second."""
    seconds = usage.connection_hours_per_day * 3600
    times = {operation.name: operation.per_user_and_day for operation in usage.operations}
    messages = sum(times[name] for name in _MESSAGES)
    return {
        name: load.messages * count / messages if name in _ACTIVITY else load.online * count / seconds
        for name, count in times.items()
    }


def quotas(load: Load, usage: Usage, settings: InfraSettings) -> list[Quota]:
    """Return the quotas and their use, the most used one first."""
    rate = rates(load, usage)
    operations = {operation.name: operation for operation in usage.operations}

    def total(amounts: Iterable[tuple[str, float]]) -> float:
        return sum(rate[name] * amount for name, amount in amounts)

    requests = total((name, _requests(operation, load)) for name, operation in operations.items())
    busy = {name: rate[name] * operation.milliseconds / 1_000 for name, operation in operations.items()}
    jobs = sum(seconds for name, seconds in busy.items() if operations[name].function == "worker")
    writes = total((name, operation.write_units) for name, operation in operations.items())
    reads = total((name, operation.read_units) for name, operation in operations.items())
    per_conversation = load.messages * load.largest
    raised = "Service Quotas"
    found = [
        Quota("requests a second of API Gateway", USUAL_QUOTA.rate, requests, f"{raised}, then `request_quota`"),
        Quota(
            "the same in regions with the small quota", SMALL_QUOTA.rate, requests, "as above, or another region"
        ),
        Quota("new WebSocket connections a second", 500, rate["connect"], raised),
        Quota("concurrent executions of a new account", 10, sum(busy.values()), raised),
        Quota("concurrent executions, usual quota", 1_000, sum(busy.values()), raised),
        Quota("concurrent background jobs", settings.job_concurrency, jobs, "`job_concurrency`"),
        Quota("write units a second of both tables", 40_000, writes, raised),
        Quota("read units a second of both tables", 40_000, reads, raised),
        Quota(
            "messages a second of one conversation",
            _PARTITION_UNITS / _MESSAGE_UNITS,
            per_conversation,
            "none: a partition; group commits raise it ([performance](performance-append.md))",
        ),
        Quota(
            "due items a second (purges, jobs, retention)",
            _PARTITION_UNITS / _DUE_UNITS,
            total((name, 1) for name in _CREATIONS),
            "none: a partition each",
        ),
    ]
    return sorted(found, key=lambda quota: quota.share, reverse=True)


def _requests(operation: Operation, load: Load) -> float:
    """Return the requests that API Gateway counts: HTTP, connects, and frames in both directions."""
    pushes = load.recipients - RECIPIENTS if operation.name in _ACTIVITY else 0
    connects = operation.function == "websocket_connect"
    return operation.http_requests + max(operation.frames + pushes, 0) + connects
