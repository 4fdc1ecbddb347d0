"""Feed a function with the changes of a table, as Lambda's event source mapping for a DynamoDB stream does.

The records of the embedded engine's change feed pass the mapping's filter and are handed over in batches. A batch
that fails is repeated in halves; one that has failed too often is given up, and a note of it goes to the failure
destination. Changes of a process that was killed before it handed them over are missing
(`local/dynamodb/feed.py`), so each start sends such a note, too.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.dynamodb.feed import Change, Commit, Feed
from local.gateway.functions import LambdaContext
from local.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

Json = dict[str, Any]
StreamFunction = Callable[[Json, Any], object]


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """The settings of the mapping (`infra/template/events.py`), with fewer attempts for local use."""

    pattern: Mapping[str, Any]
    """The pattern of `FilterCriteria`, which a record must match."""
    batch: int = 100
    attempts: int = 5
    retry_seconds: float = 0.5


def in_order(records: Sequence[Json]) -> Sequence[Sequence[Json]]:
    """Return records as one batch."""
    return [records]


class Stream:
    """Calls the function in a background thread, for the duration of a `with` block.

    Leaving the block does not wait for a call in progress. `arrange` returns the batches in which some records are
    handed over: a stream may split the items of a transaction, and repeat them.
    """

    def __init__(
        self,
        function: StreamFunction,
        feed: Feed,
        table: str,
        on_failure: Callable[[str], object],
        settings: MappingSettings,
        *,
        arrange: Callable[[Sequence[Json]], Sequence[Sequence[Json]]] = in_order,
    ) -> None:
        """`on_failure` sends a message to the failure destination."""
        self._function = function
        self._feed = feed
        self._table = table
        self._on_failure = on_failure
        self._settings = settings
        self._arrange = arrange
        self._records: deque[Json] = deque()
        self._waiting = threading.Condition()
        self._stopping = False
        self._unsubscribe: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    def __enter__(self) -> Stream:
        self._unsubscribe = self._feed.subscribe(self._accept)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._unsubscribe()
        with self._waiting:
            self._stopping = True
            self._waiting.notify_all()

    def _accept(self, commit: Commit) -> None:
        changes = [change for change in commit.changes if change.table.name == self._table]
        records = [record_of(change, commit, self._table) for change in changes]
        if wanted := [record for record in records if matches(self._settings.pattern, record)]:
            with self._waiting:
                self._records.extend(wanted)
                self._waiting.notify_all()

    def _run(self) -> None:
        self._give_up([], "the process was started")
        while records := self._next():
            for batch in self._arrange(records):
                self._hand_over(batch)

    def _next(self) -> list[Json]:
        """Wait for records; return none when the stream is being stopped."""
        with self._waiting:
            self._waiting.wait_for(lambda: self._stopping or self._records)
            count = 0 if self._stopping else min(len(self._records), self._settings.batch)
            return [self._records.popleft() for _ in range(count)]

    def _hand_over(self, records: Sequence[Json]) -> None:
        """Call the function until each record was in a successful call, or was given up."""
        batches = [(records, self._settings.attempts)]
        while batches:
            batch, attempts = batches.pop()
            if not batch or self._succeeds(batch):
                continue
            if self._is_stopping(self._settings.retry_seconds):
                return
            if attempts == 1:
                self._give_up(batch, "RetryAttemptsExhausted")
                continue
            half = len(batch) // 2
            batches += [(batch[half:], attempts - 1), (batch[:half], attempts - 1)]

    def _succeeds(self, batch: Sequence[Json]) -> bool:
        try:
            self._function(
                {"Records": list(batch)}, LambdaContext("publish", str(uuid.uuid4()), GatewaySettings())
            )
        except Exception as error:  # noqa: BLE001  (like Lambda, continue whatever a function raises)
            level = logging.INFO if self._stopping else logging.ERROR  # its process was stopped too
            log.log(level, "the stream function raised %s for %d records", type(error).__name__, len(batch))
            return False
        return True

    def _is_stopping(self, seconds: float) -> bool:
        with self._waiting:
            return self._waiting.wait_for(lambda: self._stopping, seconds)

    def _give_up(self, batch: Sequence[Json], condition: str) -> None:
        """Send the note that Lambda sends (Lambda Developer Guide, "Retain discarded batches")."""
        note = {
            "requestContext": {"requestId": str(uuid.uuid4()), "condition": condition},
            "version": "1.0",
            "DDBStreamBatchInfo": {"batchSize": len(batch), "streamArn": stream_arn(self._table)},
        }
        try:
            self._on_failure(json.dumps(note))
        except Exception as error:  # noqa: BLE001  (of the client: which exceptions depends on its library)
            log.error("the failure destination of the stream is unavailable (%s)", error)


def stream_arn(table: str) -> str:
    """Return the ARN of a table's stream."""
    settings = GatewaySettings()
    return f"arn:aws:dynamodb:{settings.region}:{settings.account_id}:table/{table}/stream/2026-01-01T00:00:00.000"


def record_of(change: Change, commit: Commit, table: str) -> Json:
    """Return the record of a change in a stream of `KEYS_ONLY`.

    Source: "Process DynamoDB records with Lambda" (Lambda Developer Guide).
    """
    item = change.new or change.old or {}
    names = {(True, False): "INSERT", (False, False): "MODIFY", (False, True): "REMOVE"}
    record: Json = {
        "eventID": uuid.uuid4().hex,
        "eventName": names[change.old is None, change.new is None],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": GatewaySettings().region,
        "dynamodb": {
            "ApproximateCreationDateTime": float(int(time.time())),
            "Keys": {name: item[name] for name in ("pk", "sk")},
            "SequenceNumber": f"{commit.number:021d}",
            "SizeBytes": 64,
            "StreamViewType": "KEYS_ONLY",
        },
        "eventSourceARN": stream_arn(table),
    }
    if commit.expired:
        record["userIdentity"] = {"principalId": "dynamodb.amazonaws.com", "type": "Service"}
    return record


def matches(pattern: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Return whether a record matches a filter of exact values and prefixes."""
    return all(
        key in record
        and (
            matches(wanted, record[key])
            if isinstance(wanted, Mapping)
            else any(_is_as_wanted(choice, record[key]) for choice in wanted)
        )
        for key, wanted in pattern.items()
    )


def _is_as_wanted(wanted: object, value: object) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, str) and value.startswith(wanted["prefix"])
    return value == wanted
