"""The tables: what a stage costs, where it goes, what would make it cheaper, what a message costs, the prices."""

from __future__ import annotations

from collections.abc import Sequence

from . import model, operations
from .model import Facts
from .prices import Price, Prices
from .profile import Profile

LISTENERS = (1, 2, 5, 10, 50, 100)
Row = Sequence[str]
Table = tuple[str, Row, list[Row]]
"""A title, the head, the rows. The first column is text, the others are figures."""

LABELS = {
    "websocket_message": "socket messages",
    "websocket_minute": "socket minutes",
    "rest_request": "HTTP requests",
    "lambda_gb_second": "Lambda GB-seconds",
    "lambda_request": "Lambda invocations",
    "sqs_request": "requests to the queue, at most",
    "dynamodb_write": "DynamoDB write units",
    "dynamodb_read": "DynamoDB read units",
    "dynamodb_storage": "DynamoDB storage, GB",
    "dynamodb_backup": "point-in-time recovery, GB",
    "kms_request": "requests for the tables' key, at most",
    "logs_ingested": "logs written, GB",
    "logs_stored": "logs kept, GB",
    "custom_metric": "metrics of our own",
    "alarm": "alarms",
    "dashboard": "dashboards",
    "transfer_out": "transfer out, GB",
    "s3_storage": "bundles in S3, GB",
}


def tables(users: Sequence[int], profile: Profile, facts: Facts, prices: Prices) -> list[Table]:
    """All of them. What depends on how many users there are is shown in full for the largest number."""
    most = max(users)
    found = [_months(users, profile, facts, prices)]
    if most:
        found += [_activities(most, profile, facts, prices), _levers(most, profile, facts, prices)]
    return [*found, _message(profile, facts, prices), _prices(prices)]


def _months(users: Sequence[int], profile: Profile, facts: Facts, prices: Prices) -> Table:
    quantities = [model.month(each, profile, facts) for each in users]
    full = [model.bill(each, prices.prices, free=False, facts=facts) for each in quantities]
    free = [model.bill(each, prices.prices, free=True, facts=facts) for each in quantities]
    totals = [sum(each.values()) for each in full]
    last = max(range(len(users)), key=lambda index: users[index])
    rows: list[Row] = [
        [
            f"{label}, of {facts.dashboard_metrics} metrics" if name == "dashboard" else label,
            *(_usd(charged[name]) for charged in full),
            _quantity(quantities[last][name]),
            _share(full[last][name], totals[last]),
        ]
        for name, label in LABELS.items()
    ]
    rows.append(["**all, at list price**", *(f"**{_usd(each)}**" for each in totals), "", ""])
    less = [sum(each.values()) for each in free]
    rows.append(["**all, less what is always free**", *(f"**{_usd(each)}**" for each in less), "", ""])
    per_user = [_usd(usd / count) if count else "–" for usd, count in zip(totals, users, strict=True)]
    rows.append(["for each user, at list price", *per_user, "", ""])
    head = ["USD a month", *(f"{each:,} users" for each in users), f"quantity at {users[last]:,}", "share"]
    return f"What a stage costs in {prices.region}", head, rows


def _activities(users: int, profile: Profile, facts: Facts, prices: Prices) -> Table:
    """By what people do, at the price of the first tier; without what lies there or stands there."""
    usage = profile.usage
    rows = []
    for each, times in operations.of_a_user(usage):
        quantities = model.once(each, profile, facts.memory)
        usd = sum(prices.prices[name].cost(quantity) for name, quantity in quantities.items())
        rows.append((each.name, times, usd))
    minutes = usage.socket_hours * 60
    rows.append(("minute of an open socket", minutes, prices.prices["websocket_minute"].cost(1)))
    month = users * usage.days
    total = sum(times * usd for _, times, usd in rows)
    rows.sort(key=lambda row: row[1] * row[2], reverse=True)
    return (
        f"What people do, at {users:,} users",
        ["", "a user and day", "USD for a million", "USD a month", "share"],
        [
            [name, f"{times:g}", _usd(usd * 1e6), _usd(times * usd * month), _share(times * usd, total)]
            for name, times, usd in rows
            if times
        ],
    )


