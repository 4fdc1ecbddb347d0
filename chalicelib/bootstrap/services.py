"""An application: its services, in groups that are named like the packages of the core, and its stores.

The groups are named tuples: a frozen dataclass takes five times as long to create, which a cold start would show.
Those that are built at first use are in the modules that build them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.core.conversations.history import History
from chalicelib.core.conversations.views import Views
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.messaging.batches import Batches
from chalicelib.core.messaging.budget import Budget
from chalicelib.core.messaging.message_updates import MessageUpdates
from chalicelib.core.messaging.reactions import Reactions
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.ports.connections import (
    ConnectionStore,
    FeedStore,
    PendingOfflineStore,
    SubscriptionStore,
    TicketStore,
    TypingStore,
)
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.rate_limits import RateLimitStore
from chalicelib.core.realtime.fan_out import FanOut
from chalicelib.core.realtime.tickets import Tickets
from chalicelib.core.sessions.connections import Connections
from chalicelib.core.sessions.dispatcher import Dispatcher
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.bootstrap.backend import BackendServices
    from chalicelib.bootstrap.changes import ChangeServices
    from chalicelib.bootstrap.privacy import PrivacyServices
    from chalicelib.bootstrap.publishing import PublishingServices
    from chalicelib.core.conversations.additions import Additions
    from chalicelib.core.conversations.blocks import Blocks
    from chalicelib.core.conversations.creation import Creation
    from chalicelib.core.conversations.directs import Directs
    from chalicelib.core.conversations.invites import Invites
    from chalicelib.core.conversations.lifecycle import Lifecycle
    from chalicelib.core.conversations.membership import Members
    from chalicelib.core.conversations.moderation import Moderation
    from chalicelib.core.conversations.pending import PendingMemberships
    from chalicelib.core.conversations.personal_state import PersonalStates
    from chalicelib.core.conversations.profiles import Profiles
    from chalicelib.core.conversations.reports import Reports
    from chalicelib.core.ports.consent import BlockStore, PendingStore
    from chalicelib.core.ports.directs import DirectStore
    from chalicelib.core.ports.moderation import ModerationStore
    from chalicelib.core.ports.profiles import ProfileStore
    from chalicelib.core.ports.publishing import DeliveryQueue, EventSink
    from chalicelib.core.ports.reports import ReportStore
    from chalicelib.core.ports.revocations import RevocationStore


class Stores(NamedTuple):
    """Everything that is stored, by port, besides `privacy.PrivacyStores`."""

    event_log: EventLogStore
    conversations: ConversationStore
    memberships: MembershipStore
    moderation: ModerationStore
    connections: ConnectionStore
    subscriptions: SubscriptionStore
    feeds: FeedStore
    tickets: TicketStore
    typing: TypingStore
    pending_offline: PendingOfflineStore
    rate_limits: RateLimitStore
    revocations: RevocationStore
    build_consent: Callable[[], ConsentStores]
    build_reports: Callable[[], ReportStore]
    build_profiles: Callable[[], ProfileStore]

    @property
    def profiles(self) -> ProfileStore:
        """Return the store of profiles, built at first use: a message needs none of it."""
        return self.build_profiles()

    @property
    def reports(self) -> ReportStore:
        """Return the store of reports, built at first use: a message needs none of it."""
        return self.build_reports()

    @property
    def consent(self) -> ConsentStores:
        """Return the stores of consent, built at first use: a message needs none of them."""
        return self.build_consent()


class ConsentStores(NamedTuple):
    """Blocks, pending memberships, and links of direct conversations."""

    blocks: BlockStore
    pending: PendingStore
    directs: DirectStore


class ConversationServices(NamedTuple):
    """Conversations and their members. `changes` are built at first use: a message needs none of them."""

    views: Views
    history: History
    build_changes: Callable[[], ChangeServices]

    @property
    def creation(self) -> Creation:
        """Return the service that creates conversations."""
        return self.build_changes().creation

    @property
    def lifecycle(self) -> Lifecycle:
        """Return the service that changes, deletes and purges conversations."""
        return self.build_changes().lifecycle

    @property
    def members(self) -> Members:
        """Return the service of joining, leaving and removing."""
        return self.build_changes().members

    @property
    def additions(self) -> Additions:
        """Return the service that adds participants."""
        return self.build_changes().additions

    @property
    def pending(self) -> PendingMemberships:
        """Return the service of pending memberships."""
        return self.build_changes().pending

    @property
    def moderation(self) -> Moderation:
        """Return the service of roles, mutes and bans."""
        return self.build_changes().moderation

    @property
    def invites(self) -> Invites:
        """Return the service of invites."""
        return self.build_changes().invites

    @property
    def personal_states(self) -> PersonalStates:
        """Return the service of the state of a conversation for one member."""
        return self.build_changes().personal_states

    @property
    def blocks(self) -> Blocks:
        """Return the service of blocks."""
        return self.build_changes().blocks

    @property
    def reports(self) -> Reports:
        """Return the service of reports."""
        return self.build_changes().reports

    @property
    def directs(self) -> Directs:
        """Return the service of direct conversations."""
        return self.build_changes().directs

    @property
    def profiles(self) -> Profiles:
        """Return the service of profiles."""
        return self.build_changes().profiles


class MessagingServices(NamedTuple):
    """Messages."""

    sender: Sender
    updates: MessageUpdates
    reactions: Reactions
    batches: Batches


class RealtimeServices(NamedTuple):
    """Pushes and tickets."""

    fan_out: FanOut
    tickets: Tickets


class SessionServices(NamedTuple):
    """The WebSocket API."""

    connections: Connections
    dispatcher: Dispatcher
    budget: Budget
    """That of requests, also by HTTP."""
    service_budget: Budget
    """That of the requests of services."""


class PublishingPorts(NamedTuple):
    """The parts that publishing events needs besides the store."""

    queue: DeliveryQueue
    create_sink: Callable[[], EventSink]
    """Called by processes that make attempts."""


class Application(NamedTuple):
    """The whole chat."""

    settings: Settings
    runtime: Runtime
    stores: Stores
    conversations: ConversationServices
    messaging: MessagingServices
    realtime: RealtimeServices
    sessions: SessionServices
    build_privacy: Callable[[], PrivacyServices]
    build_backend: Callable[[], BackendServices]
    build_publishing: Callable[[], PublishingServices]

    @property
    def publishing(self) -> PublishingServices:
        """Return the services of `core/publishing`, built at first use. Raises SettingsError if they are off."""
        return self.build_publishing()

    @property
    def backend(self) -> BackendServices:
        """Return the use cases of a service, built at first use: participants need none of them."""
        return self.build_backend()

    @property
    def privacy(self) -> PrivacyServices:
        """Return the services of `core/privacy`, built at first use: a message needs none of them."""
        return self.build_privacy()
