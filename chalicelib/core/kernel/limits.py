"""The limits and times of a deployment: frozen values, filled from the settings."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

WALK = "walk"
"""The message of the queue of deliveries for a part of the walk of all conversations."""
MAX_DELAY = 900.0
"""The longest delay of an SQS message, in seconds (SQS developer guide, quotas)."""
MAX_HOOK_TIME = 4.0
"""Seconds: less than `append_deadline`, so that time is left for the append."""
MIN_RETENTION_DAYS, MAX_RETENTION_DAYS = 30, 365
"""The range of retention, if it is set. Nothing expires before the minimum."""
MAX_BATCH_COMMANDS = 24
"""The maximum number of commands in a batch."""

MAY_BE_ZERO = (
    "messages_before_acceptance",
    "typing_participants",
    "presence_participants",
    "activity_participants",
    "activity_preview_characters",
)
"""The limits of which 0 turns something off."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that clients encounter."""

    participants: int = 100
    title_characters: int = 200
    content_characters: int = 10_000
    content_bytes: int = 24_000
    mentions: int = 20
    metadata_bytes: int = 4_096
    edits_per_message: int = 50
    """How many times a message can be edited."""
    emoji_per_message: int = 20
    """How many different emoji a message can have as reactions."""
    client_message_id_characters: int = 128
    command_id_characters: int = 128
    frame_bytes: int = 32_768
    body_bytes: int = 256 * 1024
    messages_per_second: int = 10
    message_burst: int = 100
    changes_per_minute: int = 30
    """How many joins, leaves, and changes of conversations and roles a participant may request a minute."""
    change_burst: int = 30
    creations_per_minute: int = 20
    creation_burst: int = 60
    """How many conversations a participant may create."""
    additions_per_minute: int = 20
    addition_burst: int = 200
    """How many other people a participant may add, those in creations included."""
    invitations_per_minute: int = 10
    invitation_burst: int = 20
    """How many `invited` frames a participant receives; the list has the rest."""
    reports_per_minute: int = 10
    report_burst: int = 20
    """How many messages a participant may report."""
    conversations: int = 2_000
    """In how many conversations a participant can be that they have created or joined."""
    added_conversations: int = 2_000
    """To how many conversations others can add a participant without asking."""
    pending_memberships: int = 200
    """How many pending memberships a participant sees."""
    messages_before_acceptance: int = 1
    """How many messages the opener of a direct conversation may send before the other participant accepts it."""
    connections: int = 20
    """How many WebSocket connections a participant may have; the oldest is closed."""
    frames_per_second: int = 25
    """How many frames a participant may send; above the burst, the connection is closed."""
    frame_burst: int = 500
    budget_per_second: int = 200
    """The cost of a participant's requests, in millionths of a dollar (`core/conversations/prices.py`)."""
    budget_burst: int = 20_000
    service_budget_per_second: int = 10_000
    """The cost of a service's requests, those for participants included: they have no other limit."""
    service_budget_burst: int = 200_000
    service_deliveries: int = 2
    """How many deliveries to one endpoint are attempted at the same time: fewer than `events.concurrency` of the
    stage, so that a slow endpoint delays no other."""
    service_delivery_failures: int = 20
    """After how many failures, while others succeed, a conversation is no longer published to an endpoint."""
    typing_participants: int = 50
    """Up to how many participants a conversation pushes typing; 0 turns it off."""
    presence_participants: int = 50
    """Up to how many participants a conversation pushes presence; 0 turns it off."""
    activity_participants: int = 100
    """Up to how many participants a conversation pushes activity to feeds; 0 turns it off."""
    activity_preview_characters: int = 120
    """How much of the last message activity shows; 0: nothing of its content."""

    def __post_init__(self) -> None:
        """Raise ValueError if a limit is too small, or too large for a frame or a transaction."""
        for name, value in asdict(self).items():
            minimum = 0 if name in MAY_BE_ZERO else 1
            if value < minimum:
                raise ValueError(f"the limit {name} must be at least {minimum}, not {value}")
        # An item of DynamoDB has up to 400 KB, a frame up to 128 KB, and escaping can double the bytes of a text.
        maxima = {
            "content_bytes": 24_000,
            "metadata_bytes": 8_192,
            "mentions": 100,
            "emoji_per_message": 100,
            "client_message_id_characters": 256,
            "command_id_characters": 256,
            "activity_preview_characters": 1_000,
        }
        for name, maximum in maxima.items():
            if getattr(self, name) > maximum:
                raise ValueError(f"the limit {name} must be at most {maximum}, so that an event fits into a frame")
        for kind in ("changes", "creations", "additions", "invitations", "reports"):
            if getattr(self, f"{kind}_per_minute") > 60_000:
                raise ValueError(f"the limit {kind}_per_minute must be at most 60000, one a millisecond")
        for name in ("messages_per_second", "frames_per_second", "budget_per_second"):
            if getattr(self, name) > 1000:
                raise ValueError(f"the limit {name} must be at most 1000, one a millisecond")
        if self.message_burst < MAX_BATCH_COMMANDS:
            raise ValueError(
                f"the limit message_burst must be at least {MAX_BATCH_COMMANDS}, for the commands of a batch"
            )
        if self.edits_per_message > 90:
            raise ValueError(
                "the limit edits_per_message must be at most 90: a deletion rewrites all edits in one transaction"
            )

    def public(self) -> dict[str, int]:
        """Return the limits as `welcome` has them: those that clients of participants encounter."""
        return {name: value for name, value in asdict(self).items() if not name.startswith("service_")}


