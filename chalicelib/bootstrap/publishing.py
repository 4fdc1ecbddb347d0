"""The services of `core/publishing`, which only the functions of published events build."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.aws.dynamodb.cursors import DynamoCursors
from chalicelib.aws.dynamodb.deployment_log import DynamoDeploymentLog
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.endpoints import DynamoEndpoints
from chalicelib.aws.dynamodb.publishing import DynamoLags, DynamoProgress
from chalicelib.aws.dynamodb.stream import StreamedChanges, read_changes
from chalicelib.bootstrap.services import PublishingPorts
from chalicelib.bootstrap.shared import Shared
from chalicelib.core.ports.publishing import CursorStore, EndpointStore, LagStore, PurgeGate
from chalicelib.core.publishing.attempts import Attempts
from chalicelib.core.publishing.circuits import Circuits
from chalicelib.core.publishing.deployment_log import open_deployment_log
from chalicelib.core.publishing.logs import Logs
from chalicelib.core.publishing.publisher import Publisher
from chalicelib.core.publishing.purge_gate import DeferringPurgeGate
from chalicelib.core.publishing.sweep import Sweep
from chalicelib.core.publishing.wake_ups import WakeUps
from chalicelib.core.publishing.walk import Heartbeat, Walk
from chalicelib.settings import SettingsError


class PublishingServices(NamedTuple):
    """Publishing events to endpoints. The publisher is built at first use: only its function makes attempts."""

    endpoints: EndpointStore
    cursors: CursorStore
    lags: LagStore
    circuits: Circuits
    wake_ups: WakeUps
    walk: Walk
    heartbeat: Heartbeat
    sweep: Sweep
    purge_gate: PurgeGate
    build_publisher: Callable[[], Publisher]

    @property
    def publisher(self) -> Publisher:
        """Return the service that publishes conversations."""
        return self.build_publisher()

    @staticmethod
    def read_changes(event: Mapping[str, Any]) -> StreamedChanges:
        """Return the meaning of the records of the stream in an invocation."""
        return read_changes(event)


def publishing_services(
    shared: Shared, dynamo: Dynamo, table: str, ports: PublishingPorts, stream: str
) -> PublishingServices:
    """Return the services of `core/publishing`. `table` is the name of the conversations table.

    `stream` is another text for each stream.
    """
    endpoints, cursors = DynamoEndpoints(dynamo, table), DynamoCursors(dynamo, table)
    lags, runtime = DynamoLags(dynamo, table), shared.runtime
    circuits = Circuits(
        endpoints=endpoints, circuits=endpoints, cursors=cursors, lags=lags, queue=ports.queue, runtime=runtime
    )

    wake_ups = WakeUps(endpoints=endpoints, cursors=cursors, queue=ports.queue, runtime=runtime)
    progress = DynamoProgress(dynamo, table)
    walk = Walk(
        conversations=shared.stores.conversations,
        event_log=shared.stores.event_log,
        endpoints=endpoints,
        cursors=cursors,
        lags=lags,
        progress=progress,
        wake_ups=wake_ups,
        runtime=runtime,
    )
    heartbeat = Heartbeat(progress=progress, runtime=runtime, stream=stream)

    def build_publisher() -> Publisher:
        if ports.create_sink is None:
            raise SettingsError("nothing carries published events to their endpoints")
        return Publisher(
            endpoints=endpoints,
            cursors=cursors,
            lags=lags,
            circuits=circuits,
            logs=Logs(
                event_log=shared.stores.event_log,
                log=shared.log,
                log_reader=shared.log_reader,
                open_deployment_log=functools.partial(
                    open_deployment_log, DynamoDeploymentLog(dynamo, table), runtime
                ),
            ),
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
        circuits=circuits,
        wake_ups=wake_ups,
        walk=walk,
        heartbeat=heartbeat,
        sweep=Sweep(
            endpoints=endpoints,
            progress=progress,
            circuits=circuits,
            walk=walk,
            heartbeat=heartbeat,
            runtime=runtime,
        ),
        purge_gate=DeferringPurgeGate(
            endpoints=endpoints,
            cursors=cursors,
            lags=lags,
            event_log=shared.stores.event_log,
            runtime=runtime,
        ),
        build_publisher=functools.cache(build_publisher),
    )
