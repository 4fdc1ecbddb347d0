"""A depth-first search over the choices of a scheduler, one run after the other.

A run repeats the choices of the path and then always takes the first step. The next run changes the last choice
that has an alternative. Without reduction every waiting operation is one. With it, schedules that differ only in
the order of independent steps count as one, and each is run once:

- *Sleep sets* (Godefroid 1996): a step that was tried and is independent of those taken since is not tried again.
- *Source sets* (Abdulla et al., "Optimal dynamic partial order reduction", 2014): at first there is one step to
  try. If a later step races with it, the search adds one that leads to their other order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.commuting import commute
from tests.support.scheduler import Step


class NotRepeatableError(Exception):
    """The same choices led to another state: the scenario does not depend on the schedule only."""


@dataclass
class _Node:
    """One choice on the path: the steps that were possible, and the one that was taken."""

    waiting: list[Step]
    asleep: frozenset[str]
    """Operations whose step leads to explored schedules only."""
    taken: Step
    alternatives: set[str] = field(default_factory=set)
    """Operations to try, including those that were tried."""
    tried: set[str] = field(default_factory=set)
    past: int = 0
    """The earlier steps of the path on which the taken one depends, directly or not, as a bit set."""

    def untried(self) -> list[Step]:
        wanted = self.alternatives - self.asleep - self.tried
        return [step for step in self.waiting if step.operation in wanted]

    def offers(self, operation: str) -> bool:
        return any(step.operation == operation for step in self.waiting)


class Search:
    """See the module. `decide` is called at every choice of a run, and `go_back` after the run."""

    def __init__(self, *, reduce: bool, reads_commute: bool) -> None:
        self._reduce = reduce
        self._reads_commute = reads_commute
        self._path: list[_Node] = []

    def decide(self, depth: int, waiting: list[Step]) -> Step | None:
        """Return the step to take at ``depth``; ``None`` if all of them lead to explored states only."""
        if depth < len(self._path):
            return self._repeat(self._path[depth], waiting)
        asleep = self._asleep_at(depth)
        awake = [step for step in waiting if step.operation not in asleep]
        if not awake:
            return None
        node = _Node(waiting, asleep, awake[0])
        node.alternatives |= {step.operation for step in (awake[:1] if self._reduce else awake)}
        self._path.append(node)
        self._take(awake[0])
        return node.taken

    def go_back(self) -> bool:
        """Change the last choice that has an alternative; return whether there was one."""
        while self._path:
            node = self._path[-1]
            node.tried.add(node.taken.operation)
            if untried := node.untried():
                self._take(untried[0])
                return True
            self._path.pop()
        return False

    def _repeat(self, node: _Node, waiting: list[Step]) -> Step:
        if list(map(str, waiting)) != list(map(str, node.waiting)):
            raise NotRepeatableError(
                f"after the same steps as before, {text_of(waiting)} wait instead of {text_of(node.waiting)}: the "
                "operations depend on something besides the schedule (real time, chance, what a run left behind)"
            )
        # Their arguments are those of this run, as is all that follows.
        node.waiting = waiting
        node.taken = next(step for step in waiting if step.operation == node.taken.operation)
        return node.taken

    def _asleep_at(self, depth: int) -> frozenset[str]:
        """Return the operations that were tried at the parent, or asleep there, and commute with its step.

        A schedule with such an operation first is explored on another branch; second, it changes nothing.
        """
        if depth == 0 or not self._reduce:
            return frozenset()
        parent = self._path[depth - 1]
        sleepers = [step for step in parent.waiting if step.operation in parent.asleep | parent.tried]
        return frozenset(step.operation for step in sleepers if self._commute(step, parent.taken))

    # ---- races -----------------------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        """Take a step at the end of the path, and add alternatives to the earlier choices with which it races."""
        node = self._path[-1]
        node.taken = step
        if not self._reduce:
            return
        node.past, races = self._races(step)
        for earlier in races:
            self._add_alternative(earlier)

    def _races(self, step: Step) -> tuple[int, list[int]]:
        """Return what the last step depends on, and the numbers of the steps that it races with.

        Those are the ones that it depends on directly, and the start of a transaction whose end is one of them:
        the scheduler may hold the step back until that end, so that it is never seen in between.
        """
        past, races, end = 0, [], len(self._path) - 1
        for number in reversed(range(end)):
            node = self._path[number]
            is_own = node.taken.operation == step.operation
            if past >> number & 1 or not (is_own or not self._commute(node.taken, step)):
                continue
            past |= node.past | 1 << number
            if is_own:
                continue
            if node.taken.ends:
                races.append(self._before(number))
            if not node.taken.ends or node.offers(step.operation):
                races.append(number)
        return past, races

    def _before(self, number: int) -> int:
        """Return the number of the previous step of the same operation."""
        name = self._path[number].taken.operation
        return next(at for at in reversed(range(number)) if self._path[at].taken.operation == name)

    def _add_alternative(self, number: int) -> None:
        """Add an alternative to an earlier choice that lets the last step come before the step taken there."""
        end = len(self._path) - 1
        before = [at for at in range(number + 1, end) if not self._path[at].past >> number & 1]
        firsts, passed = set(), 0
        for at in (*before, end):
            if not self._path[at].past & passed:
                firsts.add(self._path[at].taken.operation)
            passed |= 1 << at
        node = self._path[number]
        if firsts & (node.alternatives | node.asleep):
            return
        offered = [step.operation for step in node.waiting if step.operation in firsts]
        node.alternatives.update(offered[:1] or [step.operation for step in node.waiting])

    def _commute(self, one: Step, other: Step) -> bool:
        return commute(one.call, other.call, reads_commute=self._reads_commute)


def text_of(steps: list[Step]) -> str:
    """Return a schedule as text."""
    return " ".join(map(str, steps)) or "(no step)"
