"""What each thing that people do takes: frames, requests, units of DynamoDB, work of a function.

Units are those of docs/data-model.md, "Access patterns and costs", and what that table leaves out:
a query takes one read unit at least; a `read` over a socket looks at the socket's row and at the subscriptions,
too; a ping is noted at the socket; a socket's first frame makes it reachable; who comes is told to others at
once, who goes by way of the queue, and neither of who is back before that has settled. A list reads each head
once, and the memberships as one query.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .profile import Usage

METERED_BYTES = 32 * 1024
"""API Gateway counts a frame once for each 32 KB of it (its price page)."""
WRITE_BYTES, READ_BYTES = 1024, 4 * 1024
"""Of a unit of DynamoDB (developer guide, "Read/write capacity mode")."""
SUBSCRIPTIONS_IN_A_UNIT = 12
PAGE = 50

# Bytes, with ordinary ids and names. Stored items count for 100 more each (developer guide, "Item sizes").
EVENT_FRAME, EVENT_ITEM, RECORD_ITEM, HEAD_ITEM, INFO_ITEM, MEMBER_ITEM = 350, 450, 200, 200, 250, 220
ACK_FRAME, SHORT_FRAME, HEAD_IN_PONG, WELCOME, SUBSCRIBED = 250, 175, 50, 490, 200
PARTICIPANT, CONVERSATION = 150, 230
FRAME_OVERHEAD, HTTP_OVERHEAD, ITEM_OVERHEAD = 30, 400, 100


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that is done, once."""

    name: str
    function: str
    """Its name in `.chalice/config.json`."""
    http: int = 0
    frames_in: float = 0
    """As they are metered."""
    frames_out: float = 0
    """As they are metered."""
    posts: float = 0
    socket_log_lines: int = 0
    metrics: int = 0
    """Of our own, that it sends."""
    writes: float = 0
    reads: float = 0
    calls: float = 0
    """Of DynamoDB, transactions included."""
    rounds: float = 0
    """How often it waits for calls that are no transactions."""
    transactions: float = 0
    """How often it waits for transactions."""
    queue: float = 0
    """Requests to SQS."""
    bytes_out: float = 0
    stored: float = 0
    """Bytes that stay in the table."""
    always_cold: bool = False


def metered(size: float) -> int:
    """How often a frame of so many bytes is counted."""
    return max(1, math.ceil(size / METERED_BYTES))


def query_units(items: float, in_a_unit: float = SUBSCRIPTIONS_IN_A_UNIT) -> int:
    """Read units of a consistent query: its items together, rounded up; an empty one takes a unit as well."""
    return max(1, math.ceil(items / in_a_unit))


def page_units(usage: Usage, messages: float) -> int:
    """Read units of so many messages of the log."""
    return query_units(messages, READ_BYTES / (EVENT_ITEM + usage.content_bytes))


def message_units(usage: Usage) -> int:
    """Write units of a message: a transaction (doubled) of head, event, record and membership; the rate."""
    event = math.ceil((EVENT_ITEM + usage.content_bytes) / WRITE_BYTES)
    return 2 * (3 + event) + 1


def message(usage: Usage, *, http: bool = False) -> Operation:
    """A message that nobody else's collides with, from the frame to the last push."""
    event, heard = EVENT_FRAME + usage.content_bytes, usage.listeners
    pushes = heard * (event + FRAME_OVERHEAD)
    stored = EVENT_ITEM + usage.content_bytes + RECORD_ITEM + 2 * ITEM_OVERHEAD
    return Operation(
        name="message, by HTTP" if http else "message",
        function="api_handler" if http else "websocket_message",
        http=int(http),
        frames_in=0 if http else metered(event),
        frames_out=heard * metered(event) + (0 if http else 1),
        posts=heard + (0 if http else 1),
        socket_log_lines=0 if http else 1,
        metrics=4 if http else 5,
        writes=message_units(usage),
        reads=(2 if http else 3) + query_units(heard),
        calls=5 if http else 6,
        rounds=2 if http else 3,
        transactions=1,
        bytes_out=pushes + (event + HTTP_OVERHEAD if http else ACK_FRAME + FRAME_OVERHEAD),
        stored=stored,
    )


