"""The queue of long work: SQS."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

from chalicelib.core.errors import Unavailable

from . import refusals


class SqsWorkQueue:
    """`core.data_ports.WorkQueue` on SQS."""

    def __init__(self, make_client: Callable[[], Any], url: str) -> None:
        """`make_client` is asked at the first message: most functions never send one."""
        self._make_client = make_client
        self._url = url

    @cached_property
    def _client(self) -> Any:
        return self._make_client()

    def send(self, work: str, delay: float) -> None:
        """Send a message that becomes visible after `delay`, in whole seconds (SQS API, SendMessage)."""
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=work, DelaySeconds=math.ceil(delay))
        except Exception as error:
            if refusals.response(error) is None and not refusals.is_of_the_network(error):
                raise
            raise Unavailable(retry_after=1) from error
