"""The app in this process: its clock, and clients that call the embedded DynamoDB and SQS without HTTP."""

from __future__ import annotations

from chalicelib.aws import clients
from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.aws.lambda_hook import LambdaHook
from chalicelib.aws.sqs import SqsDeliveryQueue, SqsJobQueue
from chalicelib.awshttp import ServiceError
from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.metrics import Observer
from chalicelib.core.messaging.queue_wait import Pace, WaitStrategy
from local.dynamodb.client import EngineClient
from local.dynamodb.engine import Engine
from local.gateway import workers
from local.sqs.client import QueueService
from local.sqs.queues import Queues
from local.waiters import Waiters

PACE = Pace(lease_ms=15, message_ms=2.3, burst_ms=0, lease_messages=10)
"""The embedded engine has no limit for the writes of a partition. A leader follows the one before it when this
machine has acknowledged and pushed the messages of that one: an earlier one finds few messages, and so makes small
commits, each of which is pushed to all. Large commits are those of large conversations, where each message is
pushed to more members, so the first ten messages take less time than the others."""


class FunctionClock(SystemClock):
    """The clock of functions in the gateway's workers, which serve other invocations while one sleeps."""

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        workers.sleep(seconds)


def in_process_wait_strategy() -> WaitStrategy:
    """Return the strategy by which senders that share this process wait in queues of the embedded engine."""
    return WaitStrategy(PACE, Waiters(workers.sleep, workers.after_job))


class InProcessClients:
    """See the module; it implements `chalicelib.bootstrap.ServiceClients`."""

    def __init__(self, engine: Engine, queues: Queues) -> None:
        self._engine = engine
        self._queues = queues

    def dynamodb(self, region: str, clock: Clock) -> EngineClient:
        """Return a client of the engine."""
        del region, clock
        return EngineClient(self._engine, ServiceError)

    def poster(self, endpoint: str, region: str, clock: Clock, observer: Observer) -> ApiGatewayPoster:
        """Return the product's poster: posts to connections always use HTTP."""
        return clients.poster(endpoint, region, clock, observer)

    def job_queue(self, url: str, region: str, clock: Clock) -> SqsJobQueue:
        """Return the product's job queue on the embedded queues."""
        del region, clock
        return SqsJobQueue(lambda: QueueService(self._queues), url)

    def hook(self, name: str, region: str, clock: Clock, timeout: float) -> LambdaHook:
        """Return the product's hook: the functions of a run are called by HTTP (`hooks.py`)."""
        return clients.hook(name, region, clock, timeout)

    def delivery_queue(self, url: str, region: str, clock: Clock) -> SqsDeliveryQueue:
        """Return the product's queue of attempts on the embedded queues."""
        del region, clock
        return SqsDeliveryQueue(lambda: QueueService(self._queues), url)
