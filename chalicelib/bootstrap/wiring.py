"""Building an application: every object is created here, once, with its dependencies as keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.bootstrap.services import (
    Application,
    ConversationServices,
    MessagingServices,
    PrivacyServices,
    RealtimeServices,
    SessionServices,
    Stores,
)
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.history import History
from chalicelib.core.conversations.invites import Invites
from chalicelib.core.conversations.lifecycle import Lifecycle
from chalicelib.core.conversations.membership import Members
from chalicelib.core.conversations.moderation import Moderation
from chalicelib.core.conversations.roster import Roster
from chalicelib.core.conversations.views import Views
from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.concurrency import Gather, run_parallel
from chalicelib.core.kernel.errors import Unauthorized, Unavailable
from chalicelib.core.kernel.metrics import NullObserver, Observer
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.log.reading import LogReader
from chalicelib.core.messaging.group_commit import GroupCommit
from chalicelib.core.messaging.message_updater import MessageUpdater
from chalicelib.core.messaging.message_updates import MessageUpdates
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.privacy.erasure import Erasure
from chalicelib.core.privacy.export import Export
from chalicelib.core.privacy.jobs import Jobs
from chalicelib.core.privacy.retention import Retention
from chalicelib.core.realtime.fan_out import FanOut
from chalicelib.core.realtime.presence import Presence
from chalicelib.core.realtime.tickets import Tickets
from chalicelib.core.realtime.typing import Typing
from chalicelib.core.sessions.connections import Connections
from chalicelib.core.sessions.dispatcher import Dispatcher
from chalicelib.core.sessions.handlers import Handlers
from chalicelib.core.sessions.subscriptions import Subscriptions
from chalicelib.identity.errors import IdentityError, KeysUnavailable
from chalicelib.identity.jwks import JwksKeys
from chalicelib.identity.model import Identity
from chalicelib.identity.tokens import TokenVerifier
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
    )
    stores = _stores(settings, dynamo_client, runtime)
    verify = token_verifier(settings, runtime.clock)
    shared = _Shared(stores, runtime, poster, queue)
    conversations = _conversations(shared)
    messaging = _messaging(shared)
    return Application(
        settings=settings,
        runtime=runtime,
        stores=stores,
        verify=verify,
        conversations=conversations,
        messaging=messaging,
        realtime=RealtimeServices(
            fan_out=shared.fan_out, tickets=Tickets(tickets=stores.tickets, runtime=runtime)
        ),
        sessions=_sessions(shared, conversations, messaging, verify),
        privacy=_privacy(shared, conversations, settings.retention_days),
    )


def token_verifier(settings: Settings, clock: Clock) -> Callable[[str], Identity]:
    """Return a function that verifies tokens, with errors of the core: Unauthorized and Unavailable."""
    identity = settings.identity
    keys = None if identity.jwks_url is None else JwksKeys(identity.jwks_url, clock=clock.monotonic)

    def read_secret(name: str) -> str:
        from chalicelib.aws import ssm

        return settings.checked_secret(ssm.read_secret(name, settings.region))

    verifier = TokenVerifier(identity, keys=keys, clock=clock.now, read_secret=read_secret)

    def verify(token: str) -> Identity:
        try:
            return verifier.verify(token)
        except KeysUnavailable as error:
            raise Unavailable(retry_after=error.retry_after) from error
        except IdentityError as error:
            raise Unauthorized(str(error)) from error

    return verify


def _stores(settings: Settings, dynamo_client: Any, runtime: Runtime) -> Stores:
    from chalicelib.aws.dynamodb import ephemeral
    from chalicelib.aws.dynamodb.connections import DynamoConnections
    from chalicelib.aws.dynamodb.conversations import DynamoConversations
    from chalicelib.aws.dynamodb.dynamo import Dynamo
    from chalicelib.aws.dynamodb.erasure import DynamoErasures
    from chalicelib.aws.dynamodb.event_log import DynamoEventLog
    from chalicelib.aws.dynamodb.memberships import DynamoMemberships
    from chalicelib.aws.dynamodb.moderation import DynamoModeration
    from chalicelib.aws.dynamodb.retention import DynamoRetention

    dynamo, gather = Dynamo(dynamo_client, runtime.clock), runtime.gather
    conversations_table, connections_table = settings.conversations_table, settings.connections_table
    connections = DynamoConnections(dynamo, connections_table, conversations_table)
    return Stores(
        event_log=DynamoEventLog(dynamo, conversations_table, gather),
        conversations=DynamoConversations(dynamo, conversations_table, gather),
        memberships=DynamoMemberships(dynamo, conversations_table, gather),
        moderation=DynamoModeration(dynamo, conversations_table),
        connections=connections,
        subscriptions=connections,
        tickets=ephemeral.DynamoTickets(dynamo, connections_table),
        typing=ephemeral.DynamoTyping(dynamo, connections_table),
        pending_offline=ephemeral.DynamoPendingOffline(dynamo, connections_table),
        rate_limits=ephemeral.DynamoRateLimits(dynamo, connections_table),
        erasures=DynamoErasures(dynamo, conversations_table),
        participant_data=ephemeral.DynamoParticipantData(dynamo, connections_table, connections),
        retention=DynamoRetention(dynamo, conversations_table),
    )


class _Shared:
    """The services and stores that several groups use."""

    def __init__(self, stores: Stores, runtime: Runtime, poster: ConnectionPoster, queue: JobQueue | None) -> None:
        self.stores = stores
        self.runtime = runtime
        self.queue = queue
        self.log = Log(event_log=stores.event_log, runtime=runtime)
        self.log_reader = LogReader(event_log=stores.event_log, runtime=runtime)
        self.access = Access(
            event_log=stores.event_log, memberships=stores.memberships, log=self.log, runtime=runtime
        )
        self.roster = Roster(
            conversations=stores.conversations,
            event_log=stores.event_log,
            memberships=stores.memberships,
            subscriptions=stores.subscriptions,
            runtime=runtime,
        )
        self.presence = Presence(
            event_log=stores.event_log,
            memberships=stores.memberships,
            connections=stores.connections,
            subscriptions=stores.subscriptions,
            pending_offline=stores.pending_offline,
            queue=queue,
            runtime=runtime,
        )
        self.fan_out = FanOut(
            connections=stores.connections,
            subscriptions=stores.subscriptions,
            presence=self.presence,
            poster=poster,
            runtime=runtime,
        )


def _conversations(shared: _Shared) -> ConversationServices:
    stores, runtime, access, log = shared.stores, shared.runtime, shared.access, shared.log
    views = Views(
        conversations=stores.conversations,
        event_log=stores.event_log,
        memberships=stores.memberships,
        access=access,
        log_reader=shared.log_reader,
        presence=shared.presence,
        runtime=runtime,
    )
    return ConversationServices(
        lifecycle=Lifecycle(
            conversations=stores.conversations,
            event_log=stores.event_log,
            subscriptions=stores.subscriptions,
            access=access,
            views=views,
            log=log,
            runtime=runtime,
        ),
        views=views,
        members=Members(
            conversations=stores.conversations,
            memberships=stores.memberships,
            moderation=stores.moderation,
            access=access,
            roster=shared.roster,
            views=views,
            log=log,
        ),
        moderation=Moderation(
            memberships=stores.memberships,
            moderation=stores.moderation,
            access=access,
            roster=shared.roster,
            log=log,
            presence=shared.presence,
            runtime=runtime,
        ),
        invites=Invites(moderation=stores.moderation, access=access, runtime=runtime),
        history=History(
            event_log=stores.event_log,
            memberships=stores.memberships,
            access=access,
            log_reader=shared.log_reader,
        ),
    )


def _messaging(shared: _Shared) -> MessagingServices:
    stores, runtime, log = shared.stores, shared.runtime, shared.log
    return MessagingServices(
        sender=Sender(
            event_log=stores.event_log,
            memberships=stores.memberships,
            rate_limits=stores.rate_limits,
            log=log,
            group_commit=GroupCommit(event_log=stores.event_log, log=log, runtime=runtime),
            runtime=runtime,
        ),
        updates=MessageUpdates(
            event_log=stores.event_log,
            memberships=stores.memberships,
            updater=MessageUpdater(
                event_log=stores.event_log,
                memberships=stores.memberships,
                rate_limits=stores.rate_limits,
                access=shared.access,
                log=log,
                runtime=runtime,
            ),
            limits=runtime.limits,
        ),
    )


def _sessions(
    shared: _Shared,
    conversations: ConversationServices,
    messaging: MessagingServices,
    verify: Callable[[str], Identity],
) -> SessionServices:
    stores, runtime = shared.stores, shared.runtime
    connections = Connections(
        connections=stores.connections,
        subscriptions=stores.subscriptions,
        memberships=stores.memberships,
        presence=shared.presence,
        verify=verify,
        runtime=runtime,
    )
    subscriptions = Subscriptions(
        subscriptions=stores.subscriptions,
        connections=connections,
        access=shared.access,
        views=conversations.views,
        log=shared.log,
        log_reader=shared.log_reader,
        presence=shared.presence,
        runtime=runtime,
    )
    handlers = Handlers(
        connections=connections,
        subscriptions=subscriptions,
        access=shared.access,
        views=conversations.views,
        history=conversations.history,
        sender=messaging.sender,
        message_updates=messaging.updates,
        typing=Typing(typing=stores.typing, runtime=runtime),
        runtime=runtime,
    )
    dispatcher = Dispatcher(
        connection_store=stores.connections,
        event_log=stores.event_log,
        connections=connections,
        handlers=handlers,
        runtime=runtime,
    )
    return SessionServices(connections=connections, dispatcher=dispatcher)


def _privacy(shared: _Shared, conversations: ConversationServices, retention_days: int) -> PrivacyServices:
    stores, runtime = shared.stores, shared.runtime
    erasure = Erasure(
        erasures=stores.erasures,
        conversations=stores.conversations,
        event_log=stores.event_log,
        memberships=stores.memberships,
        moderation=stores.moderation,
        connections=stores.connections,
        participant_data=stores.participant_data,
        roster=shared.roster,
        log=shared.log,
        fan_out=shared.fan_out,
        runtime=runtime,
    )
    retention = Retention(
        retention=stores.retention,
        conversations=stores.conversations,
        event_log=stores.event_log,
        log=shared.log,
        log_reader=shared.log_reader,
        runtime=runtime,
        default_days=retention_days,
    )
    jobs = Jobs(
        erasures=stores.erasures,
        erasure=erasure,
        retention=retention,
        lifecycle=conversations.lifecycle,
        fan_out=shared.fan_out,
        presence=shared.presence,
        queue=shared.queue,
        runtime=runtime,
    )
    export = Export(
        erasures=stores.erasures,
        conversations=stores.conversations,
        event_log=stores.event_log,
        memberships=stores.memberships,
    )
    return PrivacyServices(erasure=erasure, export=export, jobs=jobs)
