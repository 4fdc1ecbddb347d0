"""What people do, and what a call takes: every assumption of the model, each with a name and a unit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, ValidationError

from infra.errors import InfraError

PROFILE = Path(__file__).parent / "profile.json"


class _Numbers(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Usage(_Numbers):
    """What one daily user does, per day unless it says otherwise."""

    days: PositiveFloat
    """Days of a month."""
    messages: NonNegativeFloat
    messages_over_http: float = Field(ge=0, le=1)
    """Share of the messages that is sent by HTTP instead of a socket."""
    content_bytes: NonNegativeFloat
    """Of a message."""
    participants: PositiveFloat
    """Of a conversation."""
    listeners: float = Field(ge=1)
    """Sockets that hear a message, one of the sender's own among them."""
    typing: NonNegativeFloat
    """`typing` frames; each is passed on."""
    reads: NonNegativeFloat
    """Moves of a read pointer."""
    socket_hours: NonNegativeFloat
    """Hours with an open socket."""
    connects: NonNegativeFloat
    """Sockets opened, and closed again."""
    subscriptions: NonNegativeFloat
    """Conversations that a socket subscribes to."""
    others_online: NonNegativeFloat
    """Sockets of others in each of those that are told when somebody comes or goes."""
    back_at_once: float = Field(ge=0, le=1)
    """Share of departures after which somebody is back before that has settled, so that nobody is told."""
    caught_up: NonNegativeFloat
    """Events that a subscription brings."""
    ping_interval: PositiveFloat
    """Seconds between the pings of a socket (`CHAT_TIME_PING_INTERVAL`)."""
    heads: NonNegativeFloat
    """Conversations that a ping asks after."""
    conversations: NonNegativeFloat
    """That a person is in."""
    lists: NonNegativeFloat
    """First pages of the list of conversations."""
    opens: NonNegativeFloat
    """Reads of one conversation with its newest 50 messages."""
    history_pages: NonNegativeFloat
    """Pages of 50 messages."""
    creations: NonNegativeFloat
    """Conversations made."""
    member_changes: NonNegativeFloat
    """Joins, departures and changes of a role."""
    tickets: NonNegativeFloat
    """Socket tickets, each got and redeemed."""
    preflights: NonNegativeFloat
    """Browsers' questions (CORS) for each HTTP request."""
    authorizer_misses: float = Field(ge=0, le=1)
    """Share of HTTP requests for which API Gateway asks the authorizer, which it then heeds for 300 s."""
    months_kept: NonNegativeFloat
    """Months of messages that lie in the table."""


class Technical(_Numbers):
    """What a call takes. Milliseconds of processor are those of a whole one."""

    call_ms: NonNegativeFloat
    """A call of DynamoDB, and so a round of calls at the same time."""
    transaction_ms: NonNegativeFloat
    post_ms: NonNegativeFloat
    """The slowest of posts at the same time."""
    cpu_ms_per_call: NonNegativeFloat
    cpu_ms_per_post: NonNegativeFloat
    cold_share: float = Field(ge=0, le=1)
    """Share of invocations that begin with the initialisation; of the hourly sweep's it is all."""
    init_ms: NonNegativeFloat
    platform_log_bytes: NonNegativeFloat
    """Lambda's own lines of an invocation, start and report."""
    metrics_line_bytes: NonNegativeFloat
    """The line of metrics (EMF) of an invocation that measures something."""
    metric_bytes: NonNegativeFloat
    """Of each metric in that line."""
    http_log_bytes: NonNegativeFloat
    """The access log's line of a request."""
    socket_log_bytes: NonNegativeFloat
    """The access log's line of a frame that comes in, a connect or a disconnect."""
    log_compression: NonNegativeFloat
    """What is left of logs when they are stored."""
    custom_metrics: NonNegativeFloat
    """Names of our own metrics, each with the stage as its one dimension."""
    idle_metrics: NonNegativeFloat
    """Those of them that are sent, and so paid, with nobody there: the cold starts of the sweep."""
    artefact_gb: NonNegativeFloat
    """Bundles kept in S3."""


class Profile(_Numbers):
    """Both."""

    usage: Usage
    technical: Technical


def read_profile(path: Path | None = None) -> Profile:
    """The usual profile, and of it what the file at `path` gives otherwise. Raises InfraError."""
    values = _read(PROFILE)
    if path is not None:
        for section, given in _read(path).items():
            known = values.get(section)
            values[section] = known | given if isinstance(known, dict) and isinstance(given, dict) else given
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        problems = [f"    {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise InfraError("\n".join([f"{path or PROFILE}:", *problems])) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InfraError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise InfraError(f"{path} must hold an object with usage, technical or both, as {PROFILE.name} does")
    return found
