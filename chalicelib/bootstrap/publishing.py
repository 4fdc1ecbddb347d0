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
from chalicelib.core.publishing.configured import ConfiguredEndpoints, parse_endpoints
from chalicelib.core.publishing.deployment_log import open_deployment_log
from chalicelib.core.publishing.logs import Logs
from chalicelib.core.publishing.notify import Notify
from chalicelib.core.publishing.publisher import Publisher
from chalicelib.core.publishing.purge_gate import DeferringPurgeGate
from chalicelib.core.publishing.registry import Registry
from chalicelib.core.publishing.sweep import Sweep
from chalicelib.core.publishing.wake_ups import WakeUps
from chalicelib.core.publishing.walk import Heartbeat, Walk
from chalicelib.settings import Settings, SettingsError


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
    build_registry: Callable[[], Registry]

    @property
    def publisher(self) -> Publisher:
        """Return the service that publishes conversations."""
        return self.build_publisher()

    @property
    def registry(self) -> Registry:
        """Return the endpoints, as services manage them."""
        return self.build_registry()

    @staticmethod
    def read_changes(event: Mapping[str, Any]) -> StreamedChanges:
        """Return the meaning of the records of the stream in an invocation."""
        return read_changes(event)


def publishing_services(
    shared: Shared, dynamo: Dynamo, settings: Settings, ports: PublishingPorts
) -> PublishingServices:
    """Return the services of `core/publishing`. Raises SettingsError."""
    try:
        configured = parse_endpoints(settings.endpoints, local=settings.webhooks_local)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    table = settings.conversations_table
    stored, cursors = DynamoEndpoints(dynamo, table), DynamoCursors(dynamo, table)
    lags, runtime = DynamoLags(dynamo, table), shared.runtime
    endpoints = ConfiguredEndpoints(stored, configured, runtime.clock)
    circuits = Circuits(
        endpoints=endpoints, circuits=stored, cursors=cursors, lags=lags, queue=ports.queue, runtime=runtime
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
        queue=ports.queue,
        runtime=runtime,
    )
    # The queue is created and deleted together with the stream, and its name is generated (`infra/template`).
    heartbeat = Heartbeat(progress=progress, runtime=runtime, stream=settings.delivery_queue or "")
    create_sink = functools.cache(ports.create_sink)

    def build_publisher() -> Publisher:
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
                sink=create_sink(),
                queue=ports.queue,
                runtime=runtime,
            ),
            notify=Notify(
                memberships=shared.stores.memberships,
                subscriptions=shared.stores.subscriptions,
                connections=shared.stores.connections,
                revocations=shared.stores.revocations,
                runtime=runtime,
            ),
            queue=ports.queue,
            runtime=runtime,
        )

    def build_registry() -> Registry:
        return Registry(
            endpoints=endpoints,
            circuits=stored,
            cursors=cursors,
            lags=lags,
            queue=ports.queue,
            sink=create_sink(),
            runtime=runtime,
            allows_local=settings.webhooks_local,
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
        build_registry=functools.cache(build_registry),
    )
