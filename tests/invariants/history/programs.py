"""Random programs: what some people do at the same time, and in which disorder the gateway does it.

A program is plain data that hypothesis draws, prints and shrinks: it names people, conversations and sockets by
number, and rounds of steps. The steps of a round begin at the same moment; the next round begins when they have
all been answered or given up. Whatever a program says can be done: a step that makes no sense when it comes (a
stranger sends, somebody joins twice) is a test of how it is refused.

A program and not a `RuleBasedStateMachine`: its rules run one after the other, each seeing the results of the
ones before, while what we are after happens between several at once. A program needs no result to be drawn, so it
can be run again as often as a race needs to show itself, saved, and cut down step by step.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self, get_args

from hypothesis import strategies as st

Op = Literal[
    "say",
    "post",
    "post_without_id",
    "say_again",
    "say_on_both",
    "flood",
    "edit",
    "take_back",
    "react",
    "unreact",
    "join",
    "leave",
    "add",
    "remove",
    "role",
    "invite",
    "join_by",
    "revoke",
    "ban",
    "unban",
    "mute",
    "update",
    "keep",
    "sweep",
    "delete",
    "create",
    "subscribe",
    "unsubscribe",
    "read",
    "type",
    "kill",
    "ping",
    "page_messages",
    "page_events",
    "list",
    "look",
]
"""What a step does; `steps.py` has one function for each."""

Fault = Literal["posts_hung", "posts_failed", "posts_throttled", "posts_gone_after_delivery"]
"""What can happen to every post to a socket."""
SOCKETS = 3
"""How many sockets a person can have."""
BACKLOG = 60
"""More messages than a page or a snapshot holds by default."""

_OFTEN: dict[Op, int] = {
    "say": 14,
    "post": 7,
    "post_without_id": 2,
    "say_again": 5,
    "say_on_both": 3,
    "flood": 1,
    "edit": 5,
    "take_back": 3,
    "react": 5,
    "unreact": 2,
    "join": 3,
    "leave": 2,
    "add": 4,
    "remove": 4,
    "role": 2,
    "invite": 2,
    "join_by": 4,
    "revoke": 1,
    "ban": 3,
    "unban": 2,
    "mute": 4,
    "update": 2,
    "keep": 2,
    "sweep": 3,
    "delete": 1,
    "create": 1,
    "subscribe": 5,
    "unsubscribe": 2,
    "read": 4,
    "type": 2,
    "kill": 4,
    "ping": 2,
    "page_messages": 4,
    "page_events": 4,
    "list": 3,
    "look": 2,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that one person does. What `number` means depends on `op`: a choice, a limit, a position."""

    op: Op
    who: int
    where: int = 0
    socket: int = 0
    whom: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """A conversation that is there when the rounds begin: its owner, who else is in, and how much was said."""

    owner: int
    others: tuple[int, ...]
    is_open: bool = False
    backlog: int = 0


@dataclass(frozen=True, slots=True)
class BadSocket:
    """A person's socket to which every post goes wrong in the same way until the rounds are over."""

    who: int
    socket: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Program:
    """What happens."""

    people: int
    starts: tuple[Start, ...]
    rounds: tuple[tuple[Step, ...], ...]
    disorders: dict[str, Any] = field(default_factory=dict)
    """Fields of the gateway's settings."""
    bad_sockets: tuple[BadSocket, ...] = ()
    erases: int | None = None
    """Who is erased when all is over, while the others go on."""
    days: int | None = None
    """How many days of retention pass when all is over, while everybody goes on; then a sweep comes."""

    @property
    def posts_are_reliable(self) -> bool:
        """Whether what is posted to a socket that is not a bad one gets there."""
        faults = ("posts_failed", "posts_throttled", "posts_hung", "posts_gone_after_delivery")
        return not any(self.disorders.get(name) for name in faults)

    def to_json(self) -> str:
        """The program as a text to keep."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The program of such a text."""
        raw = json.loads(text)
        return cls(
            raw["people"],
            tuple(Start(**{**each, "others": tuple(each["others"])}) for each in raw["starts"]),
            tuple(tuple(Step(**step) for step in steps) for steps in raw["rounds"]),
            raw["disorders"],
            tuple(BadSocket(**each) for each in raw["bad_sockets"]),
            raw.get("erases"),
            raw.get("days"),
        )


def steps(people: int) -> st.SearchStrategy[Step]:
    """One step of one of `people`."""
    who = st.integers(0, people - 1)
    return st.builds(
        Step,
        op=st.sampled_from([op for op in get_args(Op) for _ in range(_OFTEN[op])]),
        who=who,
        where=st.sampled_from([0, 0, 0, 0, 1, 1, 2]),
        socket=st.integers(0, SOCKETS - 1),
        whom=who,
        number=st.integers(0, 999),
    )


@st.composite
def starts(draw: st.DrawFn, people: int) -> Start:
    """A conversation at the beginning: all but a few of the people are in it."""
    strangers = draw(st.lists(st.integers(0, people - 1), max_size=2, unique=True))
    inside = [each for each in range(people) if each not in strangers]
    owner = draw(st.sampled_from(inside))
    return Start(owner, tuple(each for each in inside if each != owner), is_open=draw(st.booleans()))


def disorders() -> st.SearchStrategy[dict[str, Any]]:
    """Settings of the gateway, each of them off in most programs."""
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
def bad_sockets(draw: st.DrawFn, people: int) -> tuple[BadSocket, ...]:
    """None, one, or two sockets that get nothing; of those only one keeps the posts to it waiting."""
    faults: list[Fault] = ["posts_hung", "posts_failed", "posts_throttled", "posts_gone_after_delivery"]
    one = st.builds(BadSocket, st.integers(0, people - 1), st.integers(0, SOCKETS - 1), st.sampled_from(faults))
    other = st.builds(BadSocket, st.integers(0, people - 1), st.integers(0, SOCKETS - 1), st.just(faults[3]))
    return draw(st.sampled_from([(), (), (draw(one),), (draw(one), draw(other))]))


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A whole program."""
    people = draw(st.integers(3, 8))
    first, *others = draw(st.lists(starts(people), min_size=1, max_size=3))
    backlog = draw(st.sampled_from([0] * 9 + [BACKLOG]))
    erases = draw(st.sampled_from([None, None, 0, 1]))
    return Program(
        people=people,
        starts=(replace(first, backlog=backlog), *others),
        rounds=tuple(
            tuple(each)
            for each in draw(st.lists(st.lists(steps(people), min_size=1, max_size=8), min_size=4, max_size=14))
        ),
        disorders=draw(disorders()),
        bad_sockets=draw(bad_sockets(people)),
        erases=erases,
        days=draw(st.sampled_from([None, 31, 61])) if erases is None else None,
    )
