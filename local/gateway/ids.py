"""Identifiers in the shapes that API Gateway uses.

They come from an object so that golden-event tests can put fixed ones in its place.
"""

import base64
import re
import secrets
import uuid

_SHORT_ID = re.compile(r"[A-Za-z0-9_-]{15}=")


def is_connection_id(text: str) -> bool:
    """Whether ``text`` has the shape of a connection id: 16 URL-safe base64 characters, ending in ``=``."""
    return _SHORT_ID.fullmatch(text) is not None


class Ids:
    """Random identifiers."""

    def short(self) -> str:
        """16 characters ending in ``=``: connection ids, message ids, request ids of the WebSocket API."""
        return base64.urlsafe_b64encode(secrets.token_bytes(11)).decode("ascii")

    def long(self) -> str:
        """A UUID: request ids of the REST API and of Lambda invocations."""
        return str(uuid.uuid4())

    def trace(self, epoch: float) -> str:
        """The value of ``X-Amzn-Trace-Id`` for a request received at ``epoch`` (seconds)."""
        return f"Root=1-{int(epoch):08x}-{secrets.token_hex(12)}"