def _message(profile: Profile, facts: Facts, prices: Prices) -> Table:
    groups = [group for group in model.GROUPS if group not in ("S3", "SQS")]
    rows: list[Row] = []
    for listeners in LISTENERS:
        usage = profile.usage.model_copy(update={"listeners": listeners})
        quantities = model.once(operations.message(usage), profile, facts.memory)
        charged = {name: price.cost(quantities.get(name, 0)) * 1e6 for name, price in prices.prices.items()}
        by_group = model.grouped(charged)
        rows.append([str(listeners), *(_usd(by_group[group]) for group in groups), _usd(sum(charged.values()))])
    return "A million accepted messages, by how many sockets hear each", ["listeners", *groups, "USD"], rows


def _levers(users: int, profile: Profile, facts: Facts, prices: Prices) -> Table:
    usage, technical = profile.usage, profile.technical
    now = _total(users, profile, facts, prices)
    tried: list[tuple[str, dict[str, float], dict[str, float]]] = [
        ("subscribe to one conversation at a time", {"subscriptions": min(1, usage.subscriptions)}, {}),
        ("keep sockets open: half as many connects", {"connects": usage.connects / 2}, {}),
        ("no typing", {"typing": 0}, {}),
        ("move read pointers half as often", {"reads": usage.reads / 2}, {}),
        ("ping every 540 s instead", {"ping_interval": 540}, {}),
        ("no lines of Lambda's own (`SystemLogLevel`)", {}, {"platform_log_bytes": 0}),
    ]
    rows = []
    for name, people, calls in tried:
        changed = profile.model_copy(
            update={"usage": usage.model_copy(update=people), "technical": technical.model_copy(update=calls)}
        )
        saved = now - _total(users, changed, facts, prices)
        rows.append((name, saved))
    rows.sort(key=lambda row: row[1], reverse=True)
    return (
        f"What would make it cheaper, at {users:,} users, each alone",
        ["", "USD a month less", "of all"],
        [[name, _usd(saved), _share(saved, now)] for name, saved in rows],
    )


def _prices(prices: Prices) -> Table:
    rows: list[Row] = [
        [LABELS[name], _price(each), _quantity(each.always_free) if each.always_free else "–", each.evidence]
        for name, each in prices.prices.items()
    ]
    return "Prices", ["", "USD", "always free a month", "read on"], rows


def _price(price: Price) -> str:
    (_, usd), *_ = price.tiers
    return f"{usd:g}" if price.per == 1 else f"{usd:g} for {_quantity(price.per)}"


def _total(users: int, profile: Profile, facts: Facts, prices: Prices) -> float:
    return sum(model.bill(model.month(users, profile, facts), prices.prices, free=False, facts=facts).values())


# ---- as text -------------------------------------------------------------------------------------------


def markdown(found: Sequence[Table]) -> str:
    """As it stands in docs/costs.md."""
    parts = []
    for title, head, rows in found:
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
        parts.append("\n".join([f"**{title}**", "", *("| " + " | ".join(each) + " |" for each in lines)]))
    return "\n\n".join(parts) + "\n"


def plain(found: Sequence[Table]) -> str:
    """For a terminal."""
    parts = []
    for title, head, rows in found:
        cells = [[cell.replace("**", "") for cell in row] for row in (head, *rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
        parts.append("\n".join([title, *(_line(row, widths) for row in cells)]))
    return "\n\n".join(parts) + "\n"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()


def _usd(amount: float) -> str:
    if 0 < amount < 0.00005:
        return "<0.0001"
    return f"{amount:.4f}" if 0 < amount < 0.1 else f"{amount:,.2f}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole and part >= whole / 200 else ""


def _quantity(amount: float) -> str:
    if amount >= 1e6:
        return f"{amount / 1e6:,.1f} M".replace(".0 M", " M")
    return f"{amount:,.0f}" if amount >= 100 or amount == int(amount) else f"{amount:.2g}"
