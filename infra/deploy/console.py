"""The terminal: output for the user, and confirmations."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.errors import InfraError


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _input(question: str) -> str:
    # Not input(question), which prompts on stderr: it would be invisible if stderr is redirected to a file.
    sys.stdout.write(question)
    sys.stdout.flush()
    return input()


@dataclass(frozen=True, slots=True)
class Console:
    """Writes lines and asks for confirmations."""

    write: Callable[[str], None] = _print
    prompt: Callable[[str], str] | None = field(default=None)
    """Asks a question and returns the typed line; None without a terminal."""
    yes: bool = False
    """Whether every confirmation is given in advance."""

    @classmethod
    def for_terminal(cls, *, yes: bool) -> Console:
        """Return a console for standard output, interactive if stdin and stdout are a terminal."""
        interactive = sys.stdin.isatty() and sys.stdout.isatty()
        return cls(prompt=_input if interactive else None, yes=yes)

    def require_confirmation(self, operation: str) -> None:
        """Raise InfraError if confirmation is impossible, before anything has been done."""
        if not self.yes and self.prompt is None:
            raise InfraError(
                f"{operation} asks for confirmation before it changes anything, but there is no terminal."
                " Confirm in advance with --yes (make: YES=1)"
            )

    def confirm(self, question: str, word: str = "y") -> bool:
        """Return whether the user types the word; True without asking if confirmed in advance."""
        if self.yes:
            return True
        if self.prompt is None:
            return False
        try:
            answer = self.prompt(f"{question} ")
        except EOFError:
            return False
        return answer.strip().lower() in ({"y", "yes"} if word == "y" else {word.lower()})
