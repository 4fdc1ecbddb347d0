"""Random programs: concurrent steps of several participants, and faults of the gateway.

A program is plain data that hypothesis draws, prints and shrinks: it refers to participants, conversations and
sockets by number, and consists of rounds of steps. The steps of a round start together; the next round starts when
all have been answered or have timed out. Every program can run: a step that is invalid at its time (a non-member
sends, a member joins) tests its rejection.

A program, and not a `RuleBasedStateMachine`: its rules run one after the other, each with the results of those
before, while the defects under test are in concurrent steps. A program is drawn without any result, so that it can
be repeated until a race occurs, saved, and shrunk step by step.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self, get_args

from hypothesis import strategies as st

Op = Literal[
    "send",
    "post",
    "post_without_id",
    "resend",
    "send_on_both",
    "flood",
    "batch",
    "edit",
    "delete_message",
    "react",
    "unreact",
    "join",
    "leave",
    "add",
    "remove",
    "set_role",
    "invite",
    "join_by",
    "revoke",
    "ban",
    "unban",
    "mute",
    "update",
    "set_retention",
    "sweep",
    "delete_conversation",
    "create",
    "subscribe",
    "unsubscribe",
    "resubscribe",
    "read",
    "send_typing",
    "disconnect",
    "ping",
    "page_messages",
    "page_events",
    "list",
    "view",
]
"""The kind of a step; `steps.py` has one function for each."""

Fault = Literal["posts_hung", "posts_failed", "posts_throttled", "posts_gone_after_delivery"]
"""A fault of all posts to a socket."""
SOCKETS = 3
"""The maximum number of sockets of a participant."""
BACKLOG = 60
"""More messages than a page or a snapshot contains by default."""

_WEIGHTS: dict[Op, int] = {
    "send": 14,
    "post": 7,
    "post_without_id": 2,
    "resend": 5,
    "send_on_both": 3,
    "flood": 1,
    "batch": 3,
    "edit": 5,
    "delete_message": 3,
    "react": 5,
    "unreact": 2,
    "join": 3,
    "leave": 2,
    "add": 4,
    "remove": 4,
    "set_role": 2,
    "invite": 2,
    "join_by": 4,
    "revoke": 1,
    "ban": 3,
    "unban": 2,
    "mute": 4,
    "update": 2,
    "set_retention": 2,
    "sweep": 3,
    "delete_conversation": 1,
    "create": 1,
    "subscribe": 5,
    "unsubscribe": 2,
    "resubscribe": 2,
    "read": 4,
    "send_typing": 2,
    "disconnect": 4,
    "ping": 2,
    "page_messages": 4,
    "page_events": 4,
    "list": 3,
    "view": 2,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One action of one participant. The meaning of `number` depends on `op`: a choice, a limit, a position."""

    op: Op
    actor: int
    conversation: int = 0
    socket: int = 0
    other: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """An initial conversation: its owner, its other members, and the number of its messages."""

    owner: int
    others: tuple[int, ...]
    is_open: bool = False
    backlog: int = 0


@dataclass(frozen=True, slots=True)
class FaultySocket:
    """A socket whose posts all fail in the same way until the rounds are over."""

    participant: int
    socket: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Program:
    """A whole program."""

    participants: int
    starts: tuple[Start, ...]
    rounds: tuple[tuple[Step, ...], ...]
    gateway_faults: dict[str, Any] = field(default_factory=dict)
    """Fields of the gateway's settings."""
    faulty_sockets: tuple[FaultySocket, ...] = ()
    erased_participant: int | None = None
    """The participant who is erased at the end while the others go on."""
    retention_days: int | None = None
    """Days of retention that pass at the end while the participants go on; then a sweep runs."""

    @property
    def posts_are_reliable(self) -> bool:
        """Whether every post to a socket that is not faulty succeeds."""
        faults = ("posts_failed", "posts_throttled", "posts_hung", "posts_gone_after_delivery")
        return not any(self.gateway_faults.get(name) for name in faults)

    def to_json(self) -> str:
        """Return the program as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the program of a JSON text."""
        raw = json.loads(text)
        return cls(
            raw["participants"],
            tuple(Start(**{**start, "others": tuple(start["others"])}) for start in raw["starts"]),
            tuple(tuple(Step(**step) for step in steps) for steps in raw["rounds"]),
            raw["gateway_faults"],
            tuple(FaultySocket(**faulty_socket) for faulty_socket in raw["faulty_sockets"]),
            raw["erased_participant"],
            raw["retention_days"],
        )


