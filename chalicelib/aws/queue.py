"""The queue of long work: SQS."""

from __future__ import annotations

import math
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import Unavailable


class SqsWorkQueue:
    """`core.data_ports.WorkQueue` on SQS."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, work: str, delay: float) -> None:
        """Send a message that becomes visible after `delay`, in whole seconds (SQS API, SendMessage)."""
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=work, DelaySeconds=math.ceil(delay))
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(retry_after=1) from error
