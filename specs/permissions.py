"""The table "Who may what" of docs/protocol.md, made from the rules of the product.

`python -m specs.permissions` prints it.
"""

from __future__ import annotations

import sys

from chalicelib.core.conversations.permissions import RULES, Rule, Scope

COLUMNS = ("owner", "moderator", "member", "service", "others")
MUTABLE = ("moderator", "member")
"""The roles that can be muted."""


def table() -> str:
    """Return the table in Markdown: one row for each action, one column for each role."""
    lines = [_row("may …", *COLUMNS), "|---" * (1 + len(COLUMNS)) + "|"]
    lines += [_row(action.value, *(_cell(rule, column) for column in COLUMNS)) for action, rule in RULES.items()]
    return "\n".join(lines) + "\n"


def _row(action: str, *cells: str) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in (action, *cells)) + "|"


def _cell(rule: Rule, column: str) -> str:
    scope: Scope = getattr(rule, column)
    if rule.unless_muted and column in MUTABLE and scope is not Scope.NONE:
        return f"{scope.value}, unless muted"
    return scope.value


if __name__ == "__main__":
    sys.stdout.write(table())
