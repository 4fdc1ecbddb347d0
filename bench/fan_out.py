"""The cost of posting one frame to many connections: the product, a bare loop and boto3, with the same peer.

CPU time is that of this process; the peer is another process (`sink.py`). Each figure is the median of several
rounds that alternate between the candidates, so that other load affects all of them equally.
"""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from .posters import THREADS, boto3_post, product_post, signed_requests, sink, trusted_certificates, url
from .raw_posts import RawPosts
from .stats import table
from .targets import Targets
from .timing import cpu_seconds, frozen_gc, wall_seconds

Print = Callable[[str], None]
POST_LATENCY = 0.008
TARGET_PARALLELISM = 32


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the benchmark."""

    warm_connections: int = 100
    rounds: int = 31
    boto3_rounds: int = 5
    sizes: tuple[int, ...] = (20, 100, 500)
    wall_time_rounds: int = 9
    new_connections: int = 20
    new_connection_rounds: int = 5
    growth: tuple[int, ...] = (10, 1_000)


# ---- the measurements ----------------------------------------------------------------------------------


def warm_post_costs(scale: Scale, *, tls: bool) -> Mapping[str, float]:
    """Return CPU seconds per post over open connections: bare loop, product, boto3."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        made = stack.enter_context(trusted_certificates(Path(place))) if tls else None
        port = stack.enter_context(sink(0, None if made is None else made.server))
        threads = stack.enter_context(ThreadPoolExecutor(THREADS))
        endpoint = url(port, tls=tls)
        context = None if made is None else ssl.create_default_context(cafile=str(made.authority))
        bare = stack.enter_context(contextlib.closing(RawPosts(port, context)))
        requests, post = signed_requests(endpoint, scale.warm_connections), product_post(endpoint)
        by_boto3 = boto3_post(endpoint, threads, max_pool_connections=THREADS)
        bare.send(requests)
        post(scale.warm_connections)
        by_boto3(scale.warm_connections)
        floors, products = [], []
        with frozen_gc():
            for _ in range(scale.rounds):
                floors.append(cpu_seconds(lambda: bare.send(requests)) / scale.warm_connections)
                products.append(cpu_seconds(lambda: post(scale.warm_connections)) / scale.warm_connections)
            boto3_costs = [
                cpu_seconds(lambda: by_boto3(scale.warm_connections)) / scale.warm_connections
                for _ in range(scale.boto3_rounds)
            ]
        return {"floor": median(floors), "product": median(products), "boto3": median(boto3_costs)}


def wall_time_ratios(scale: Scale) -> Mapping[int, float]:
    """Return, by number of connections, the time at 8 ms per post relative to 32 parallel posts."""
    with sink(POST_LATENCY) as port:
        post = product_post(url(port, tls=False))
        post(max(scale.sizes))
        return {
            number: median(wall_seconds(partial(post, number)) for _ in range(scale.wall_time_rounds))
            / (-(-number // TARGET_PARALLELISM) * POST_LATENCY)
            for number in scale.sizes
        }


def new_connection_costs(scale: Scale) -> Mapping[str, float]:
    """Return CPU seconds of a fan-out over TLS with only new connections."""
    with (
        tempfile.TemporaryDirectory() as place,
        trusted_certificates(Path(place)) as made,
        sink(0, made.server) as port,
        ThreadPoolExecutor(scale.new_connections) as threads,
    ):
        endpoint = url(port, tls=True)
        products, boto3_costs = [], []
        for _ in range(scale.new_connection_rounds):
            products.append(cpu_seconds(partial(product_post(endpoint), scale.new_connections)))
            boto3_costs.append(cpu_seconds(partial(boto3_post(endpoint, threads), scale.new_connections)))
        return {"product": median(products), "boto3": median(boto3_costs)}


def cost_by_recipients(scale: Scale) -> Mapping[int, float]:
    """Return CPU seconds per post, by the number of connections of one frame."""
    with sink(0) as port:
        post = product_post(url(port, tls=False))
        post(max(scale.growth))
        found: dict[int, list[float]] = {number: [] for number in scale.growth}
        for _ in range(scale.rounds):
            for number, costs in found.items():
                # The same total number of posts for each size, because the clock is imprecise.
                times = max(scale.growth) // number
                costs.append(cpu_seconds(lambda: [post(number) for _ in range(times)]) / number / times)  # noqa: B023
        return {number: median(costs) for number, costs in found.items()}


# ---- the report ----------------------------------------------------------------------------------------


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and print everything; return whether all posts succeeded."""
    rows = []
    for tls, target in ((False, 2.5), (True, 1.7)):
        found = warm_post_costs(scale, tls=tls)
        how = "TLS" if tls else "plain"
        over_floor, under_boto3 = found["product"] / found["floor"], found["boto3"] / found["product"]
        rows.append(_row(f"{how}: product / bare loop", over_floor, f"≤ {target}", found))
        rows.append(_row(f"{how}: boto3, 16 threads / product", under_boto3, "≥ 15", found))
        targets.at_most(f"CPU per post, {how}: relative to a bare loop", over_floor, target)
        targets.at_least(f"CPU per post, {how}: boto3 with 16 threads relative to the product", under_boto3, 15)
    show(f"CPU per post to {scale.warm_connections} connections that are open, 1 KB.\n")
    show(table(("comparison", "ratio", "target", "µs: bare loop / product / boto3"), rows))
    new = new_connection_costs(scale)
    show(f"\nCPU of a fan-out to {scale.new_connections} connections over TLS, all new.\n")
    milliseconds = f"{1000 * new['product']:.1f} / {1000 * new['boto3']:.1f}"
    new_ratio = new["product"] / new["boto3"]
    targets.at_most("CPU of a fan-out, all connections new: relative to boto3", new_ratio, 0.15)
    new_row = ("product / boto3", f"{new_ratio:.3f}", "≤ 0.15", milliseconds)
    show(table(("comparison", "ratio", "target", "ms: product / boto3"), [new_row]))
    show("\nTime until all are posted, 8 ms per post, relative to ⌈N/32⌉ × 8 ms.\n")
    took = wall_time_ratios(scale)
    show(table(("N", "ratio", "target"), [(str(n), f"{ratio:.2f}", "≤ 1.2") for n, ratio in took.items()]))
    for number, ratio in took.items():
        targets.at_most(f"time of a fan-out to {number} relative to ⌈N/32⌉ × 8 ms", ratio, 1.2)
    grown = cost_by_recipients(scale)
    few, many = min(grown), max(grown)
    show("\nCPU per post, by the number of connections.\n")
    microseconds = f"{1e6 * grown[few]:.0f} / {1e6 * grown[many]:.0f}"
    growing = (f"N = {many} / N = {few}", f"{grown[many] / grown[few]:.2f}", "≤ 1.2", microseconds)
    show(table(("comparison", "ratio", "target", f"µs: {few} / {many}"), [growing]))
    targets.at_most(f"CPU per post at N = {many} relative to N = {few}", grown[many] / grown[few], 1.2)
    return True


def _row(name: str, ratio: float, target: str, found: Mapping[str, float]) -> tuple[str, str, str, str]:
    costs = " / ".join(f"{1e6 * found[candidate]:.0f}" for candidate in ("floor", "product", "boto3"))
    return name, f"{ratio:.2f}", target, costs
