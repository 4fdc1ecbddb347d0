"""The behaviour of DynamoDB that a development engine lacks: latency, conflicts, fractured reads, faults.

Each is a layer with the methods of boto3's client, in front of any engine:

    app -> RecordingClient -> FaultyClient -> RegionClient -> engine

``wrap_engine`` stacks all three. The same seed gives the same decisions for the same order of calls.
"""

from local.faults.calls import Call, ItemKey
from local.faults.capacity import PartitionLimits
from local.faults.client import DynamoClient, Layer
from local.faults.clock import Clock, MonotonicClock, VirtualClock
from local.faults.errors import Crash, is_conflict, is_throttled
from local.faults.faulty import FaultyClient
from local.faults.plans import Fault, Plan, no_faults
from local.faults.recording import CallRecord, Journal, RecordingClient
from local.faults.region import NO_LATENCY, TYPICAL_LATENCY, Latency, RegionClient, seeded_visibility
from local.faults.windows import TransactionWindows

__all__ = [
    "NO_LATENCY",
    "TYPICAL_LATENCY",
    "Call",
    "CallRecord",
    "Clock",
    "Crash",
    "DynamoClient",
    "Fault",
    "FaultyClient",
    "ItemKey",
    "Journal",
    "Latency",
    "Layer",
    "MonotonicClock",
    "PartitionLimits",
    "Plan",
    "RecordingClient",
    "RegionClient",
    "TransactionWindows",
    "VirtualClock",
    "is_conflict",
    "is_throttled",
    "no_faults",
    "seeded_visibility",
    "wrap_engine",
]


def wrap_engine(
    engine: DynamoClient,
    *,
    seed: int = 0,
    latency: Latency = TYPICAL_LATENCY,
    fractured_reads: float = 0.5,
    windows: TransactionWindows | None = None,
    plan: Plan = no_faults,
    journal: Journal | None = None,
    clock: Clock | None = None,
) -> DynamoClient:
    """Put every layer in front of ``engine``: recording, faults by ``plan``, and the timing of a region.

    ``fractured_reads`` is the probability that a Query or BatchGetItem returns the old state of an item of a
    running transaction (0: transactions become visible atomically). Clients of one store in one process must share
    ``windows``; otherwise their transactions do not conflict with each other.
    """
    region = RegionClient(
        engine,
        seed=seed,
        latency=latency,
        windows=windows,
        shows_old=seeded_visibility(seed, fractured_reads) if fractured_reads > 0 else None,
        clock=clock,
    )
    faulty = FaultyClient(region, plan)
    return faulty if journal is None else RecordingClient(faulty, journal)
