"""What a DynamoDB engine for development does not show: latency, conflicts, half-seen transactions, faults.

Each is a layer with the methods of boto3's client, to be put in front of any engine:

    app -> RecordingClient -> FaultyClient -> RegionClient -> engine

``in_front_of`` stacks all three. The same seed gives the same decisions for the same order of calls.
"""

from local.faults.calls import Call, ItemKey
from local.faults.client import DynamoClient, Layer
from local.faults.clock import Clock, MonotonicClock, VirtualClock
from local.faults.errors import Crash, is_conflict
from local.faults.faulty import FaultyClient
from local.faults.plans import Fault, Plan, never
from local.faults.recording import Entry, Journal, RecordingClient
from local.faults.region import NO_LATENCY, USUAL_LATENCY, Latency, RegionClient, seeded_visibility
from local.faults.windows import TransactionWindows

__all__ = [
    "NO_LATENCY",
    "USUAL_LATENCY",
    "Call",
    "Clock",
    "Crash",
    "DynamoClient",
    "Entry",
    "Fault",
    "FaultyClient",
    "ItemKey",
    "Journal",
    "Latency",
    "Layer",
    "MonotonicClock",
    "Plan",
    "RecordingClient",
    "RegionClient",
    "TransactionWindows",
    "VirtualClock",
    "in_front_of",
    "is_conflict",
    "never",
    "seeded_visibility",
]


def in_front_of(
    engine: DynamoClient,
    *,
    seed: int = 0,
    latency: Latency = USUAL_LATENCY,
    half_visible: float = 0.5,
    windows: TransactionWindows | None = None,
    plan: Plan = never,
    journal: Journal | None = None,
    clock: Clock | None = None,
) -> DynamoClient:
    """Put every layer in front of ``engine``: recorded, failing by ``plan``, timed like a region.

    ``half_visible`` is the probability with which a Query or BatchGetItem shows an item of a running
    transaction in its old state (0: transactions are seen as a whole). Several clients of one store in one
    process share ``windows``, or their transactions do not conflict with each other.
    """
    region = RegionClient(
        engine,
        seed=seed,
        latency=latency,
        windows=windows,
        shows_old=seeded_visibility(seed, half_visible) if half_visible > 0 else None,
        clock=clock,
    )
    faulty = FaultyClient(region, plan)
    return faulty if journal is None else RecordingClient(faulty, journal)