@dataclass(frozen=True, slots=True)
class Timing:
    """Times in seconds."""

    ping_interval: int = 240
    ticket_lifetime: int = 30
    service_session: int = 3600
    """How long a connection lasts that a participant opened with a service's ticket."""
    expired_token_grace: int = 60
    append_deadline: float = 5.0
    """How long an append is retried before it fails with CONVERSATION_BUSY."""
    batch_deadline: float = 12.0
    """When a batch begins no further command; the one in progress and the fan-out follow."""
    hook: float = 2.0
    """How long the hook may take to answer. It counts into the other deadlines."""
    http_fan_out: float = 1.0
    """How long an HTTP response waits for the fan-out."""
    socket_fan_out: float = 5.0
    """How long the invocation of a command continues the fan-out after its reply was posted."""
    typing_interval: float = 3.0
    """The shortest time between two typing pushes of one participant."""
    flood_refusal: float = 60.0
    """For how long a participant who sent too many frames can open no connection."""
    presence_debounce: float = 5.0
    """How long a participant must be disconnected to be pushed as offline; 0 is at once, without the queue."""
    closed_retention: int = 30 * 24 * 3600
    """How long a conversation without participants is kept."""
    pending_lifetime: int = 30 * 24 * 3600
    """After how long a pending membership expires."""
    report_lifetime: int = 30 * 24 * 3600
    """After how long a report expires, open or closed: by default never after the content that it is about."""
    erasure_grace: float = 60.0
    """How long an erasure waits before it rewrites a conversation: longer than an invocation can run."""
    retention_day: float = 24 * 3600.0
    """The length of a day of retention, which tests shorten."""

    def __post_init__(self) -> None:
        """Raise ValueError if a time is out of range."""
        if not 0 <= self.presence_debounce <= MAX_DELAY:
            raise ValueError(f"the time presence_debounce must be 0 to {MAX_DELAY:.0f} seconds")
        if not 0 < self.hook <= MAX_HOOK_TIME:
            raise ValueError(f"the time hook must be more than 0 and at most {MAX_HOOK_TIME:.0f} seconds")

    @property
    def typing_expires(self) -> int:
        """The seconds without a push after which a participant is no longer typing: two intervals and a margin."""
        return math.ceil(2 * self.typing_interval) + 1


def first_check_at(now: int, timing: Timing) -> int:
    """Return when a new conversation is first checked for expired content, in epoch seconds. `now` is in ms."""
    return int(now / 1000 + MIN_RETENTION_DAYS * timing.retention_day)
