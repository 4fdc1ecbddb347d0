"""How the parts are put together: the one place that knows them all. Nothing happens before `build`."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations.conversations import Conversations
from chalicelib.core.conversations.history import History
from chalicelib.core.conversations.invites import Invites
from chalicelib.core.conversations.membership import Members
from chalicelib.core.conversations.moderation import Moderation
from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.concurrency import Gather, run_parallel
from chalicelib.core.kernel.errors import Unauthorized, Unavailable
from chalicelib.core.kernel.metrics import NullObserver, Observer
from chalicelib.core.log.log import Log
from chalicelib.core.messaging.message_updates import MessageUpdates
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.privacy.erasure import Erasure
from chalicelib.core.privacy.export import Export
from chalicelib.core.privacy.jobs import Jobs
from chalicelib.core.privacy.retention import Retention
from chalicelib.core.protocol.fields import Request
from chalicelib.core.realtime.fan_out import FanOut
from chalicelib.core.realtime.presence import Presence
from chalicelib.core.realtime.tickets import Tickets
from chalicelib.core.sessions.sessions import Sessions
from chalicelib.identity.errors import IdentityError, KeysUnavailable
from chalicelib.identity.jwks import JwksKeys
from chalicelib.identity.model import Identity
from chalicelib.identity.tokens import TokenVerifier
from chalicelib.observability import context
from chalicelib.settings import Settings, current_settings, is_lambda

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.table import Dynamo

_HTTP_HANDLER, _MESSAGE_HANDLER = "app.app", "app.message"


@dataclass(frozen=True, slots=True)
class Application:
    """The whole chat, ready to be asked."""

    settings: Settings
    clock: Clock
    conversation_store: ConversationStore
    connection_store: ConnectionStore
    conversations: Conversations
    members: Members
    moderation: Moderation
    invites: Invites
    history: History
    sender: Sender
    message_updates: MessageUpdates
    sessions: Sessions
    tickets: Tickets
    export: Export
    erasure: Erasure
    jobs: Jobs
    fan_out: FanOut
    verify: Callable[[str], Identity]


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
    """Put the parts together around a DynamoDB client, a way to post to sockets, and a queue for long work.

    Without a queue the sweep does all of that.
    """
    from chalicelib.aws.dynamodb.connections import DynamoConnections
    from chalicelib.aws.dynamodb.conversations import DynamoConversations
    from chalicelib.aws.dynamodb.erasure import DynamoErasures
    from chalicelib.aws.dynamodb.moderation import DynamoModeration
    from chalicelib.aws.dynamodb.retention import DynamoRetention
    from chalicelib.aws.dynamodb.table import Dynamo

    clock = clock or SystemClock()
    observer = NullObserver() if observer is None else observer
    gather = context.propagating_context(gather)
    limits, timing = settings.limits, settings.timing
    dynamo: Dynamo = Dynamo(dynamo_client, clock)
    store = DynamoConversations(dynamo, settings.conversations_table, gather)
    connections = DynamoConnections(dynamo, settings.connections_table, settings.conversations_table)
    log = Log(store, clock, timing)
    presence = Presence(store, connections, clock, queue, limits, timing)
    conversations = Conversations(store, connections, log, presence, clock, gather, limits, timing)
    rights = DynamoModeration(dynamo, settings.conversations_table)
    members = Members(store, rights, connections, conversations, log, clock, limits, timing)
    moderation = Moderation(store, rights, conversations, members, log, presence, clock)
    invites = Invites(rights, conversations, log, clock)
    reading = History(store, conversations, log)
    sender = Sender(store, connections, log, clock, gather, observer, limits, timing)
    changing = MessageUpdates(store, connections, conversations, log, clock, gather, limits)
    verify = token_verifier(settings, clock)
    sockets = Sessions(
        store,
        connections,
        conversations,
        reading,
        sender,
        changing,
        log,
        presence,
        verify,
        clock,
        gather,
        observer,
        limits,
        timing,
    )
    tickets = Tickets(connections, clock, timing)
    delivery = FanOut(connections, presence, poster, clock, gather, observer, timing)
    erasures = DynamoErasures(dynamo, settings.conversations_table)
    erasure = Erasure(erasures, store, rights, connections, members, log, delivery, clock, timing)
    kept = DynamoRetention(dynamo, settings.conversations_table)
    retention = Retention(kept, store, log, clock, timing, settings.retention_days)
    jobs = Jobs(erasure, erasures, retention, conversations, delivery, presence, queue, clock, timing)
    export = Export(erasures, store)
    return Application(
        settings,
        clock,
        store,
        connections,
        conversations,
        members,
        moderation,
        invites,
        reading,
        sender,
        changing,
        sockets,
        tickets,
        export,
        erasure,
        jobs,
        delivery,
        verify,
    )


def token_verifier(settings: Settings, clock: Clock) -> Callable[[str], Identity]:
    """Verification of tokens, saying what is wrong in the words of `core.errors`."""
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


def is_http_function() -> bool:
    """Whether HTTP comes to this process: not to a function with another handler (`Handler` in the template)."""
    return os.environ.get("_HANDLER", _HTTP_HANDLER) == _HTTP_HANDLER or not is_lambda()


@functools.cache
def verifier() -> Callable[[str], Identity]:
    """Verification alone, for the authorizer, which needs neither store nor poster."""
    return token_verifier(current_settings(), SystemClock())


@functools.cache
def application() -> Application:
    """The application of this process, made at its first event or before, and kept."""
    from chalicelib.aws import clients

    clock, queue_url = SystemClock(), current_settings().job_queue
    observer = context.observer
    store = clients.dynamodb(current_settings().region, clock)
    if is_lambda():
        # Every event begins with the store, and this is most likely the init phase (`warm`).
        store.warm_up()
    return build(
        current_settings(),
        dynamo_client=store,
        poster=clients.poster(current_settings().management_endpoint, current_settings().region, clock, observer),
        queue=None if queue_url is None else clients.job_queue(queue_url, current_settings().region, clock),
        clock=clock,
        observer=observer,
    )


def warm_up() -> None:
    """Make in the init phase, which has a whole processor, what a first event would wait for.

    Does not raise: what is wrong is met again at the first event, which can answer. The authorizer, which needs
    neither store nor poster, never comes here: Lambda loads it by its own module, without `app.py`.
    """
    with contextlib.suppress(Exception):
        if os.environ.get("_HANDLER") in (_HTTP_HANDLER, _MESSAGE_HANDLER):
            # The first model that is built takes with it much of pydantic; the others take little.
            Request.model_rebuild()
        application()
