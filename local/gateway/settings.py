"""Every quota and every fault of the gateway, as one frozen dataclass with AWS's defaults.

Quotas are those of "Quotas for configuring and running a WebSocket API in API Gateway", "Quotas for REST APIs"
and the Lambda quotas. Faults are the behaviours of a distributed gateway that never occur on a single machine by
themselves. ``Gateway.change`` replaces fields while the gateway runs.
"""

import functools
from dataclasses import dataclass, fields
from typing import Literal

Handling = Literal["concurrent", "serial", "shuffled"]
Disconnect = Literal["prompt", "late", "doubled", "dropped"]


@dataclass(frozen=True)
class GatewaySettings:
    """Quotas and faults; times in seconds, sizes in bytes, rates per second, probabilities from 0 to 1.

    Raises:
        ValueError: A field is out of range; the message names it.
    """

    # Identity. One stage name serves both APIs, as Chalice deploys them.
    stage: str = "local"
    region: str = "us-east-1"
    account_id: str = "123456789012"
    rest_api_id: str = "restlocal0"
    websocket_api_id: str = "socklocal0"

    # Quotas of a WebSocket connection.
    idle_timeout: float = 600.0
    """Seconds without data in either direction after which a connection is closed with 1001."""
    max_connection_age: float = 7_200.0
    """Seconds after which a connection is closed with 1001, even if active."""
    max_message_bytes: int = 131_072
    """Maximum size of a client's message (else close code 1009) and of a post (else 413)."""
    max_frame_bytes: int = 32_768
    """Maximum size of a client's frame (else close code 1009); longer posts are sent in several frames."""
    ping_resets_idle: bool = False
    """Whether a protocol ping counts as activity. AWS does not document it; a JSON ping always counts."""
    send_buffer_bytes: int = 1_048_576
    """Bytes that may be buffered for a slow client before posts to it get 429, and it is not read any more."""
    handshake_timeout: float = 10.0
    """Seconds for a client to send its upgrade request before its TCP connection is aborted."""
    close_timeout: float = 1.0
    """Seconds for a client to respond to a close frame before its TCP connection is aborted."""
    shutdown_timeout: float = 2.0
    """Seconds that ``Gateway.stop`` waits for connections to close, and again for ``$disconnect`` functions."""

    # Quotas of the account and of an integration.
    connection_rate: float = 500.0
    """New WebSocket connections per second; the bucket holds one second's worth."""
    request_rate: float = 10_000.0
    """Requests per second, summed over both APIs, messages and callbacks (the account-level throttle)."""
    request_burst: int = 5_000
    """Size of the token bucket that ``request_rate`` fills."""
    integration_timeout: float = 29.0
    """Seconds after which the gateway stops waiting for a function."""
    max_request_bytes: int = 10_485_760
    """Maximum body size of a REST request."""
    max_header_bytes: int = 10_240
    """Maximum total size of header names and values of a REST request."""
    max_authorizer_result_bytes: int = 8_192
    """Maximum size of an authorizer's response."""
    require_signature: bool = True
    """Whether ``@connections`` requires a Signature Version 4 header with the scope ``execute-api``."""
    route_responses: bool = False
    """Whether a message's result is sent to its sender (a ``$default`` route response)."""

    # Quotas of the functions.
    function_timeout: float = 60.0
    """The functions' configured timeout in seconds."""
    function_memory_mb: int = 128
    """The memory size in the Lambda context; not enforced."""
    function_workers: int = 8
    """Invocations that run at the same time, without those that sleep or are blocked; more would slow all down."""
    function_concurrency: int = 100
    """Maximum threads, including those that replace blocked ones; 0 throttles every invocation as on Lambda."""
    blocked_after: float = 1.0
    """Seconds after which a running invocation counts as blocked, so that another one may run."""
    queue_length: int = 1_000
    """Maximum invocations that wait for a worker, without ``$disconnect``; further ones are throttled (429),
    unless their client has fewer than its part of the queue."""
    messages_in_flight: int = 100
    """Maximum messages of one client that are handled or wait; its connections are not read meanwhile."""
    queue_timeout: float = 5.0
    """Seconds that an invocation may wait for a worker; then it is throttled (429) and not started."""
    max_payload_bytes: int = 6_291_556
    """Maximum size of an event and of a result of a synchronous invocation, as JSON."""

    # Faults. ``seed`` determines all: those of posts by connection and post number, the others by order.
    seed: int = 0
    handling: Handling = "concurrent"
    """How messages of one connection are handled: concurrently, serially, or after a random delay."""
    handling_jitter: float = 0.005
    """Maximum random delay of a message when ``handling`` is ``shuffled``."""
    disconnect: Disconnect = "prompt"
    """``$disconnect`` immediately (prompt), after the next ``$connect``, twice, or never."""
    disconnect_delay: float = 1.0
    """Maximum wait for the next ``$connect`` (late), and the delay of the repetition (doubled)."""
    drop_detection: float = 0.0
    """Seconds in which posts to a connection without TCP connection still get 200."""
    posts_failed: float = 0.0
    """Probability that a post gets 500 and is not delivered."""
    posts_throttled: float = 0.0
    """Probability that a post gets 429 and is not delivered."""
    posts_hung: float = 0.0
    """Probability that a post is not delivered and gets no response."""
    posts_duplicated: float = 0.0
    """Probability that a post is delivered twice."""
    posts_failed_after_delivery: float = 0.0
    """Probability that a post is delivered and gets 500, after which an SDK retries it."""
    posts_gone_after_delivery: float = 0.0
    """Probability that a post is delivered and gets 410 (a false positive)."""
    posts_slow: float = 0.0
    """Probability that a post gets its response ``slow_post`` seconds late; it is delivered at once."""
    slow_post: float = 1.0
    posts_shuffled: float = 0.0
    """Probability that a post is delivered after a random delay of at most ``shuffle_jitter``."""
    shuffle_jitter: float = 0.02

    @functools.cached_property
    def has_post_faults(self) -> bool:
        """Whether any fault of posts is possible."""
        return any(getattr(self, field.name) > 0 for field in fields(self) if field.name.startswith("posts_"))

    def __post_init__(self) -> None:
        if not self.stage or "/" in self.stage:
            raise ValueError(f"stage must be one path segment, not {self.stage!r}")
        if self.handling not in ("concurrent", "serial", "shuffled"):
            raise ValueError(f"handling must be concurrent, serial or shuffled, not {self.handling!r}")
        if self.disconnect not in ("prompt", "late", "doubled", "dropped"):
            raise ValueError(f"disconnect must be prompt, late, doubled or dropped, not {self.disconnect!r}")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and field.name != "seed" and value < 0:
                raise ValueError(f"{field.name} must not be negative, but is {value}")
            if field.name.startswith("posts_") and value > 1:
                raise ValueError(f"{field.name} must be a probability from 0 to 1, but is {value}")
