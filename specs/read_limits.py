"""The table "Reads" of docs/protocol.md: the most read units of each command and route. A test walks all of them.

`python -m specs.read_limits` prints it. A unit is 4 KB that are read consistently, as DynamoDB charges it.
"""

from __future__ import annotations

import enum
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

UNIT = 4096
BASE = 20
"""The units that any request may read."""
PER_NAMED = 2
"""The units for each id that a request names, and for each conversation of a list."""
PAGE_UNITS = 70
"""The units of a page of a list whose entries are small items: 101 of 2.6 KB at most."""
SLACK = 256 * 1024
"""The bytes of the log that a request may read beside twice its answer."""


class Reads(enum.Enum):
    """A read that depends on the data, as the documentation calls it."""

    LOG = "twice the answer and 256 KB of the log"
    ROSTER = "the participants: 1 for 4 KB of the roster, and 1 for the read pointer of each"
    SUBSCRIBERS = "the subscriptions to the conversation: 1 for 4 KB"
    FEED = "the feeds: 1 for 4 KB of the roster, and 1 for each participant"
    PRESENCE = "1 for each connection of the conversation, where presence is shown"
    EDITS = "the message with its edits and reactions: 1 for 4 KB"
    CONVERSATIONS = "2 for each conversation of the caller"
    LISTED = "2 for each conversation of the page"
    ENTRIES = "70 for the entries of the page, and for those that have expired"
    FORMER = "4 for each conversation that the caller is or was in"
    SUBSCRIPTIONS = "10 more for each conversation that it names"
    COMMANDS = "for each of its commands what that reads by itself"


@dataclass(frozen=True, slots=True)
class Facts:
    """The sizes of the data that a request met."""

    named: int = 0
    answered: int = 0
    """Bytes of the answer."""
    participants: int = 0
    roster: int = 0
    """Bytes of the roster."""
    subscribers: int = 0
    """Bytes of the subscriptions."""
    connections: int = 0
    edits: int = 0
    """Bytes of the message and its edits."""
    conversations: int = 0
    listed: int = 0
    """Conversations on a page of all of them."""
    former: int = 0
    """Conversations that the caller was in."""


