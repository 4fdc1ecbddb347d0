"""The use cases of a product's backend."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.bootstrap.shared import Shared
from chalicelib.core.conversations.overview import Overview
from chalicelib.core.ports.revocations import SuspensionStore
from chalicelib.core.sessions.suspensions import Suspensions


class BackendServices(NamedTuple):
    """The use cases of a product's backend, a service."""

    suspensions: Suspensions
    overview: Overview


def backend_services(shared: Shared, suspensions: SuspensionStore) -> BackendServices:
    """Return the use cases of a service."""
    stores = shared.stores
    return BackendServices(
        suspensions=Suspensions(
            suspensions=suspensions,
            revocations=stores.revocations,
            connections=stores.connections,
            fan_out=shared.fan_out,
            runtime=shared.runtime,
        ),
        overview=Overview(
            conversations=stores.conversations, event_log=stores.event_log, memberships=stores.memberships
        ),
    )
