"""The groups of services that serve conversations: each class of the core, with its dependencies as keywords."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.bootstrap.services import ConversationServices, MessagingServices, SessionServices
from chalicelib.bootstrap.shared import Shared
from chalicelib.core.conversations.history import History
from chalicelib.core.conversations.own_reactions import OwnReactions
from chalicelib.core.conversations.views import Views
from chalicelib.core.messaging.batches import Batches
from chalicelib.core.messaging.budget import Budget
from chalicelib.core.messaging.group_commit import GroupCommit
from chalicelib.core.messaging.message_updater import MessageUpdater
from chalicelib.core.messaging.message_updates import MessageUpdates
from chalicelib.core.messaging.rate_limiter import PrepaidRateLimits
from chalicelib.core.messaging.reactions import Reactions
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.ports.rate_limits import RateLimitStore
from chalicelib.core.realtime.typing import Typing
from chalicelib.core.sessions.connection_handlers import ConnectionHandlers
from chalicelib.core.sessions.connections import Connections
from chalicelib.core.sessions.dispatcher import Dispatcher, handlers_by_command
from chalicelib.core.sessions.message_handlers import MessageHandlers
from chalicelib.core.sessions.subscriptions import Subscriptions
from chalicelib.identity.model import Identity

if TYPE_CHECKING:
    from chalicelib.bootstrap.changes import ChangeServices
    from chalicelib.core.messaging.screening import MessageScreening


def conversation_services(shared: Shared) -> ConversationServices:
    """Return the services of `core/conversations`."""
    stores, runtime, access = shared.stores, shared.runtime, shared.access
    own_reactions = OwnReactions(event_log=stores.event_log)
    views = Views(
        conversations=stores.conversations,
        event_log=stores.event_log,
        memberships=stores.memberships,
        access=access,
        log_reader=shared.log_reader,
        presence=shared.presence,
        own_reactions=own_reactions,
        charge=shared.charge,
        runtime=runtime,
    )
    return ConversationServices(
        views=views,
        history=History(
            event_log=stores.event_log,
            memberships=stores.memberships,
            access=access,
            log_reader=shared.log_reader,
            own_reactions=own_reactions,
            positions=shared.positions,
        ),
        build_changes=functools.cache(lambda: _changes(shared, views)),
    )


def _changes(shared: Shared, views: Views) -> ChangeServices:
    from chalicelib.bootstrap.changes import change_services

    return change_services(shared, views)


def messaging_services(shared: Shared, conversations: ConversationServices) -> MessagingServices:
    """Return the services of `core/messaging`."""
    stores = shared.stores
    prepaid = PrepaidRateLimits()
    screening = _message_screening(shared)
    return MessagingServices(
        sender=_sender(shared, stores.rate_limits, screening),
        updates=_message_updates(shared, stores.rate_limits, screening),
        reactions=_reactions(shared, stores.rate_limits),
        batches=Batches(
            sender=_sender(shared, prepaid),
            message_updates=_message_updates(shared, prepaid),
            reactions=_reactions(shared, prepaid),
            history=conversations.history,
            rate_limits=stores.rate_limits,
            charge=shared.charge,
            runtime=shared.runtime,
            screening=screening,
        ),
    )


def _message_screening(shared: Shared) -> MessageScreening | None:
    if shared.screening is None:
        return None
    from chalicelib.core.messaging.screening import MessageScreening

    return MessageScreening(
        screening=shared.screening,
        event_log=shared.stores.event_log,
        memberships=shared.stores.memberships,
        runtime=shared.runtime,
    )


def _sender(shared: Shared, rate_limits: RateLimitStore, screening: MessageScreening | None = None) -> Sender:
    stores, runtime, log = shared.stores, shared.runtime, shared.log
    return Sender(
        event_log=stores.event_log,
        memberships=stores.memberships,
        rate_limits=rate_limits,
        log=log,
        group_commit=GroupCommit(
            event_log=stores.event_log, log=log, runtime=runtime, wait_strategy=shared.wait_strategy
        ),
        runtime=runtime,
        screening=screening,
    )


def _message_updates(
    shared: Shared, rate_limits: RateLimitStore, screening: MessageScreening | None = None
) -> MessageUpdates:
    stores = shared.stores
    return MessageUpdates(
        event_log=stores.event_log,
        memberships=stores.memberships,
        updater=_updater(shared, rate_limits),
        limits=shared.runtime.limits,
        screening=screening,
    )


def _reactions(shared: Shared, rate_limits: RateLimitStore) -> Reactions:
    event_log, limits = shared.stores.event_log, shared.runtime.limits
    return Reactions(event_log=event_log, updater=_updater(shared, rate_limits), limits=limits)


def _updater(shared: Shared, rate_limits: RateLimitStore) -> MessageUpdater:
    return MessageUpdater(
        event_log=shared.stores.event_log,
        memberships=shared.stores.memberships,
        rate_limits=rate_limits,
        access=shared.access,
        log=shared.log,
        runtime=shared.runtime,
    )


def session_services(
    shared: Shared,
    conversations: ConversationServices,
    messaging: MessagingServices,
    verify: Callable[[str], Identity],
) -> SessionServices:
    """Return the services of `core/sessions`."""
    stores, runtime = shared.stores, shared.runtime
    connections = Connections(
        connections=stores.connections,
        subscriptions=stores.subscriptions,
        feeds=stores.feeds,
        memberships=stores.memberships,
        presence=shared.presence,
        revocations=stores.revocations,
        verify=verify,
        budget=shared.budget,
        runtime=runtime,
    )
    subscriptions = Subscriptions(
        subscriptions=stores.subscriptions,
        connections=connections,
        memberships=stores.memberships,
        access=shared.access,
        views=conversations.views,
        log=shared.log,
        log_reader=shared.log_reader,
        positions=shared.positions,
        presence=shared.presence,
        runtime=runtime,
    )
    connection_handlers = ConnectionHandlers(
        connections=connections, subscriptions=subscriptions, views=conversations.views, runtime=runtime
    )
    message_handlers = MessageHandlers(
        access=shared.access,
        history=conversations.history,
        sender=messaging.sender,
        message_updates=messaging.updates,
        reactions=messaging.reactions,
        batches=messaging.batches,
        typing=Typing(typing=stores.typing, runtime=runtime),
        runtime=runtime,
    )
    dispatcher = Dispatcher(
        connection_store=stores.connections,
        event_log=stores.event_log,
        connections=connections,
        frame_limit=Budget(
            "frames",
            runtime.limits.frames_per_second,
            runtime.limits.frame_burst,
            rate_limits=stores.rate_limits,
            runtime=runtime,
        ),
        budget=shared.budget,
        handlers=handlers_by_command(connection_handlers, message_handlers),
        positions=shared.positions,
        runtime=runtime,
    )
    return SessionServices(
        connections=connections,
        dispatcher=dispatcher,
        budget=shared.budget,
        service_budget=shared.service_budget,
    )