_R = Reads
_SHOWN = (_R.ROSTER, _R.SUBSCRIBERS, _R.PRESENCE)
"""The participants of a conversation with their presence."""
_CHANGED = (*_SHOWN, _R.LOG)
"""A change of a conversation: the answer shows it, and it is pushed."""
_C, _M = "/conversations/{conversation_id}", "/conversations/{conversation_id}/messages/{sequence_id}"
_E = "/service/endpoints/{endpoint_id}"
READS: Mapping[str, tuple[Reads, ...]] = {
    "connect": (), "hello": (*_SHOWN, _R.LOG, _R.SUBSCRIPTIONS), "subscribe": (*_SHOWN, _R.LOG),
    "sync": (*_SHOWN, _R.LOG),
    "unsubscribe": (_R.SUBSCRIBERS,), "read": (_R.SUBSCRIBERS,), "typing": (_R.SUBSCRIBERS,), "auth": (),
    "ping": (), "message": (_R.SUBSCRIBERS, _R.FEED), "edit": (_R.SUBSCRIBERS, _R.FEED, _R.EDITS),
    "delete": (_R.SUBSCRIBERS, _R.FEED, _R.EDITS), "react": (_R.SUBSCRIBERS, _R.EDITS),
    "unreact": (_R.SUBSCRIBERS, _R.EDITS), "batch": (_R.COMMANDS,),
    "POST /conversations": _CHANGED, "PUT /direct": _CHANGED, "GET /conversations": (_R.CONVERSATIONS, _R.LOG),
    f"GET {_C}": _CHANGED, f"PATCH {_C}": (*_CHANGED, _R.FEED),
    f"DELETE {_C}": (_R.SUBSCRIBERS, _R.ROSTER, _R.FEED),
    f"POST {_C}/join": _CHANGED, f"POST {_C}/leave": (_R.ROSTER, _R.SUBSCRIBERS, _R.PRESENCE),
    f"POST {_M}/report": (_R.ROSTER, _R.EDITS),
    f"GET {_C}/reports": (_R.LOG,), f"PATCH {_C}/reports/{{report}}": (),
    f"POST {_C}/participants": (_R.ROSTER, _R.SUBSCRIBERS),
    f"PATCH {_C}/participants": (_R.ROSTER, _R.SUBSCRIBERS, _R.PRESENCE),
    f"DELETE {_C}/participants": (_R.ROSTER, _R.SUBSCRIBERS),
    f"GET {_C}/bans": (_R.ENTRIES,), f"DELETE {_C}/bans": (_R.SUBSCRIBERS,), f"POST {_C}/invites": (),
    f"GET {_C}/invites": (_R.ENTRIES,), f"DELETE {_C}/invites/{{invite}}": (), f"GET {_C}/audit": (_R.ENTRIES,),
    f"GET {_C}/messages": (_R.LOG,), f"GET {_C}/events": (_R.LOG,),
    f"POST {_C}/messages": (_R.SUBSCRIBERS, _R.FEED),
    "POST /batch": (_R.COMMANDS,), f"PATCH {_M}": (_R.SUBSCRIBERS, _R.FEED, _R.EDITS),
    f"DELETE {_M}": (_R.SUBSCRIBERS, _R.FEED, _R.EDITS), f"GET {_M}/reactions": (_R.EDITS,),
    f"PUT {_M}/reactions": (_R.SUBSCRIBERS, _R.EDITS), f"DELETE {_M}/reactions": (_R.SUBSCRIBERS, _R.EDITS),
    f"PUT {_C}/read": (_R.SUBSCRIBERS,), "GET /me/export": (_R.LOG, _R.FORMER),
    f"PATCH {_C}/me": (), f"GET {_C}/pending": (_R.ENTRIES,), f"DELETE {_C}/pending": (),
    "GET /me/blocks": (), "PUT /me/blocks": (_R.SUBSCRIBERS, _R.PRESENCE),
    "DELETE /me/blocks": (_R.SUBSCRIBERS, _R.PRESENCE),
    "PUT /me/profile": (), "GET /me": (), "DELETE /me": (), "GET /me/erasure": (),
    "POST /tickets": (),
    "POST /service/conversations": _CHANGED, "GET /service/conversations": (_R.LISTED,),
    f"GET /service{_C}": _CHANGED, f"PATCH /service{_C}": (*_CHANGED, _R.FEED),
    f"DELETE /service{_C}": (_R.SUBSCRIBERS, _R.ROSTER, _R.FEED),
    f"GET /service{_C}/messages": (_R.LOG,), f"GET /service{_C}/events": (_R.LOG,),
    f"POST /service{_C}/messages": (_R.SUBSCRIBERS, _R.FEED),
    f"DELETE /service{_M}": (_R.SUBSCRIBERS, _R.FEED, _R.EDITS),
    f"POST /service{_C}/participants": (_R.ROSTER, _R.SUBSCRIBERS),
    f"PATCH /service{_C}/participants": (_R.ROSTER, _R.SUBSCRIBERS, _R.PRESENCE),
    f"DELETE /service{_C}/participants": (_R.ROSTER, _R.SUBSCRIBERS),
    f"GET /service{_C}/bans": (_R.ENTRIES,), f"DELETE /service{_C}/bans": (_R.SUBSCRIBERS,),
    f"GET /service{_C}/audit": (_R.ENTRIES,), f"POST /service{_C}/invites": (),
    f"GET /service{_C}/invites": (_R.ENTRIES,),
    f"DELETE /service{_C}/invites/{{invite}}": (),
    f"GET /service{_C}/pending": (_R.ENTRIES,), f"DELETE /service{_C}/pending": (),
    f"DELETE /service{_M}/reactions": (_R.SUBSCRIBERS, _R.EDITS),
    f"GET /service{_C}/reports": (_R.LOG,), f"PATCH /service{_C}/reports/{{report}}": (),
    "GET /service/reports": (_R.LOG, _R.LISTED),
    "GET /service/participants": (), "PATCH /service/participants": (_R.PRESENCE,),
    "GET /service/participants/export": (_R.LOG, _R.FORMER), "DELETE /service/participants": (),
    "GET /service/participants/erasure": (),
    "POST /service/endpoints": (), "GET /service/endpoints": (), f"GET {_E}": (), f"PATCH {_E}": (),
    f"DELETE {_E}": (), f"POST {_E}/secret": (), f"POST {_E}/resume": (), f"POST {_E}/test": (),
}  # fmt: skip
"""By command or route: the reads beyond the base and the named ids."""
BATCHED = ("message", "edit", "delete", "react", "unreact", "read")
"""The commands of batches, each of which names one conversation."""


def most_units(request: str, facts: Facts) -> float:
    """Return the most units that a request may read."""
    units = {
        Reads.LOG: math.ceil((2 * facts.answered + SLACK) / UNIT),
        Reads.ROSTER: facts.participants + math.ceil(facts.roster / UNIT),
        Reads.SUBSCRIBERS: math.ceil(facts.subscribers / UNIT),
        Reads.FEED: facts.participants + math.ceil(facts.roster / UNIT),
        Reads.PRESENCE: facts.connections,
        Reads.EDITS: math.ceil(facts.edits / UNIT),
        Reads.CONVERSATIONS: 2 * facts.conversations,
        Reads.LISTED: 2 * facts.listed,
        Reads.ENTRIES: PAGE_UNITS,
        Reads.FORMER: 4 * (facts.conversations + facts.former),
        Reads.SUBSCRIPTIONS: 10 * facts.named,
    }
    if Reads.COMMANDS in READS[request]:
        alone = replace(facts, named=1)
        units[Reads.COMMANDS] = facts.named * math.ceil(max(most_units(command, alone) for command in BATCHED))
    return BASE + PER_NAMED * facts.named + sum(units[read] for read in READS[request])


def table() -> str:
    """Return the table in Markdown: one row for each set of reads."""
    rows: dict[tuple[Reads, ...], list[str]] = {}
    for request, reads in READS.items():
        key = tuple(sorted(set(reads), key=list(Reads).index))
        rows.setdefault(key, []).append(f"`{request.replace(_C, '…')}`")
    lines = [f"| command or route | {BASE} units, {PER_NAMED} for each id that it names, and |", "|---|---|"]
    lines += [
        f"| {', '.join(requests)} | {'; '.join(read.value for read in reads) or '–'} |"
        for reads, requests in rows.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
