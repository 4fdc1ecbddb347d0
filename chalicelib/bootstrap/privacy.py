"""The services of `core/privacy`."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.bootstrap.services import ConversationServices
from chalicelib.bootstrap.shared import Shared
from chalicelib.core.conversations.consent import ConsentRules
from chalicelib.core.conversations.invitations import Invitations
from chalicelib.core.conversations.own_reactions import OwnReactions
from chalicelib.core.conversations.profile_copies import ProfileCopies
from chalicelib.core.ports.privacy import ErasureStore, ParticipantDataStore, RetentionStore
from chalicelib.core.privacy.erasure import Erasure
from chalicelib.core.privacy.erasure_steps import ErasureSteps
from chalicelib.core.privacy.export import Export
from chalicelib.core.privacy.jobs import Jobs
from chalicelib.core.privacy.retention import Retention


class PrivacyStores(NamedTuple):
    """The stores that only the services of `core/privacy` use, by port."""

    erasures: ErasureStore
    participant_data: ParticipantDataStore
    retention: RetentionStore


class PrivacyServices(NamedTuple):
    """Erasure, export, and the background jobs."""

    erasure: Erasure
    export: Export
    jobs: Jobs


def privacy_services(
    shared: Shared, privacy_stores: PrivacyStores, conversations: ConversationServices, retention_days: int
) -> PrivacyServices:
    """Return the services of `core/privacy`."""
    stores, runtime = shared.stores, shared.runtime
    erasure_steps = ErasureSteps(
        erasures=privacy_stores.erasures,
        conversations=stores.conversations,
        event_log=stores.event_log,
        memberships=stores.memberships,
        moderation=stores.moderation,
        participant_data=privacy_stores.participant_data,
        roster=shared.roster,
        log=shared.log,
        fan_out=shared.fan_out,
        runtime=runtime,
    )
    erasure = Erasure(
        erasures=privacy_stores.erasures,
        revocations=stores.revocations,
        connections=stores.connections,
        participant_data=privacy_stores.participant_data,
        blocks=stores.consent.blocks,
        pending=stores.consent.pending,
        reports=stores.reports,
        conversations=stores.conversations,
        directs=stores.consent.directs,
        profiles=stores.profiles,
        steps=erasure_steps,
        fan_out=shared.fan_out,
        runtime=runtime,
    )
    retention = Retention(
        retention=privacy_stores.retention,
        conversations=stores.conversations,
        event_log=stores.event_log,
        log=shared.log,
        log_reader=shared.log_reader,
        runtime=runtime,
        default_days=retention_days,
    )
    jobs = Jobs(
        erasures=privacy_stores.erasures,
        erasure=erasure,
        retention=retention,
        lifecycle=conversations.lifecycle,
        fan_out=shared.fan_out,
        presence=shared.presence,
        invitations=Invitations(
            pending=stores.consent.pending,
            consent=ConsentRules(pending=stores.consent.pending, memberships=stores.memberships, runtime=runtime),
            rate_limits=stores.rate_limits,
            runtime=runtime,
        ),
        profile_copies=ProfileCopies(
            profiles=stores.profiles,
            event_log=stores.event_log,
            subscriptions=stores.subscriptions,
            fan_out=shared.fan_out,
            runtime=runtime,
        ),
        profiles=stores.profiles,
        queue=shared.queue,
        runtime=runtime,
    )
    export = Export(
        erasures=privacy_stores.erasures,
        conversations=stores.conversations,
        event_log=stores.event_log,
        memberships=stores.memberships,
        blocks=stores.consent.blocks,
        pending=stores.consent.pending,
        reports=stores.reports,
        profiles=stores.profiles,
        own_reactions=OwnReactions(event_log=stores.event_log),
        charge=shared.charge,
    )
    return PrivacyServices(erasure=erasure, export=export, jobs=jobs)