def _told(name: str, usage: Usage, *, answered: bool, reads: float, calls: float, rounds: float) -> Operation:
    """A small command that the other listeners are told of."""
    posts = usage.listeners - 1 + answered
    return Operation(
        name=name,
        function="websocket_message",
        frames_in=1,
        frames_out=posts,
        posts=posts,
        socket_log_lines=1,
        metrics=3,
        writes=1,
        reads=reads + query_units(usage.listeners),
        calls=calls,
        rounds=rounds,
        bytes_out=posts * (SHORT_FRAME + FRAME_OVERHEAD),
    )


def ping(usage: Usage) -> Operation:
    """A ping; a socket that was not heard for a quarter of the interval gets its row written as well."""
    return Operation(
        name="ping",
        function="websocket_message",
        frames_in=1,
        frames_out=1,
        posts=1,
        socket_log_lines=1,
        metrics=1,
        writes=1,
        reads=1 + 2 * usage.heads,
        calls=4,
        rounds=3,
        bytes_out=SHORT_FRAME + HEAD_IN_PONG * usage.heads + FRAME_OVERHEAD,
    )


def _hello(usage: Usage) -> Operation:
    """A socket's first frame: it becomes reachable, and subscribes; eight at once."""
    some, others = usage.subscriptions, usage.others_online
    batches, told = math.ceil(some / 8), others * (1 - usage.back_at_once)
    # Membership, head, roster, membership, and the head again for telling; three queries of the subscriptions.
    each = 4 + query_units(usage.participants) + 3 * query_units(1 + others) + (1 + others)
    each += page_units(usage, usage.caught_up)
    page = SUBSCRIBED + usage.participants * PARTICIPANT + usage.caught_up * (EVENT_FRAME + usage.content_bytes)
    posts = 1 + some * (1 + told)
    return Operation(
        name="hello and subscriptions",
        function="websocket_message",
        frames_in=1,
        frames_out=1 + some * (metered(page) + told),
        posts=posts,
        socket_log_lines=1,
        metrics=3,
        # The ninth takes the note of an earlier departure, which may be there.
        writes=4 + 9 * some,
        reads=1 + some * each,
        calls=2 + 12 * some,
        rounds=1 + 8 * batches,
        transactions=1 + batches,
        bytes_out=WELCOME + some * (page + told * SHORT_FRAME) + posts * FRAME_OVERHEAD,
    )


def _disconnect(usage: Usage) -> Operation:
    """A socket is closed: its subscriptions go, a note for each comes, and a message to the queue."""
    some, others = usage.subscriptions, usage.others_online
    return Operation(
        name="disconnect",
        function="websocket_disconnect",
        socket_log_lines=1,
        writes=2 + 3 * some,
        reads=1 + some * (2 + query_units(others)),
        calls=3 + math.ceil((2 * some + 1) / 25) + 4 * some,
        rounds=4 + 4 * some,
        queue=1,
    )


def _settled(usage: Usage) -> Operation:
    """The worker has that message: where the person is still away, the others are told."""
    some, others, away = usage.subscriptions, usage.others_online, 1 - usage.back_at_once
    posts = some * others * away
    return Operation(
        name="departure settled",
        function="worker",
        frames_out=posts,
        posts=posts,
        metrics=3,
        writes=some * away,
        reads=some * (1 + away * (2 + 2 * query_units(others))),
        calls=some * (1 + 5 * away),
        rounds=some * (1 + 5 * away),
        bytes_out=posts * (SHORT_FRAME + FRAME_OVERHEAD),
        queue=2,
    )


