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

    write: Callable[[str], None] = _print
    prompt: Callable[[str], str] | None = field(default=None)
    """Puts a question and returns the line that is typed; None where nobody is there to type one."""
    yes: bool = False
    """Everything was agreed to beforehand."""

    @classmethod
    def for_terminal(cls, *, yes: bool) -> Console:
        """Standard output, and the terminal if there is one on both sides."""
        interactive = sys.stdin.isatty() and sys.stdout.isatty()
        return cls(prompt=_input if interactive else None, yes=yes)

    def require_confirmation(self, operation: str) -> None:
        """Raises InfraError if nobody could agree: known before anything is done, not after."""
        if not self.yes and self.prompt is None:
            raise InfraError(
                f"{operation} asks before it changes anything, and there is no terminal to ask on."
                " Agree beforehand with --yes (make: YES=1)"
            )

    def confirm(self, question: str, word: str = "y") -> bool:
        """Whether the person types the word; yes without asking if everything was agreed to beforehand."""
        if self.yes:
            return True
        if self.prompt is None:
            return False
        try:
            answer = self.prompt(f"{question} ")
        except EOFError:
            return False
        return answer.strip().lower() in ({"y", "yes"} if word == "y" else {word.lower()})
