"""Every kind of row of both tables, with its outcome in a restore: the one place that decides it.

The table in docs/operations.md is generated from this one. A test fails for a kind of row that is missing here,
and a restore refuses a table with a row that it does not know.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from infra.errors import InfraError


class Row(NamedTuple):
    """A kind of row. A key part that ends in `#` is a prefix, any other is the whole part; `` is any."""

    pk: str
    sk: str
    content: str
    outcome: str


CONVERSATIONS = (
    Row(
        "C#",
        "HEAD",
        "head",
        "as at TIME, with the events of the replay; deleted if it was deleted or purged since",
    ),
    Row("C#", "INFO", "details", "as at TIME; the stricter join policy and the shorter retention hold"),
    Row("C#", "E#", "event", "as at TIME; contents that were deleted, erased or expired since are removed again"),
    Row("C#", "R#", "reaction", "as at TIME; removed with the content of its message"),
    Row("C#", "P#", "roster entry", "with the membership"),
    Row("C#", "L#", "past membership", "as at TIME; removals and mutes since are added, the longer mute holds"),
    Row("C#", "B#", "ban", "as at TIME; bans since are added, and those lifted since hold again"),
    Row(
        "C#",
        "S#",
        "sanctions on an erased participant",
        "as at TIME; those since are added, the longer mute holds",
    ),
    Row("C#", "I#", "invite", "as at TIME; deleted if revoked since, with the higher number of uses"),
    Row("C#", "V#", "use of an invite", "as at TIME; uses since are added"),
    Row("C#", "A#", "audit entry", "as at TIME; entries since are lost, those of the replay name `service`"),
    Row("C#", "M#", "open report of a message", "as at TIME: those since are lost"),
    Row("C#", "Y#", "closed report", "as at TIME: one that was closed since is open again"),
    Row("C#", "RETENTION", "progress of retention", "as at TIME; the sweep continues"),
    Row(
        "U#",
        "C#",
        "membership",
        "as at TIME; ended if it ended since; the lower role and the longer mute hold, but there is an owner",
    ),
    Row("C#", "N#", "pending membership", "as at TIME; deleted if it has ended since, and those since are lost"),
    Row("U#", "N#", "pending membership of the participant", "with that of the conversation"),
    Row("U#", "W#", "hidden pending membership", "as at TIME; those since are added"),
    Row(
        "U#",
        "B#",
        "block",
        "as at TIME; those since are added, but for erased participants, and those lifted since hold again",
    ),
    Row("B#", "U#", "block, by the blocked participant", "with the block"),
    Row("U#", "M#", "copy of a report for its reporter", "with the report"),
    Row("U#", "PROFILE", "profile", "as at TIME"),
    Row("PROFILES", "", "progress of copying a profile", "as at TIME; the sweep continues"),
    Row(
        "U#",
        "STANDING",
        "standing of a participant",
        "as at TIME, without the memberships that the replay ends; suspended if it is now",
    ),
    Row(
        "U#",
        "D#",
        "direct conversation of a participant",
        "as at TIME; those since are lost, and the two begin anew",
    ),
    Row("U#", "I#", "creation with an idempotency key", "as at TIME, like the conversation that it names"),
    Row("U#", "F#", "footprint", "as at TIME, and of each membership that the replay ends"),
    Row("K#", "K", "idempotency record", "as at TIME: a message that was lost can be sent again"),
    Row("Q#", "", "queued run, lease", "deleted: its sender was never answered"),
    Row("PURGE", "", "conversation to be purged", "as at TIME; conversations deleted since are added"),
    Row("RETENTION", "", "retention check", "as at TIME; the sweep continues"),
    Row("N#", "", "conversation in the index by creation", "as at TIME; the purge of a conversation deletes it"),
    Row("M#", "", "open report in the index of all conversations", "with the report"),
    Row("J#", "JOB", "erasure", "run again, before the stage is opened, if it was requested since"),
    Row("JOBS", "", "pending erasure", "with the erasure"),
    Row("ENDPOINTS", "", "endpoint", "taken over, as it is now"),
    Row(
        "O#",
        "",
        "cursor",
        "up to where both logs are the same, also of lost conversations; the next delivery is `log_reset`",
    ),
    Row("G#", "", "lag note", "as at TIME, and of each lost conversation; the sweep continues"),
    Row("H#", "", "slot of concurrent attempts", "as at TIME; it expires"),
    Row(
        "W#",
        "E#",
        "heartbeat, queued entry of the deployment log",
        "as at TIME; those of deletions since are added",
    ),
    Row("DEPLOYMENT", "HEAD", "head of the deployment log", "as at TIME"),
    Row("DEPLOYMENT", "E#", "event of the deployment log", "as at TIME"),
    Row("PUBLISHING", "", "progress of the walk, heartbeat", "as at TIME; a walk follows"),
)
CONNECTIONS = (
    Row("X#", "CONNECTION", "connection", "dropped: it is closed, and the client connects again"),
    Row("X#", "S#", "subscription", "dropped, with the connection"),
    Row("X#", "T#", "typing", "dropped, with the connection"),
    Row("C#", "S#", "subscription", "dropped, with the connection"),
    Row("C#", "D#", "pending offline", "dropped: the offline push is not sent"),
    Row("U#", "X#", "active connection", "dropped, with the connection"),
    Row("L#", "", "rate limiter", "dropped: it begins anew"),
    Row("U#", "FEED", "directory of connections with a feed", "dropped, with the connections"),
    Row("U#", "O-REFUSED", "refusal of new connections", "dropped: the limit begins anew"),
    Row("U#", "K#", "reference to a ticket", "dropped, with the ticket"),
    Row("U#", "O#", "reference to a connection", "dropped, with the connection"),
    Row("K#", "TICKET", "ticket", "dropped: the client gets another one"),
    Row("V#", "REVOKED", "revocation of tokens, suspension, registered agent", "taken over, as it is now"),
)


def row_of(table: tuple[Row, ...], pk: str, sk: str) -> Row | None:
    """Return the kind of a row, None if it is unknown."""
    return next((row for row in table if _matches(row.pk, pk) and _matches(row.sk, sk)), None)


def require_known(table: tuple[Row, ...], pk: str, sk: str) -> None:
    """Raise InfraError for a row of an unknown kind. The message has no id."""
    if row_of(table, pk, sk) is None:
        raise InfraError(
            f"The table has a row of an unknown kind ({pk[:2]}…, {sk[:2]}…). A newer release wrote it:"
            " restore with that release"
        )


def documentation() -> str:
    """Return the tables of docs/operations.md."""
    lines = []
    for title, table in (("conversations", CONVERSATIONS), ("connections", CONNECTIONS)):
        lines += [f"| {title} table: pk | sk | row | after the restore |", "|---|---|---|---|"]
        lines += [f"| {_key(row.pk)} | {_key(row.sk)} | {row.content} | {row.outcome} |" for row in table]
        lines.append("")
    return "\n".join(lines)


def _matches(part: str, key: str) -> bool:
    return key.startswith(part) if part.endswith("#") or not part else key == part


def _key(part: str) -> str:
    return f"`{part}…`" if part.endswith("#") else f"`{part}`" if part else "any"


if __name__ == "__main__":
    sys.stdout.write(documentation())
