"""What is said to the person at the terminal, and what is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.errors import InfraError


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _input(question: str) -> str:
    # Not by input(question), which asks on standard error: who keeps that in a file would not see the question.
    sys.stdout.write(question)
    sys.stdout.flush()
    return input()


@dataclass(frozen=True, slots=True)
class Console:
    """Lines out, answers in."""

    say: Callable[[str], None] = _print
    ask: Callable[[str], str] | None = field(default=None)
    """Puts a question and returns the line that is typed; None where nobody is there to type one."""
    yes: bool = False
    """Everything was agreed to beforehand."""

    @classmethod
    def of_this_process(cls, *, yes: bool) -> Console:
        """Standard output, and the terminal if there is one on both sides."""
        interactive = sys.stdin.isatty() and sys.stdout.isatty()
        return cls(ask=_input if interactive else None, yes=yes)

    def check_can_agree(self, what: str) -> None:
        """Raises InfraError if nobody could agree: known before anything is done, not after."""
        if not self.yes and self.ask is None:
            raise InfraError(
                f"{what} asks before it changes anything, and there is no terminal to ask on."
                " Agree beforehand with --yes (make: YES=1)"
            )

    def agrees(self, question: str, word: str = "y") -> bool:
        """Whether the person types the word; yes without asking if everything was agreed to beforehand."""
        if self.yes:
            return True
        if self.ask is None:
            return False
        try:
            answer = self.ask(f"{question} ")
        except EOFError:
            return False
        return answer.strip().lower() in ({"y", "yes"} if word == "y" else {word.lower()})
