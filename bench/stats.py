"""Percentiles, and Markdown tables for the documentation."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that is not exceeded by a `share` (0 to 1) of all values; 0 without values."""
    if not values:
        return 0.0
    ranked = sorted(values)
    return ranked[max(-(-round(share * len(ranked) * 1e9) // 10**9) - 1, 0)]


def milliseconds(values: Sequence[float]) -> str:
    """Format the 50th, 95th and 99th percentile of seconds in milliseconds."""
    return " / ".join(f"{1000 * percentile(values, share):.0f}" for share in (0.5, 0.95, 0.99))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])
