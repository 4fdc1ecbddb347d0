"""The retries of the product's client, for a simulated region that throttles.

They are those of `chalicelib/awshttp/_json_client.py`. The budget that all calls of a function share is left out:
each sender here would be a separate function, and a request does not use it up.
"""

from __future__ import annotations

import random
from typing import Any

from botocore.exceptions import ClientError

from local.faults import Call, Clock, DynamoClient, Layer, is_throttled

MAX_ATTEMPTS = 3


class RetryingClient(Layer):
    """Repeats throttled calls, with full jitter of up to one and two seconds. A cancelled transaction is final."""

    def __init__(self, inner: DynamoClient, clock: Clock) -> None:
        super().__init__(inner)
        self._clock = clock

    def call(self, call: Call) -> Any:
        """Forward a call, up to three times."""
        for attempt in range(MAX_ATTEMPTS - 1):
            try:
                return self.forward(call)
            except ClientError as error:
                if call.operation == "transact_write_items" or not is_throttled(error):
                    raise
            self._clock.sleep(random.uniform(0, 2.0**attempt))
        return self.forward(call)
