"""The table of docs/costs.md."""

from __future__ import annotations

from collections.abc import Sequence

from tools.costs.model import Prices, Usage, monthly_quantities, monthly_times

_LARGEST_OPERATIONS = 5


def report(users: Sequence[int], usage: Usage, prices: Prices) -> str:
    """Return the costs per month as a Markdown table, and the most expensive operations for most users."""
    quantities = [monthly_quantities(count, usage) for count in users]
    header = [f"USD per month, {prices.region}", "list price", "always free", "price verified"]
    header += [f"{count:,} users" for count in users]
    rows = [
        [
            price.label,
            f"{price.tiers[0][1]:g}" + ("" if price.per == 1 else f" per {_number(price.per)}"),
            _number(price.always_free) if price.always_free else "–",
            price.verification,
            *(_usd(price.cost(quantity[name])) for quantity in quantities),
        ]
        for name, price in prices.prices.items()
    ]
    for label, deduct_free in (("total at list price", False), ("total without always-free units", True)):
        totals = [
            sum(price.cost(quantity[name], deduct_free=deduct_free) for name, price in prices.prices.items())
            for quantity in quantities
        ]
        rows.append([f"**{label}**", "", "", "", *(f"**{_usd(total)}**" for total in totals)])
    rule = ["---", "---:", "---:", "---", *(["---:"] * len(users))]
    lines = ["| " + " | ".join(row) + " |" for row in (header, rule, *rows)]
    most = max(users)
    return "\n".join([*lines, "", _largest_operations(most, usage, prices)] if most else lines) + "\n"


def _largest_operations(users: int, usage: Usage, prices: Prices) -> str:
    quantities = monthly_quantities(users, usage)
    total = sum(price.cost(quantities[name]) for name, price in prices.prices.items())
    shares = {}
    for operation in usage.operations:
        cost = sum(prices.prices[name].cost(amount) for name, amount in operation.quantities().items())
        shares[operation.name] = cost * monthly_times(operation, users, usage) / total
    largest = sorted(shares, key=lambda name: shares[name], reverse=True)[:_LARGEST_OPERATIONS]
    return (
        f"Largest shares at {users:,} users: " + ", ".join(f"{name} {shares[name]:.0%}" for name in largest) + "."
    )


def _usd(amount: float) -> str:
    if 0 < amount < 0.00005:
        return "<0.0001"
    return f"{amount:.4f}" if 0 < amount < 0.1 else f"{amount:,.2f}"


def _number(amount: float) -> str:
    return f"{amount / 1e6:g} M" if amount >= 1e6 else f"{amount:,.0f}"
