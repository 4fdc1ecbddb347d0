"""Building an application: its stores, its runtime, and its groups of services."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from chalicelib.bootstrap import groups
from chalicelib.bootstrap.services import Application, ConsentStores, RealtimeServices, Stores
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

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.dynamo import Dynamo
    from chalicelib.bootstrap.backend import BackendServices
    from chalicelib.bootstrap.privacy import PrivacyServices
    from chalicelib.bootstrap.services import ConversationServices
    from chalicelib.core.ports.profiles import ProfileStore
    from chalicelib.core.ports.reports import ReportStore
    from chalicelib.core.ports.revocations import RevocationStore


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
    from chalicelib.aws.dynamodb.dynamo import Dynamo

    runtime = Runtime(
        clock=clock or SystemClock(),
        gather=context.propagating_context(gather),
        observer=NullObserver() if observer is None else observer,
        limits=settings.limits,
        timing=settings.timing,
        history_id=settings.history_id,
        requires_consent=settings.requires_consent,
        profiles_by_services=settings.profiles_by_services,
        token_leeway=settings.identity.leeway,
        token_lifetime=settings.identity.max_lifetime + settings.identity.leeway,
    )
    dynamo = Dynamo(dynamo_client, runtime.clock)
    stores = _stores(settings, dynamo, runtime)
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
        build_privacy=functools.cache(lambda: _privacy(settings, dynamo, shared, conversations)),
        build_backend=functools.cache(lambda: _backend(settings, dynamo, shared)),
    )


def _backend(settings: Settings, dynamo: Dynamo, shared: Shared) -> BackendServices:
    from chalicelib.aws.dynamodb.suspensions import DynamoSuspensions
    from chalicelib.bootstrap.backend import backend_services

    suspensions = DynamoSuspensions(dynamo, settings.connections_table, settings.conversations_table)
    return backend_services(shared, suspensions)


def _privacy(
    settings: Settings, dynamo: Dynamo, shared: Shared, conversations: ConversationServices
) -> PrivacyServices:
    from chalicelib.aws.dynamodb.erasure import DynamoErasures
    from chalicelib.aws.dynamodb.participant_data import DynamoParticipantData
    from chalicelib.aws.dynamodb.retention import DynamoRetention
    from chalicelib.bootstrap.privacy import PrivacyStores, privacy_services

    stores = PrivacyStores(
        erasures=DynamoErasures(dynamo, settings.conversations_table),
        participant_data=DynamoParticipantData(dynamo, settings.connections_table, shared.stores.connections),
        retention=DynamoRetention(dynamo, settings.conversations_table),
    )
    return privacy_services(shared, stores, conversations, settings.retention_days)


def _consent_stores(dynamo: Dynamo, table: str, revocations: RevocationStore, gather: Gather) -> ConsentStores:
    from chalicelib.aws.dynamodb.blocks import DynamoBlocks
    from chalicelib.aws.dynamodb.directs import DynamoDirects
    from chalicelib.aws.dynamodb.pending import DynamoPending

    return ConsentStores(
        DynamoBlocks(dynamo, table),
        DynamoPending(dynamo, table, revocations, gather),
        DynamoDirects(dynamo, table),
    )


def _reports(dynamo: Dynamo, table: str, gather: Gather) -> ReportStore:
    from chalicelib.aws.dynamodb.reports import DynamoReports

    return DynamoReports(dynamo, table, gather)


def _profiles(dynamo: Dynamo, table: str) -> ProfileStore:
    from chalicelib.aws.dynamodb.profiles import DynamoProfiles

    return DynamoProfiles(dynamo, table)


def _stores(settings: Settings, dynamo: Dynamo, runtime: Runtime) -> Stores:
    from chalicelib.aws.dynamodb import ephemeral
    from chalicelib.aws.dynamodb.connections import DynamoConnections
    from chalicelib.aws.dynamodb.conversations import DynamoConversations
    from chalicelib.aws.dynamodb.event_log import DynamoEventLog
    from chalicelib.aws.dynamodb.feeds import DynamoFeeds
    from chalicelib.aws.dynamodb.memberships import DynamoMemberships
    from chalicelib.aws.dynamodb.moderation import DynamoModeration
    from chalicelib.aws.dynamodb.rate_limits import DynamoRateLimits
    from chalicelib.aws.dynamodb.revocations import DynamoRevocations
    from chalicelib.aws.dynamodb.subscriptions import DynamoSubscriptions

    gather = runtime.gather
    conversations_table, connections_table = settings.conversations_table, settings.connections_table
    subscriptions = DynamoSubscriptions(dynamo, connections_table, conversations_table)
    feeds = DynamoFeeds(dynamo, connections_table, gather, runtime.limits.connections)
    connections = DynamoConnections(dynamo, connections_table, subscriptions, feeds)
    revocations = DynamoRevocations(dynamo, connections_table)
    return Stores(
        event_log=DynamoEventLog(dynamo, conversations_table, gather),
        conversations=DynamoConversations(dynamo, conversations_table, gather),
        memberships=DynamoMemberships(dynamo, conversations_table, gather),
        moderation=DynamoModeration(dynamo, conversations_table),
        connections=connections,
        subscriptions=subscriptions,
        feeds=feeds,
        tickets=ephemeral.DynamoTickets(dynamo, connections_table),
        typing=ephemeral.DynamoTyping(dynamo, connections_table),
        pending_offline=ephemeral.DynamoPendingOffline(dynamo, connections_table),
        rate_limits=DynamoRateLimits(dynamo, connections_table),
        revocations=revocations,
        build_consent=functools.cache(lambda: _consent_stores(dynamo, conversations_table, revocations, gather)),
        build_reports=functools.cache(lambda: _reports(dynamo, conversations_table, gather)),
        build_profiles=functools.cache(lambda: _profiles(dynamo, conversations_table)),
    )