def steps(people: int) -> st.SearchStrategy[Step]:
    """Draw a step."""
    actor = st.integers(0, people - 1)
    return st.builds(
        Step,
        op=st.sampled_from([op for op in get_args(Op) for _ in range(_WEIGHTS[op])]),
        actor=actor,
        conversation=st.sampled_from([0, 0, 0, 0, 1, 1, 2]),
        socket=st.integers(0, SOCKETS - 1),
        other=actor,
        number=st.integers(0, 999),
    )


@st.composite
def starts(draw: st.DrawFn, people: int) -> Start:
    """Draw an initial conversation with all but a few of the participants."""
    strangers = draw(st.lists(st.integers(0, people - 1), max_size=2, unique=True))
    inside = [number for number in range(people) if number not in strangers]
    owner = draw(st.sampled_from(inside))
    return Start(owner, tuple(member for member in inside if member != owner), is_open=draw(st.booleans()))


def gateway_faults() -> st.SearchStrategy[dict[str, Any]]:
    """Draw settings of the gateway; each fault is absent from most programs."""
    rarely = st.sampled_from([0.0, 0.0, 0.0, 0.05, 0.25])
    return st.one_of(
        st.just({}),
        st.fixed_dictionaries(
            {
                "seed": st.integers(0, 2**16),
                "handling": st.sampled_from(["concurrent", "shuffled"]),
                "disconnect": st.sampled_from(["prompt", "late", "doubled", "dropped"]),
                "drop_detection": st.sampled_from([0.0, 0.5]),
                "posts_duplicated": rarely,
                "posts_failed_after_delivery": rarely,
                "posts_slow": rarely,
                "posts_shuffled": rarely,
            }
        ),
        st.fixed_dictionaries(
            {
                "seed": st.integers(0, 2**16),
                "handling": st.sampled_from(["concurrent", "shuffled"]),
                "disconnect": st.sampled_from(["prompt", "late", "doubled", "dropped"]),
                "posts_failed": rarely,
                "posts_throttled": rarely,
                "posts_duplicated": rarely,
                "posts_shuffled": rarely,
                "posts_gone_after_delivery": rarely,
            }
        ),
    )


@st.composite
def faulty_sockets(draw: st.DrawFn, people: int) -> tuple[FaultySocket, ...]:
    """Draw up to two faulty sockets; at most one of them delays posts."""
    faults: list[Fault] = ["posts_hung", "posts_failed", "posts_throttled", "posts_gone_after_delivery"]
    one = st.builds(FaultySocket, st.integers(0, people - 1), st.integers(0, SOCKETS - 1), st.sampled_from(faults))
    other = st.builds(FaultySocket, st.integers(0, people - 1), st.integers(0, SOCKETS - 1), st.just(faults[3]))
    return draw(st.sampled_from([(), (), (draw(one),), (draw(one), draw(other))]))


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Draw a program."""
    people = draw(st.integers(3, 8))
    first, *others = draw(st.lists(starts(people), min_size=1, max_size=3))
    backlog = draw(st.sampled_from([0] * 9 + [BACKLOG]))
    erases = draw(st.sampled_from([None, None, 0, 1]))
    return Program(
        participants=people,
        starts=(replace(first, backlog=backlog), *others),
        rounds=tuple(
            tuple(steps_of_round)
            for steps_of_round in draw(
                st.lists(st.lists(steps(people), min_size=1, max_size=8), min_size=4, max_size=14)
            )
        ),
        gateway_faults=draw(gateway_faults()),
        faulty_sockets=draw(faulty_sockets(people)),
        erased_participant=erases,
        retention_days=draw(st.sampled_from([None, 31, 61])) if erases is None else None,
    )
