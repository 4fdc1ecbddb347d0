"""Processes that publish: each has its own store client and clock, and all share an endpoint and a queue."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.publishing import DynamoProgress
from chalicelib.aws.dynamodb.values import marshal_key
from chalicelib.aws.dynamodb.work_keys import creation_key
from chalicelib.bootstrap import Application, build
from chalicelib.bootstrap.publishing import PublishingServices
from chalicelib.bootstrap.services import PublishingPorts
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.model.publishing import Endpoint
from local.faults.client import DynamoClient
from tests.invariants.harness import QUANTUM
from tests.invariants.tables import Tables
from tests.support.fakes import START_TIME, FakeClock, FakePoster
from tests.support.publishing import FakeDeliveryQueue, FakeSink
from tests.support.sequential import run_sequential


class Deployment:
    """Tables with one endpoint, which receives everything."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._numbers = itertools.count(1)
        self.sink, self.queue = FakeSink(), FakeDeliveryQueue()
        self.history_id = tables.settings.history_id
        self.endpoint_id = "none"
        self.renew()

    def renew(self, *, notify: bool = False) -> None:
        """Replace the endpoint by a new one, without failures and with all slots free."""
        endpoints = self.process().endpoints
        endpoints.delete(self.endpoint_id)
        self.endpoint_id = f"end_{next(self._numbers)}"
        url = "https://x.example/"
        assert endpoints.save(Endpoint(self.endpoint_id, "webhook", url, 1, "beginning", notify=notify))

    def app(self, client: DynamoClient | None = None, *, skew: float = 0.0) -> Application:
        """Return one invocation of a function."""
        return build(
            replace(self.tables.settings, events=True, history_id=self.history_id),
            dynamo_client=client or self.tables.engine,
            poster=FakePoster(),
            publishing=PublishingPorts(self.queue, lambda: self.sink),
            clock=FakeClock(START_TIME + 10.0 + skew, quantum=QUANTUM),
            gather=run_sequential,
        )

    def process(self, client: DynamoClient | None = None, *, skew: float = 0.0) -> PublishingServices:
        """Return the services of one invocation."""
        return self.app(client, skew=skew).publishing

    def index(self, conversation_id: str) -> None:
        """Put a conversation into the index by creation, which a copy of a conversation is not in."""
        key = marshal_key(*creation_key(conversation_id))
        self.tables.engine.put_item(TableName=self.tables.conversations_table, Item=key)

    @property
    def progress(self) -> DynamoProgress:
        """The progress of the walk."""
        clock = FakeClock()
        return DynamoProgress(Dynamo(self.tables.engine, clock), self.tables.conversations_table)

    def restore(self) -> None:
        """Begin a newer history of the same data."""
        self.history_id = HistoryId(self.history_id.number + 1, "restored")

    def drain(self, conversation_ids: Iterable[str], *, skew: float = 100.0) -> None:
        """Run the jobs in the queue, and those that they queue; then a walk must find nothing that is left."""
        for _ in range(20):
            if not self.queue.sent:
                break
            jobs, self.queue.sent = self.queue.sent, []
            for endpoint_id, conversation_id, delay in jobs:
                skew += delay
                self.process(skew=skew).publisher.run(endpoint_id, conversation_id, 30.0)
        for conversation_id in conversation_ids:
            for cursor in self.process().cursors.cursors(conversation_id):
                assert (cursor.lease, cursor.in_flight) == (None, None)

    def walk(self, *, skew: float = 1000.0) -> None:
        """Compare all conversations, and run the jobs that follow."""
        assert self.process(skew=skew).walk.run("") == ""
        self.drain([], skew=skew)
