"""Expressions as tokens (developer guide, "Expressions in DynamoDB")."""

from __future__ import annotations

import re
from typing import NamedTuple

END = "<EOF>"
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<alias>\#[A-Za-z0-9_]+)
      | (?P<value>:[A-Za-z0-9_]+)
      | (?P<index>[0-9]+)
      | (?P<symbol><>|<=|>=|[-+=<>(),.\[\]])
      | (?P<unknown>\S)
    )""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """One token: its kind, its text, and where it begins and ends."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The text in capitals if it can be a keyword, which is written in any case."""
        return self.text.upper() if self.kind == "name" else self.text


def tokenize(expression: str) -> list[Token]:
    """Return the tokens of an expression, the last of kind `end`; unknown characters are tokens, too."""
    tokens = []
    for match in _TOKEN.finditer(expression):
        kind = match.lastgroup or "unknown"
        tokens.append(Token(kind, match[kind], match.start(kind), match.end(kind)))
    length = len(expression.rstrip())
    return [*tokens, Token("end", END, length, length)]
