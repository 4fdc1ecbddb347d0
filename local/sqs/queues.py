"""The engine: SQS's operations on standard queues, for the job queue (API reference, "Actions").

An operation, parameter or attribute that the engine does not have is rejected by its name. A message is delivered
at least once: it is received again unless it is deleted within its visibility timeout, and after
`maxReceiveCount` receives it moves to the dead-letter queue. Messages are stored before they are acknowledged.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from local.dynamodb.errors import DynamoError
from local.dynamodb.sqlite_storage import SqliteStorage
from local.sqs import parameters as parse
from local.sqs.errors import SqsError, internal_error, missing, unsupported
from local.sqs.storage import DEFAULTS, Message, Queue, QueueStorage

ACCOUNT = "123456789012"
_RECEIPT = re.compile(r"([0-9]{1,18})\.([0-9a-f]{32})")
_LONGEST_WAIT = 1.0
"""Seconds after which a waiting receive looks again, in case the clock was set."""

Answer = dict[str, Any]
Operation = Callable[[Mapping[str, Any]], Answer]


class Queues:
    """See the module. Safe to use from any thread. `clock` gives seconds since the epoch."""

    def __init__(
        self, storage: SqliteStorage, url: str, region: str, clock: Callable[[], float] = time.time
    ) -> None:
        """`url` is the address at which the queues are served, the beginning of their URLs."""
        self._storage = QueueStorage(storage)
        self._url = url
        self._region = region
        self._clock = clock
        self._changed = threading.Condition()
        self._version = 0
        self._closed = False
        self._operations: Mapping[str, Operation] = {
            "CreateQueue": self._create_queue,
            "GetQueueUrl": self._get_queue_url,
            "GetQueueAttributes": self._get_queue_attributes,
            "SendMessage": self._send_message,
            "ReceiveMessage": self._receive_message,
            "DeleteMessage": self._delete_message,
            "ChangeMessageVisibility": self._change_message_visibility,
            "PurgeQueue": self._purge_queue,
        }

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """Carry out an operation by its name in the API. Raises SqsError.

        A ReceiveMessage with WaitTimeSeconds blocks until there is a message, the time is over, or `close`.
        """
        if operation not in self._operations:
            raise unsupported(f"The operation {operation}")
        parse.reject_unknown(operation, parameters)
        try:
            return self._operations[operation](parameters)
        except DynamoError:  # of the storage, which has logged it
            raise internal_error() from None
        except UnicodeEncodeError:
            raise SqsError("SerializationException", "A string is not valid Unicode") from None

    def close(self) -> None:
        """End all waiting receives, without messages."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def ensure_queue(self, name: str, attributes: Mapping[str, str]) -> str:
        """Create a queue, or change the attributes of an existing one; return its URL. Raises SqsError."""
        found = self._storage.find_queue(name)
        if found is None or found.attributes != attributes:
            self._storage.put_queue(name, parse.queue_attributes({"Attributes": dict(attributes)}))
        return self._queue_url(name)

    def arn(self, name: str) -> str:
        """Return the ARN of a queue."""
        return f"arn:aws:sqs:{self._region}:{ACCOUNT}:{name}"

    # ---- queues ----------------------------------------------------------------------------------------

    def _create_queue(self, parameters: Mapping[str, Any]) -> Answer:
        name, attributes = parse.queue_name(parameters), parse.queue_attributes(parameters)
        found = self._storage.find_queue(name)
        for attribute, value in attributes.items():
            if found is not None and found.attributes.get(attribute, DEFAULTS.get(attribute)) != value:
                raise SqsError(
                    "QueueNameExists",
                    f"A queue already exists with the same name and a different value for attribute {attribute}",
                )
        if found is None:
            self._storage.put_queue(name, attributes)
        return {"QueueUrl": self._queue_url(name)}

    def _get_queue_url(self, parameters: Mapping[str, Any]) -> Answer:
        return {"QueueUrl": self._queue_url(self._existing(parse.queue_name(parameters)).name)}

    def _get_queue_attributes(self, parameters: Mapping[str, Any]) -> Answer:
        queue = self._queue(parameters)
        counts = self._storage.counts(queue, self._clock())
        attributes = {
            **DEFAULTS,
            **queue.attributes,
            "QueueArn": self.arn(queue.name),
            "ApproximateNumberOfMessages": str(counts.visible),
            "ApproximateNumberOfMessagesNotVisible": str(counts.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(counts.delayed),
        }
        names = parameters.get("AttributeNames") or []
        if "All" in names:
            return {"Attributes": attributes}
        for name in names:
            if name not in attributes and name != "RedrivePolicy":
                raise SqsError("InvalidAttributeName", f"Unknown Attribute {name}.")
        return {"Attributes": {name: attributes[name] for name in names if name in attributes}} if names else {}

    def _purge_queue(self, parameters: Mapping[str, Any]) -> Answer:
        self._storage.purge(self._queue(parameters))
        return {}

    def _queue(self, parameters: Mapping[str, Any]) -> Queue:
        return self._existing(urlsplit(parse.text(parameters, "QueueUrl")).path.rpartition("/")[2])

    def _existing(self, name: str) -> Queue:
        queue = self._storage.find_queue(name)
        if queue is None:
            raise SqsError("QueueDoesNotExist", "The specified queue does not exist.")
        return queue

    def _queue_url(self, name: str) -> str:
        return f"{self._url}/{ACCOUNT}/{name}"

    # ---- messages --------------------------------------------------------------------------------------

    def _send_message(self, parameters: Mapping[str, Any]) -> Answer:
        queue, body = self._queue(parameters), parse.message_body(parameters)
        delay = parse.integer(parameters, "DelaySeconds", 0, parse.MAX_DELAY)
        now, message_id = self._clock(), str(uuid.uuid4())
        visible_at = now + (queue.attribute("DelaySeconds") if delay is None else delay)
        self._storage.add(queue, message_id, body, now, visible_at)
        self._notify()
        return {"MessageId": message_id, "MD5OfMessageBody": _md5(body)}

    def _receive_message(self, parameters: Mapping[str, Any]) -> Answer:
        queue = self._queue(parameters)
        limit = parse.integer(parameters, "MaxNumberOfMessages", 1, parse.MAX_MESSAGES) or 1
        wait = parse.integer(parameters, "WaitTimeSeconds", 0, parse.MAX_WAIT) or 0
        timeout = parse.integer(parameters, "VisibilityTimeout", 0, parse.MAX_VISIBILITY_TIMEOUT)
        if timeout is None:
            timeout = queue.attribute("VisibilityTimeout")
        deadline = time.monotonic() + wait
        while True:
            version = self._version
            found = self._receive(queue, limit, timeout)
            left = deadline - time.monotonic()
            if found or left <= 0 or self._closed:
                return {"Messages": found} if found else {}
            self._wait(queue, version, left)

    def _wait(self, queue: Queue, version: int, seconds: float) -> None:
        """Wait until a message was sent since `version`, one may become visible, or the time is over."""
        now = self._clock()
        due = self._storage.next_visible_at(queue, now)
        until_due = _LONGEST_WAIT if due is None else max(due - now, 0.001)
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._version != version, min(seconds, until_due, _LONGEST_WAIT)
            )

    def _receive(self, queue: Queue, limit: int, timeout: int) -> list[Answer]:
        now = self._clock()
        due = self._storage.next_visible_at(queue, now)
        if due is None or due > now:
            return []  # without a write: most receives find nothing
        receipts = [uuid.uuid4().hex for _ in range(limit)]
        redrive = self._redrive(queue)
        with self._storage.receiving(queue, now) as receiving:
            if redrive is not None:
                receiving.move_exhausted(*redrive)
            messages = receiving.take(receipts, now + timeout)
        return [_received(message, receipt) for message, receipt in zip(messages, receipts, strict=False)]

    def _redrive(self, queue: Queue) -> tuple[Queue, int] | None:
        """Return the dead-letter queue, and the receives after which a message moves to it."""
        if "RedrivePolicy" not in queue.attributes:
            return None
        arn, max_receives = parse.redrive_policy(queue.attributes["RedrivePolicy"])
        return self._existing(arn.rpartition(":")[2]), max_receives

    def _delete_message(self, parameters: Mapping[str, Any]) -> Answer:
        self._queue(parameters)
        self._storage.delete(*_parsed_receipt(parameters))
        return {}

    def _change_message_visibility(self, parameters: Mapping[str, Any]) -> Answer:
        self._queue(parameters)
        number, receipt = _parsed_receipt(parameters)
        timeout = parse.integer(parameters, "VisibilityTimeout", 0, parse.MAX_VISIBILITY_TIMEOUT)
        if timeout is None:
            raise missing("VisibilityTimeout")
        now = self._clock()
        if not self._storage.set_visible_at(number, receipt, now, now + timeout):
            raise SqsError("MessageNotInflight", "The specified message isn't in flight.")
        self._notify()
        return {}

    def _notify(self) -> None:
        with self._changed:
            self._version += 1
            self._changed.notify_all()


def _parsed_receipt(parameters: Mapping[str, Any]) -> tuple[int, str]:
    handle = parse.text(parameters, "ReceiptHandle")
    match = _RECEIPT.fullmatch(handle)
    if match is None:
        raise SqsError("ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not valid.')
    return int(match[1]), match[2]


def _received(message: Message, receipt: str) -> Answer:
    return {
        "MessageId": message.id,
        "ReceiptHandle": f"{message.number}.{receipt}",
        "MD5OfBody": _md5(message.body),
        "Body": message.body,
        "Attributes": {
            "ApproximateReceiveCount": str(message.receives),
            "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
            "SentTimestamp": str(int(message.sent_at * 1000)),
        },
    }


def _md5(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
