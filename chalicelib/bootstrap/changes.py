"""The services of changes: conversations and members are created, changed and removed by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.bootstrap.shared import Shared
from chalicelib.core.conversations.additions import Additions
from chalicelib.core.conversations.blocks import Blocks
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.consent import ConsentRules
from chalicelib.core.conversations.creation import Creation
from chalicelib.core.conversations.creation_replay import CreationReplay
from chalicelib.core.conversations.directs import Directs
from chalicelib.core.conversations.invites import Invites
from chalicelib.core.conversations.lifecycle import Lifecycle
from chalicelib.core.conversations.membership import Members
from chalicelib.core.conversations.moderation import Moderation
from chalicelib.core.conversations.pending import PendingMemberships
from chalicelib.core.conversations.personal_state import PersonalStates
from chalicelib.core.conversations.profiles import Profiles
from chalicelib.core.conversations.reports import Reports
from chalicelib.core.conversations.views import Views

if TYPE_CHECKING:
    from chalicelib.core.conversations.screening import ChangeScreening


class ChangeServices(NamedTuple):
    """Changes of conversations and their members."""

    creation: Creation
    lifecycle: Lifecycle
    members: Members
    additions: Additions
    pending: PendingMemberships
    moderation: Moderation
    invites: Invites
    personal_states: PersonalStates
    blocks: Blocks
    reports: Reports
    directs: Directs
    profiles: Profiles


def change_services(shared: Shared, views: Views) -> ChangeServices:
    """Return the services of changes."""
    stores, runtime, access, log = shared.stores, shared.runtime, shared.access, shared.log
    pending_store = stores.consent.pending
    screening = _screening(shared)
    change_limiter = ChangeLimiter(rate_limits=stores.rate_limits, log=log, runtime=runtime)
    consent = ConsentRules(pending=pending_store, memberships=stores.memberships, runtime=runtime)
    pending = PendingMemberships(
        pending=pending_store,
        event_log=stores.event_log,
        access=access,
        change_limiter=change_limiter,
        runtime=runtime,
    )
    return ChangeServices(
        creation=Creation(
            conversations=stores.conversations,
            replay=CreationReplay(pending=pending_store, views=views, limits=runtime.limits),
            consent=consent,
            log=log,
            change_limiter=change_limiter,
            runtime=runtime,
            screening=screening,
        ),
        lifecycle=Lifecycle(
            conversations=stores.conversations,
            event_log=stores.event_log,
            subscriptions=stores.subscriptions,
            access=access,
            views=views,
            log=log,
            change_limiter=change_limiter,
            build_purge_gate=shared.build_purge_gate,
            runtime=runtime,
        ),
        additions=Additions(
            conversations=stores.conversations,
            memberships=stores.memberships,
            moderation=stores.moderation,
            pending=pending_store,
            consent=consent,
            access=access,
            roster=shared.roster,
            log=log,
            change_limiter=change_limiter,
            runtime=runtime,
            screening=screening,
        ),
        pending=pending,
        members=Members(
            conversations=stores.conversations,
            memberships=stores.memberships,
            moderation=stores.moderation,
            access=access,
            roster=shared.roster,
            views=views,
            log=log,
            change_limiter=change_limiter,
            pending_store=pending_store,
            pending=pending,
            consent=consent,
            runtime=runtime,
        ),
        moderation=Moderation(
            memberships=stores.memberships,
            moderation=stores.moderation,
            pending=pending_store,
            access=access,
            roster=shared.roster,
            log=log,
            positions=shared.positions,
            change_limiter=change_limiter,
            presence=shared.presence,
            runtime=runtime,
        ),
        invites=Invites(moderation=stores.moderation, access=access, runtime=runtime),
        personal_states=PersonalStates(memberships=stores.memberships, access=access, runtime=runtime),
        blocks=Blocks(
            blocks=stores.consent.blocks,
            directs=stores.consent.directs,
            event_log=stores.event_log,
            presence=shared.presence,
            pending=pending,
            change_limiter=change_limiter,
            runtime=runtime,
        ),
        directs=Directs(
            directs=stores.consent.directs,
            blocks=stores.consent.blocks,
            conversations=stores.conversations,
            event_log=stores.event_log,
            memberships=stores.memberships,
            pending=pending_store,
            consent=consent,
            roster=shared.roster,
            views=views,
            log=log,
            change_limiter=change_limiter,
            runtime=runtime,
            screening=screening,
        ),
        reports=Reports(
            reports=stores.reports,
            event_log=stores.event_log,
            memberships=stores.memberships,
            access=access,
            change_limiter=change_limiter,
            runtime=runtime,
        ),
        profiles=Profiles(profiles=stores.profiles, pending=pending_store, runtime=runtime),
    )


def _screening(shared: Shared) -> ChangeScreening | None:
    if shared.screening is None:
        return None
    from chalicelib.core.conversations.screening import ChangeScreening

    return ChangeScreening(screening=shared.screening, runtime=shared.runtime)
