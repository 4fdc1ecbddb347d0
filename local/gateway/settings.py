"""Every quota and every disorder of the gateway, as one frozen dataclass with AWS's defaults.

Quotas are those of "Quotas for configuring and running a WebSocket API in API Gateway", "Quotas for REST
APIs" and the Lambda quotas; disorders are what a distributed gateway may do and a laptop never does by
itself. ``Gateway.change`` replaces single fields while the gateway runs.
"""

from dataclasses import dataclass, fields
from typing import Literal

Handling = Literal["concurrent", "serial", "shuffled"]
Disconnect = Literal["prompt", "late", "doubled", "dropped"]


@dataclass(frozen=True)
class GatewaySettings:
    """Quotas and disorders; times in seconds, sizes in bytes, rates per second, chances from 0 to 1.

    Raises:
        ValueError: A field is out of its range; the message names it.
    """

    # Who the APIs are. One stage name serves both, as Chalice deploys them.
    stage: str = "local"
    region: str = "us-east-1"
    account_id: str = "123456789012"
    rest_api_id: str = "restlocal0"
    websocket_api_id: str = "socklocal0"

    # Quotas of a WebSocket connection.
    idle_timeout: float = 600.0
    """Seconds without data in either direction after which a socket is closed with 1001."""
    max_connection_age: float = 7_200.0
    """Seconds after which a socket is closed with 1001, however active it is."""
    max_message_bytes: int = 131_072
    """Largest message of a client (else close code 1009) and of a post (else 413)."""
    max_frame_bytes: int = 32_768
    """Largest frame of a client (else close code 1009); longer posts are sent in several frames."""
    ping_resets_idle: bool = False
    """Whether a protocol ping counts as activity. AWS does not say; a JSON ping always counts."""
    send_buffer_bytes: int = 1_048_576
    """What may wait for a client that reads slowly before posts to it are answered with 429."""
    handshake_timeout: float = 10.0
    """Seconds that a client has to send its upgrade request before its TCP connection is cut."""
    close_timeout: float = 1.0
    """Seconds that a client has to answer a close frame before its TCP connection is cut."""
    shutdown_timeout: float = 2.0
    """Seconds that ``Gateway.stop`` gives the sockets to close, and again the ``$disconnect`` functions."""

    # Quotas of the account and of an integration.
    connection_rate: float = 500.0
    """New WebSocket connections per second; the bucket holds one second's worth."""
    request_rate: float = 10_000.0
    """Requests per second over both APIs, messages and callbacks (the account throttle)."""
    request_burst: int = 5_000
    """Size of the bucket that ``request_rate`` fills."""
    integration_timeout: float = 29.0
    """Seconds after which the gateway stops waiting for a function."""
    max_request_bytes: int = 10_485_760
    """Largest body of a REST request."""
    max_header_bytes: int = 10_240
    """Largest sum of all header names and values of a REST request."""
    max_authorizer_result_bytes: int = 8_192
    """Largest result of an authorizer."""
    require_signature: bool = True
    """Whether ``@connections`` wants a Signature Version 4 header with the scope ``execute-api``."""
    route_responses: bool = False
    """Whether a message's result is sent to its sender (a ``$default`` route response)."""

    # Quotas of the functions.
    function_timeout: float = 60.0
    """Seconds that a function has by its own configuration; after that it counts as failed."""
    function_memory_mb: int = 128
    """What the Lambda context says about memory; nothing is enforced."""
    function_concurrency: int = 1_000
    """Invocations at the same time; more are refused as Lambda refuses them."""
    max_payload_bytes: int = 6_291_556
    """Largest event and largest result of a synchronous invocation, as JSON."""

    # Disorders. ``seed`` decides on all: those of posts by connection and post, the others in their order.
    seed: int = 0
    handling: Handling = "concurrent"
    """How messages of one socket are handled: at once, one after the other, or after a random wait."""
    handling_jitter: float = 0.02
    """The longest random wait before a message is handled when ``handling`` is ``shuffled``."""
    disconnect: Disconnect = "prompt"
    """``$disconnect`` at once, after the next ``$connect``, twice, or never."""
    disconnect_delay: float = 1.0
    """The longest wait for the next ``$connect`` (late), and the wait before the repeat (doubled)."""
    drop_detection: float = 0.0
    """Seconds in which posts to a socket that lost its TCP connection still answer 200."""
    posts_failed: float = 0.0
    """Chance that a post answers 500 and delivers nothing."""
    posts_throttled: float = 0.0
    """Chance that a post answers 429 and delivers nothing."""
    posts_hung: float = 0.0
    """Chance that a post delivers nothing and never answers."""
    posts_duplicated: float = 0.0
    """Chance that a post delivers its message twice."""
    posts_failed_after_delivery: float = 0.0
    """Chance that a post delivers and answers 500: an SDK then posts again."""
    posts_gone_after_delivery: float = 0.0
    """Chance that a post delivers and answers 410 all the same (a false gone)."""
    posts_slow: float = 0.0
    """Chance that a post answers ``slow_post`` seconds late; the message goes out at once."""
    slow_post: float = 1.0
    posts_shuffled: float = 0.0
    """Chance that a posted message goes out after a random wait of at most ``shuffle_jitter``."""
    shuffle_jitter: float = 0.02

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
                raise ValueError(f"{field.name} is a chance from 0 to 1, but is {value}")
