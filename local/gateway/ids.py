"""Identifiers in API Gateway's formats.

They come from an object, so that tests of golden events can substitute fixed ones.
"""

import base64
import re
import secrets
import uuid

_SHORT_ID = re.compile(r"[A-Za-z0-9_-]{15}=")


def is_connection_id(text: str) -> bool:
    """Return whether ``text`` is like a connection id: 16 URL-safe base64 characters, ending in ``=``."""
    return _SHORT_ID.fullmatch(text) is not None


class Ids:
    """Random identifiers."""

    def short(self) -> str:
        """Return 16 characters ending in ``=``, for connections, messages and requests of the WebSocket API."""
        return base64.urlsafe_b64encode(secrets.token_bytes(11)).decode("ascii")

    def long(self) -> str:
        """Return a UUID, for requests of the REST API and for Lambda invocations."""
        return str(uuid.uuid4())

    def trace(self, epoch: float) -> str:
        """Return the ``X-Amzn-Trace-Id`` of a request received at ``epoch`` (Unix time)."""
        return f"Root=1-{int(epoch):08x}-{secrets.token_hex(12)}"
