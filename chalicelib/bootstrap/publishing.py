"""The services of `core/publishing`, which only the functions of published events build."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from chalicelib.aws.dynamodb.cursors import DynamoCursors
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.endpoints import DynamoEndpoints
from chalicelib.aws.dynamodb.publishing import DynamoLags
from chalicelib.bootstrap.services import PublishingPorts
from chalicelib.bootstrap.shared import Shared
from chalicelib.core.ports.publishing import CursorStore, EndpointStore, LagStore
from chalicelib.core.publishing.attempts import Attempts
from chalicelib.core.publishing.circuits import Circuits
from chalicelib.core.publishing.logs import Logs
from chalicelib.core.publishing.publisher import Publisher
from chalicelib.core.publishing.wake_ups import WakeUps


class PublishingServices(NamedTuple):
    """Publishing events to endpoints. The publisher is built at first use: only its function makes attempts."""

    endpoints: EndpointStore
    cursors: CursorStore
    lags: LagStore
    wake_ups: WakeUps
    build_publisher: Callable[[], Publisher]

    @property
    def publisher(self) -> Publisher:
        """Return the service that publishes conversations."""
        return self.build_publisher()


def publishing_services(shared: Shared, dynamo: Dynamo, table: str, ports: PublishingPorts) -> PublishingServices:
    """Return the services of `core/publishing`. `table` is the name of the conversations table."""
    endpoints, cursors = DynamoEndpoints(dynamo, table), DynamoCursors(dynamo, table)
    lags, runtime = DynamoLags(dynamo, table), shared.runtime
    circuits = Circuits(
        endpoints=endpoints, circuits=endpoints, cursors=cursors, lags=lags, queue=ports.queue, runtime=runtime
    )

    def build_publisher() -> Publisher:
        return Publisher(
            endpoints=endpoints,
            cursors=cursors,
            lags=lags,
            circuits=circuits,
            logs=Logs(event_log=shared.stores.event_log, log=shared.log, log_reader=shared.log_reader),
            attempts=Attempts(
                cursors=cursors,
                lags=lags,
                circuits=circuits,
                sink=ports.create_sink(),
                queue=ports.queue,
                runtime=runtime,
            ),
            queue=ports.queue,
            runtime=runtime,
        )

    return PublishingServices(
        endpoints=endpoints,
        cursors=cursors,
        lags=lags,
        wake_ups=WakeUps(endpoints=endpoints, cursors=cursors, queue=ports.queue, runtime=runtime),
        build_publisher=functools.cache(build_publisher),
    )
