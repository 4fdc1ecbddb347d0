"""The units of DynamoDB for an event and its delivery, from which `tools/costs/events.py` computes costs."""

from __future__ import annotations

import pytest

from tests.invariants.harness import Setup
from tests.invariants.publishing import Deployment
from tests.invariants.tables import Tables
from tests.invariants.test_costs import CapacityMeter
from tools.costs.events import delivery_quantities, read_event_usage


@pytest.mark.parametrize("endpoints", [0, 1])
def test_wake_up_and_delivery_cost_the_documented_units(tables: Tables, endpoints: int) -> None:
    deployment = Deployment(tables)
    if not endpoints:
        deployment.process().endpoints.delete(deployment.endpoint_id)
    harness = tables.harness(Setup(sockets=(), subscribed=()))
    deployment.process().wake_ups.wake([harness.conversation])
    deployment.drain([harness.conversation])
    harness.process().post_message("alice", "x" * 200, "k")
    meter = CapacityMeter(tables.engine)
    deployment.process(meter).wake_ups.wake([harness.conversation])
    for endpoint_id, conversation_id, _ in deployment.queue.sent:
        deployment.process(meter).publisher.run(endpoint_id, conversation_id, 30.0)
    events = read_event_usage()
    expected = delivery_quantities(events) if endpoints else events.wake_up.quantities()
    assert (meter.writes, meter.reads) == (expected["dynamodb_write"], expected["dynamodb_read"])
