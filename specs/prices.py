"""The table "Prices" of docs/protocol.md: the price of each command and route, and which limit charges it.

`python -m specs.prices` prints it.
"""

from __future__ import annotations

import sys

from chalicelib.core.conversations.prices import CHANGES, MESSAGES, PER_NAMED, PER_STORED, PRICES

_BATCHES = ("batch", "POST /batch")


def table() -> str:
    """Return the table in Markdown: one row for each price and limit."""
    rows: dict[tuple[str, str], list[str]] = {}
    for request, price in PRICES.items():
        rows.setdefault(_row_of(request, price), []).append(f"`{_short(request)}`")
    lines = ["| command or route | price | charged by |", "|---|---|---|"]
    lines += [f"| {', '.join(requests)} | {price} | {limit} |" for (price, limit), requests in rows.items()]
    return "\n".join(lines) + "\n"


def _short(request: str) -> str:
    return request.replace("/conversations/{conversation_id}", "…")


def _row_of(request: str, price: int) -> tuple[str, str]:
    more = f", and {PER_NAMED[request]} for each conversation named" if request in PER_NAMED else ""
    if request in PER_STORED:
        more = f", and {PER_STORED[request]} for a hundred conversations that it reads"
    if request in _BATCHES:
        return f"{price}, and {PRICES['read']} for each `read`", "rate limit on messages; `read`: budget"
    if request in MESSAGES:
        return f"{price}{more}", "rate limit on messages"
    return f"{price}{more}", "limit on changes" if request in CHANGES else "budget"


if __name__ == "__main__":
    sys.stdout.write(table())
