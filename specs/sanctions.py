"""The table "Sanctions" of docs/protocol.md: the effect of each sanction on every way back. Tests use it, too.

`python -m specs.sanctions` prints it.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping


class Sanction(enum.Enum):
    """A sanction, or a state that must not be shaken off, as the documentation calls it. Each is one column."""

    MUTE = "mute"
    BAN = "ban"
    REMOVAL = "removal"
    DEMOTION = "demotion"
    ERASURE = "running erasure"
    RATE_LIMIT = "rate limit reached"
    SUSPENSION = "suspension"


class Way(enum.Enum):
    """A way back, or around a sanction, as the documentation calls it. Each is one row."""

    REJOIN = "leave and join again, open conversation"
    USED_INVITE = "the invite by which the person joined"
    NEW_INVITE = "an invite created afterwards"
    OPEN_JOIN = "join after the conversation was opened"
    ADDITION = "be added"
    ACCEPTANCE = "be added afterwards, and accept"
    EARLIER_ADDITION = "accept an addition from before"
    SERVICE_ADDITION = "be added by a service"
    ERASURE = "be erased, then join"
    SUCCESSION = "become owner when the last owner leaves"
    EDIT = "edit messages"
    REACT = "react"
    TYPING = "show typing"
    EARLIER_REACTIONS = "reactions made before"
    METADATA = "change title and metadata, as a moderator"
    DIRECT = "write to the owner in a direct conversation"


class Effect(enum.Enum):
    """The result of a way under a sanction, as the documentation calls it."""

    IN_FORCE = "possible; it stays in force"
    ENDS = "possible; it ends"
    UNAFFECTED = "possible"
    NOT_FOUND = "404"
    MUTED = "403 `MUTED`"
    FORBIDDEN = "403 `FORBIDDEN`"
    BANNED = "409 `BANNED`"
    ERASURE_RUNNING = "409 `ERASURE_RUNNING`"
    RATE_LIMITED = "429"
    SUSPENDED = "403 `SUSPENDED`"
    PENDING = "pending: they must accept"
    VALIDATION_FAILED = "400"
    AFTER_MODERATORS = "after all moderators"
    LAST = "after all others"
    NEVER = "never"
    REMAIN = "stay; owners and moderators can remove them"
    PSEUDONYMOUS = "stay under a pseudonym; owners and moderators can remove them"


_E = Effect
_LIMITED, _SUSPENDED = _E.RATE_LIMITED, _E.SUSPENDED
_ROWS: Mapping[Way, tuple[Effect, ...]] = {
    # mute, ban, removal, demotion, erasure, rate limit, suspension
    Way.REJOIN: (
        *(_E.IN_FORCE, _E.NOT_FOUND, _E.NOT_FOUND, _E.IN_FORCE, _E.ERASURE_RUNNING, _LIMITED),
        _SUSPENDED,
    ),
    Way.USED_INVITE: (*[_E.NOT_FOUND] * 5, _LIMITED, _SUSPENDED),
    Way.NEW_INVITE: (
        *(_E.IN_FORCE, _E.NOT_FOUND, _E.ENDS, _E.IN_FORCE, _E.ERASURE_RUNNING, _LIMITED),
        _SUSPENDED,
    ),
    Way.OPEN_JOIN: (
        *(_E.IN_FORCE, _E.NOT_FOUND, _E.NOT_FOUND, _E.IN_FORCE, _E.ERASURE_RUNNING, _LIMITED),
        _SUSPENDED,
    ),
    Way.ADDITION: (_E.PENDING, _E.BANNED, *[_E.PENDING] * 5),
    Way.ACCEPTANCE: (_E.IN_FORCE, _E.BANNED, _E.ENDS, _E.IN_FORCE, _E.NOT_FOUND, _LIMITED, _SUSPENDED),
    Way.EARLIER_ADDITION: (*[_E.NOT_FOUND] * 5, _LIMITED, _SUSPENDED),
    Way.SERVICE_ADDITION: (
        *(_E.IN_FORCE, _E.BANNED, _E.ENDS, _E.IN_FORCE, _E.VALIDATION_FAILED, _E.IN_FORCE),
        _E.VALIDATION_FAILED,
    ),
    Way.ERASURE: (_E.IN_FORCE, _E.NOT_FOUND, _E.NOT_FOUND, _E.IN_FORCE, _E.ENDS, _LIMITED, _SUSPENDED),
    Way.SUCCESSION: (
        *(_E.LAST, _E.NEVER, _E.NEVER, _E.AFTER_MODERATORS, _E.NEVER, _E.AFTER_MODERATORS),
        _E.NEVER,
    ),
    Way.EDIT: (_E.MUTED, _E.NOT_FOUND, _E.NOT_FOUND, _E.UNAFFECTED, _E.NOT_FOUND, _LIMITED, _SUSPENDED),
    Way.REACT: (_E.MUTED, _E.NOT_FOUND, _E.NOT_FOUND, _E.UNAFFECTED, _E.NOT_FOUND, _LIMITED, _SUSPENDED),
    Way.TYPING: (_E.MUTED, _E.NOT_FOUND, _E.NOT_FOUND, _E.UNAFFECTED, _E.NOT_FOUND, _E.UNAFFECTED, _SUSPENDED),
    Way.EARLIER_REACTIONS: (*[_E.REMAIN] * 4, _E.PSEUDONYMOUS, _E.REMAIN, _E.REMAIN),
    Way.METADATA: (_E.MUTED, _E.NOT_FOUND, _E.NOT_FOUND, _E.FORBIDDEN, _E.NOT_FOUND, _LIMITED, _SUSPENDED),
    Way.DIRECT: (*[_E.UNAFFECTED] * 4, _E.ERASURE_RUNNING, _LIMITED, _SUSPENDED),
}

SANCTIONS: Mapping[tuple[Sanction, Way], Effect] = {
    (sanction, way): effect
    for way, effects in _ROWS.items()
    for sanction, effect in zip(Sanction, effects, strict=True)
}
"""The effect of each sanction on each way. A new sanction is a member of `Sanction` and a column of the rows."""


def table() -> str:
    """Return the table in Markdown: one row for each way, one column for each sanction."""
    lines = [_row("", *(sanction.value for sanction in Sanction)), "|---" * (1 + len(Sanction)) + "|"]
    lines += [_row(way.value, *(SANCTIONS[sanction, way].value for sanction in Sanction)) for way in Way]
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


if __name__ == "__main__":
    sys.stdout.write(table())
