"""The table "Consent" of docs/protocol.md, made from the causes of the product.

`python -m specs.consent` prints it.
"""

from __future__ import annotations

import sys

from chalicelib.core.conversations.consent import CAUSES


def table() -> str:
    """Return the table in Markdown: one row for each cause."""
    lines = ["| cause | answer to the caller | the person who is added |", "|---|---|---|"]
    for cause, rule in CAUSES.items():
        seen = "sees it, and can accept" if rule.is_visible else "sees nothing"
        lines.append(f"| {cause.value} | `pending` | {seen} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
