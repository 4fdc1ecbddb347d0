"""Building an application: its stores, its runtime, and its groups of services."""

from __future__ import annotations

from typing import Any

from chalicelib.bootstrap import groups
from chalicelib.bootstrap.privacy import privacy_services
from chalicelib.bootstrap.services import Application, RealtimeServices, Stores
from chalicelib.bootstrap.shared import Shared
from chalicelib.bootstrap.verification import token_verifier
from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.concurrency import Gather, run_parallel
from chalicelib.core.kernel.metrics import NullObserver, Observer
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.realtime.tickets import Tickets
from chalicelib.observability import context
from chalicelib.settings import Settings


def build(
    settings: Settings,
    *,
    dynamo_client: Any,
    poster: ConnectionPoster,
    queue: JobQueue | None = None,
    clock: Clock | None = None,
    gather: Gather = run_parallel,
    observer: Observer | None = None,
) -> Application:
    """Build an application on a DynamoDB client, a poster, and a queue for background jobs.

    Without a queue, the sweep does all background work.
    """
    runtime = Runtime(
        clock=clock or SystemClock(),
        gather=context.propagating_context(gather),
        observer=NullObserver() if observer is None else observer,
        limits=settings.limits,
        timing=settings.timing,
        history_id=settings.history_id,
        token_leeway=settings.identity.leeway,
        token_lifetime=settings.identity.max_lifetime + settings.identity.leeway,
    )
    stores = _stores(settings, dynamo_client, runtime)
    verify = token_verifier(settings, runtime.clock)
    shared = Shared(stores, runtime, poster, queue)
    conversations = groups.conversation_services(shared)
    messaging = groups.messaging_services(shared, conversations)
    return Application(
        settings=settings,
        runtime=runtime,
        stores=stores,
        conversations=conversations,
        messaging=messaging,
        realtime=RealtimeServices(
            fan_out=shared.fan_out, tickets=Tickets(tickets=stores.tickets, runtime=runtime)
        ),
        sessions=groups.session_services(shared, conversations, messaging, verify),
        privacy=privacy_services(shared, conversations, settings.retention_days),
    )


def _stores(settings: Settings, dynamo_client: Any, runtime: Runtime) -> Stores:
    from chalicelib.aws.dynamodb import ephemeral
    from chalicelib.aws.dynamodb.connections import DynamoConnections
    from chalicelib.aws.dynamodb.conversations import DynamoConversations
    from chalicelib.aws.dynamodb.dynamo import Dynamo
    from chalicelib.aws.dynamodb.erasure import DynamoErasures
    from chalicelib.aws.dynamodb.event_log import DynamoEventLog
    from chalicelib.aws.dynamodb.memberships import DynamoMemberships
    from chalicelib.aws.dynamodb.moderation import DynamoModeration
    from chalicelib.aws.dynamodb.rate_limits import DynamoRateLimits
    from chalicelib.aws.dynamodb.retention import DynamoRetention
    from chalicelib.aws.dynamodb.revocations import DynamoRevocations
    from chalicelib.aws.dynamodb.subscriptions import DynamoSubscriptions

    dynamo, gather = Dynamo(dynamo_client, runtime.clock), runtime.gather
    conversations_table, connections_table = settings.conversations_table, settings.connections_table
    subscriptions = DynamoSubscriptions(dynamo, connections_table, conversations_table)
    connections = DynamoConnections(dynamo, connections_table, subscriptions)
    return Stores(
        event_log=DynamoEventLog(dynamo, conversations_table, gather),
        conversations=DynamoConversations(dynamo, conversations_table, gather),
        memberships=DynamoMemberships(dynamo, conversations_table, gather),
        moderation=DynamoModeration(dynamo, conversations_table),
        connections=connections,
        subscriptions=subscriptions,
        tickets=ephemeral.DynamoTickets(dynamo, connections_table),
        typing=ephemeral.DynamoTyping(dynamo, connections_table),
        pending_offline=ephemeral.DynamoPendingOffline(dynamo, connections_table),
        rate_limits=DynamoRateLimits(dynamo, connections_table),
        erasures=DynamoErasures(dynamo, conversations_table),
        participant_data=ephemeral.DynamoParticipantData(dynamo, connections_table, connections),
        revocations=DynamoRevocations(dynamo, connections_table),
        retention=DynamoRetention(dynamo, conversations_table),
    )
