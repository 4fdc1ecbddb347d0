"""Building an application: its stores, its runtime, and its groups of services."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from chalicelib.bootstrap import groups
from chalicelib.bootstrap.services import Application, ConsentStores, PublishingPorts, RealtimeServices, Stores
from chalicelib.bootstrap.shared import Shared
from chalicelib.bootstrap.verification import token_verifier
from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.concurrency import Gather, run_parallel
from chalicelib.core.kernel.metrics import NullObserver, Observer
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.messaging.queue_wait import LAMBDA, WaitStrategy
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.realtime.tickets import Tickets
from chalicelib.observability import context
from chalicelib.settings import Settings, SettingsError

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.dynamo import Dynamo, Entries, Operation
    from chalicelib.bootstrap.backend import BackendServices
    from chalicelib.bootstrap.privacy import PrivacyServices
    from chalicelib.bootstrap.publishing import PublishingServices
    from chalicelib.bootstrap.services import ConversationServices
    from chalicelib.core.hooks.screening import Screening
    from chalicelib.core.ports.hooks import Hook
    from chalicelib.core.ports.profiles import ProfileStore
    from chalicelib.core.ports.reports import ReportStore
    from chalicelib.core.ports.revocations import RevocationStore


def build(
    settings: Settings,
    *,
    dynamo_client: Any,
    poster: ConnectionPoster,
    queue: JobQueue | None = None,
    hook: Hook | None = None,
    publishing: PublishingPorts | None = None,
    clock: Clock | None = None,
    gather: Gather = run_parallel,
    observer: Observer | None = None,
    wait_strategy: WaitStrategy = LAMBDA,
) -> Application:
    """Build an application on a DynamoDB client, a poster, and a queue for background jobs.

    Without a queue, the sweep does all background work. The hook is asked about the actions of participants.
    `publishing` is needed to publish events.
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
    entries = _deployment_entries(settings, dynamo)
    stores = _stores(settings, dynamo, runtime, entries)
    verify = token_verifier(settings, runtime.clock)
    screening = None if hook is None else _screening(settings, hook, runtime)
    build_publishing = functools.cache(lambda: _publishing(settings, dynamo, shared, publishing))
    is_publishing = settings.events and publishing is not None
    build_purge_gate = (lambda: build_publishing().purge_gate) if is_publishing else None
    shared = Shared(stores, runtime, poster, queue, screening, build_purge_gate, wait_strategy)
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
        build_privacy=functools.cache(lambda: _privacy(settings, dynamo, shared, conversations, entries)),
        build_backend=functools.cache(lambda: _backend(settings, dynamo, shared, entries)),
        build_publishing=build_publishing,
    )


def _screening(settings: Settings, hook: Hook, runtime: Runtime) -> Screening:
    from chalicelib.core.hooks.screening import Screening

    return Screening(hook, allows_on_failure=settings.allows_on_hook_failure, runtime=runtime)


def _deployment_entries(settings: Settings, dynamo: Dynamo) -> Entries:
    """Return the function that queues entries of the deployment log; without published events, it queues none."""
    from chalicelib.aws.dynamodb.dynamo import no_entries

    if not settings.events:
        return no_entries

    def entries(event_type: str, **fields: str | int) -> list[Operation]:
        from chalicelib.aws.dynamodb.deployment_log import queue_op
        from chalicelib.aws.dynamodb.table import Table

        return [queue_op(dynamo, Table(dynamo, settings.conversations_table), event_type, fields)]

    return entries


def _publishing(
    settings: Settings, dynamo: Dynamo, shared: Shared, ports: PublishingPorts | None
) -> PublishingServices:
    from chalicelib.bootstrap.publishing import publishing_services

    if not settings.events or ports is None:
        raise SettingsError("CHAT_EVENTS must be on, and CHAT_DELIVERY_QUEUE set, to publish events")
    return publishing_services(shared, dynamo, settings, ports)


def _backend(settings: Settings, dynamo: Dynamo, shared: Shared, entries: Entries) -> BackendServices:
    from chalicelib.aws.dynamodb.suspensions import DynamoSuspensions
    from chalicelib.bootstrap.backend import backend_services

    suspensions = DynamoSuspensions(dynamo, settings.connections_table, settings.conversations_table, entries)
    return backend_services(shared, suspensions)


def _privacy(
    settings: Settings, dynamo: Dynamo, shared: Shared, conversations: ConversationServices, entries: Entries
) -> PrivacyServices:
    from chalicelib.aws.dynamodb.erasure import DynamoErasures
    from chalicelib.aws.dynamodb.participant_data import DynamoParticipantData
    from chalicelib.aws.dynamodb.retention import DynamoRetention
    from chalicelib.bootstrap.privacy import PrivacyStores, privacy_services

    stores = PrivacyStores(
        erasures=DynamoErasures(dynamo, settings.conversations_table, entries),
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


def _reports(dynamo: Dynamo, table: str, gather: Gather, entries: Entries) -> ReportStore:
    from chalicelib.aws.dynamodb.reports import DynamoReports

    return DynamoReports(dynamo, table, gather, entries)


def _profiles(dynamo: Dynamo, table: str, entries: Entries) -> ProfileStore:
    from chalicelib.aws.dynamodb.profiles import DynamoProfiles

    return DynamoProfiles(dynamo, table, entries)


def _stores(settings: Settings, dynamo: Dynamo, runtime: Runtime, entries: Entries) -> Stores:
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
        conversations=DynamoConversations(dynamo, conversations_table, gather, entries),
        memberships=DynamoMemberships(dynamo, conversations_table, gather),
        moderation=DynamoModeration(dynamo, conversations_table, gather),
        connections=connections,
        subscriptions=subscriptions,
        feeds=feeds,
        tickets=ephemeral.DynamoTickets(dynamo, connections_table),
        typing=ephemeral.DynamoTyping(dynamo, connections_table),
        pending_offline=ephemeral.DynamoPendingOffline(dynamo, connections_table),
        rate_limits=DynamoRateLimits(dynamo, connections_table),
        revocations=revocations,
        build_consent=functools.cache(lambda: _consent_stores(dynamo, conversations_table, revocations, gather)),
        build_reports=functools.cache(lambda: _reports(dynamo, conversations_table, gather, entries)),
        build_profiles=functools.cache(lambda: _profiles(dynamo, conversations_table, entries)),
    )
