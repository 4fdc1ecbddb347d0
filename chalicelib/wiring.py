"""How the parts are put together: the one place that knows them all. Nothing happens before `build`."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.core.changing import MessageUpdates
from chalicelib.core.clock import Clock, SystemClock
from chalicelib.core.conversations import Conversations
from chalicelib.core.data_ports import JobQueue
from chalicelib.core.delivery import FanOut
from chalicelib.core.erasure import Erasure
from chalicelib.core.errors import Unauthorized, Unavailable
from chalicelib.core.export import Export
from chalicelib.core.fields import Request
from chalicelib.core.gather import run_parallel
from chalicelib.core.invites import Invites
from chalicelib.core.jobs import Jobs
from chalicelib.core.log import Log
from chalicelib.core.members import Members
from chalicelib.core.moderation import Moderation
from chalicelib.core.ports import (
    ConnectionPoster,
    ConnectionStore,
    ConversationStore,
    Gather,
    NullObserver,
    Observer,
)
from chalicelib.core.presence import Presence
from chalicelib.core.reading import History
from chalicelib.core.retention import Retention
from chalicelib.core.sending import Sender
from chalicelib.core.sockets import Sessions
from chalicelib.core.tickets import Tickets
from chalicelib.edge import context
from chalicelib.identity.errors import IdentityError, KeysUnavailable
from chalicelib.identity.jwks import JwksKeys
from chalicelib.identity.model import Identity
from chalicelib.identity.tokens import TokenVerifier
from chalicelib.settings import Settings
from chalicelib.settings import is_lambda as is_of_lambda

if TYPE_CHECKING:
    from chalicelib.aws.dynamo import Dynamo

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
    from chalicelib.aws.connections import DynamoConnections
    from chalicelib.aws.conversations import DynamoConversations
    from chalicelib.aws.dynamo import Dynamo
    from chalicelib.aws.erasure import DynamoErasures
    from chalicelib.aws.moderation import DynamoModeration
    from chalicelib.aws.retention import DynamoRetention

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
        from chalicelib.aws import parameters

        return settings.checked_secret(parameters.read_secret(name, settings.region))

    verifier = TokenVerifier(identity, keys=keys, clock=clock.now, read_secret=read_secret)

    def verify(token: str) -> Identity:
        try:
            return verifier.verify(token)
        except KeysUnavailable as error:
            raise Unavailable(retry_after=error.retry_after) from error
        except IdentityError as error:
            raise Unauthorized(str(error)) from error

    return verify


def in_lambda() -> bool:
    """Whether this process is a Lambda function."""
    return is_of_lambda(os.environ)


def is_http_function() -> bool:
    """Whether HTTP comes to this process: not to a function with another handler (`Handler` in the template)."""
    return os.environ.get("_HANDLER", _HTTP_HANDLER) == _HTTP_HANDLER or not in_lambda()


@functools.cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings.from_environment(os.environ)


@functools.cache
def verifier() -> Callable[[str], Identity]:
    """Verification alone, for the authorizer, which needs neither store nor poster."""
    return token_verifier(settings(), SystemClock())


@functools.cache
def application() -> Application:
    """The application of this process, made at its first event or before, and kept."""
    from chalicelib.aws import clients

    clock, queue_url = SystemClock(), settings().job_queue
    observer = context.observer
    store = clients.dynamodb(settings().region, clock)
    if in_lambda():
        # Every event begins with the store, and this is most likely the init phase (`warm`).
        store.warm_up()
    return build(
        settings(),
        dynamo_client=store,
        poster=clients.poster(settings().management_endpoint, settings().region, clock, observer),
        queue=None if queue_url is None else clients.job_queue(queue_url, settings().region, clock),
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