def _read_by_http(name: str, *, reads: float, calls: float, rounds: float, answer: float) -> Operation:
    return Operation(
        name, "api_handler", http=1, reads=reads, calls=calls, rounds=rounds, bytes_out=answer + HTTP_OVERHEAD
    )


def _create(usage: Usage) -> Operation:
    people = usage.participants
    items = EVENT_ITEM + HEAD_ITEM + INFO_ITEM + people * (2 * MEMBER_ITEM + PARTICIPANT)
    return Operation(
        name="conversation made",
        function="api_handler",
        http=1,
        frames_out=usage.others_online,
        posts=usage.others_online,
        metrics=3,
        writes=6 + 4 * people,
        reads=people,
        calls=1 + people,
        rounds=1,
        transactions=1,
        bytes_out=CONVERSATION + people * PARTICIPANT + HTTP_OVERHEAD + usage.others_online * CONVERSATION,
        stored=items + (3 + 2 * people) * ITEM_OVERHEAD,
    )


def _member_change(usage: Usage) -> Operation:
    return Operation(
        name="join, leave, role",
        function="api_handler",
        http=1,
        frames_out=usage.listeners,
        posts=usage.listeners,
        metrics=3,
        writes=14,
        reads=4 + query_units(usage.listeners),
        calls=6,
        rounds=4,
        transactions=1,
        bytes_out=usage.listeners * (EVENT_FRAME + FRAME_OVERHEAD) + CONVERSATION + HTTP_OVERHEAD,
        stored=EVENT_ITEM + 2 * MEMBER_ITEM + 3 * ITEM_OVERHEAD,
    )


SWEEP = Operation("sweep", "sweep", reads=1, calls=1, rounds=1, metrics=1, always_cold=True)
"""The hourly one, with nothing to clear away."""


def of_a_user(usage: Usage) -> list[tuple[Operation, float]]:
    """All that one daily user does, and how often a day."""
    event = EVENT_FRAME + usage.content_bytes
    listed = min(usage.conversations, PAGE)
    opened = 5 + query_units(usage.participants) + query_units(usage.listeners) + usage.listeners
    done = [
        (message(usage), usage.messages * (1 - usage.messages_over_http)),
        (message(usage, http=True), usage.messages * usage.messages_over_http),
        (_told("typing", usage, answered=False, reads=3, calls=5, rounds=4), usage.typing),
        (_told("read pointer", usage, answered=True, reads=4, calls=6, rounds=5), usage.reads),
        (ping(usage), usage.socket_hours * 3600 / usage.ping_interval),
        (
            Operation("connect", "websocket_connect", socket_log_lines=1, writes=1, calls=1, rounds=1),
            usage.connects,
        ),
        (_hello(usage), usage.connects),
        (_disconnect(usage), usage.connects),
        (_settled(usage), usage.connects),
        (
            _read_by_http(
                "list of conversations",
                # Memberships; then a head, a description, a newest message and a membership each.
                reads=query_units(usage.conversations) + usage.conversations + 3 * listed,
                calls=4,
                rounds=4,
                answer=listed * (CONVERSATION + event),
            ),
            usage.lists,
        ),
        (
            _read_by_http(
                "one conversation",
                reads=opened + page_units(usage, PAGE),
                calls=8,
                rounds=4,
                answer=PAGE * event + usage.participants * PARTICIPANT,
            ),
            usage.opens,
        ),
        (
            _read_by_http(
                "page of history", reads=3 + page_units(usage, PAGE), calls=4, rounds=3, answer=PAGE * event
            ),
            usage.history_pages,
        ),
        (_create(usage), usage.creations),
        (_member_change(usage), usage.member_changes),
        (
            Operation("ticket", "api_handler", http=1, writes=2, calls=1, rounds=1, bytes_out=HTTP_OVERHEAD),
            usage.tickets,
        ),
    ]
    asked = sum(times * each.http for each, times in done) * usage.authorizer_misses
    # Its one "call" is the check of a signature, about as much work.
    return [*done, (Operation("authorizer", "auth", calls=1), asked)]
