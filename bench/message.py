"""A whole message to twenty recipients: the product's path with its own clients, relative to the minimum latency.

Store and callback API are processes that answer after 4 ms, 10 ms for a transaction, and 8 ms for a post. The
comparison is the same path with the SDK's clients: it compares clients, not designs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.ports.delivery import ConnectionPoster

from .posters import REGION, THREADS, get_credentials, sink, url
from .stats import table
from .stores import client_for
from .subscribed_conversation import SdkPoster, SubscribedConversation, product_client, store_process
from .targets import Targets
from .timing import cpu_seconds, frozen_gc, wall_seconds

Print = Callable[[str], None]
CALL, TRANSACTION, POST = 0.004, 0.010, 0.008
OUTBOX = 20
"""The messages of an outbox that is flushed."""
MIN_LATENCY = CALL + CALL + TRANSACTION + CALL + POST
"""Connection ‖ head; membership ‖ rate limit; transaction; subscribers; posts (`docs/performance.md`)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the benchmark."""

    recipients: int = 20
    rounds: int = 31
    growth: tuple[int, int] = (10, 1_000)
    """Sizes of a conversation, for the cost per delivery."""
    growth_rounds: int = 7


def measure(scale: Scale) -> Mapping[str, tuple[float, float]]:
    """Return seconds of wall time and of CPU, by client."""
    with (
        store_process(CALL, TRANSACTION) as ours_at,
        store_process(CALL, TRANSACTION) as theirs_at,
        sink(POST) as port,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        endpoint = url(port, tls=False)
        posters: dict[str, ConnectionPoster] = {
            "product": ApiGatewayPoster(endpoint, REGION, get_credentials, SystemClock()),
            "boto3": SdkPoster(endpoint, threads),
        }
        clients = {"product": product_client(ours_at), "boto3": client_for(theirs_at)}
        conversations = {
            name: SubscribedConversation(clients[name], posters[name], scale.recipients) for name in clients
        }
        walls: dict[str, list[float]] = {name: [] for name in conversations}
        cpus: dict[str, list[float]] = {name: [] for name in conversations}
        for conversation in conversations.values():
            conversation.send()
        with frozen_gc():
            for _ in range(scale.rounds):
                for name, conversation in conversations.items():
                    cpus[name].append(cpu_seconds(lambda: walls[name].append(wall_seconds(conversation.send))))  # noqa: B023
        return {name: (median(walls[name]), median(cpus[name])) for name in conversations}


def outbox(scale: Scale) -> Mapping[str, float]:
    """Return the seconds of wall time in which an outbox is flushed: by a batch, and message by message."""
    with store_process(CALL, TRANSACTION) as store, sink(POST) as port:
        poster = ApiGatewayPoster(url(port, tls=False), REGION, get_credentials, SystemClock())
        conversation = SubscribedConversation(product_client(store), poster, scale.recipients)
        conversation.send()
        walls = {
            "a batch": lambda: conversation.flush(OUTBOX),
            "one after the other": lambda: conversation.send(OUTBOX),
        }
        found: dict[str, list[float]] = {name: [] for name in walls}
        for _ in range(max(scale.rounds // 8, 1)):
            for name, send in walls.items():
                found[name].append(wall_seconds(send))
        return {name: median(times) for name, times in found.items()}


def cost_by_size(scale: Scale) -> Mapping[int, float]:
    """Return CPU seconds per delivery of a message, by size of the conversation."""
    with store_process(0, 0) as endpoint, sink(0) as port:
        poster = ApiGatewayPoster(url(port, tls=False), REGION, get_credentials, SystemClock())
        conversations = {
            size: SubscribedConversation(product_client(endpoint), poster, size) for size in scale.growth
        }
        found: dict[int, list[float]] = {size: [] for size in conversations}
        for conversation in conversations.values():
            conversation.send()
        for _ in range(scale.growth_rounds):
            for size, conversation in conversations.items():
                # The same total number of deliveries for each size, because the clock is imprecise.
                times = max(conversations) // size
                found[size].append(cpu_seconds(partial(conversation.send, times)) / size / times)
        return {size: median(costs) for size, costs in found.items()}


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and print everything."""
    found = measure(scale)
    show(
        f"A message to {scale.recipients} recipients: 4 ms per store call, 10 ms per transaction, 8 ms per post;"
        f" the minimum is {1000 * MIN_LATENCY:.0f} ms.\n"
    )
    rows = [
        (
            name,
            f"{1000 * took:.1f}",
            f"{took / MIN_LATENCY:.2f}",
            "≤ 1.25" if name == "product" else "",
            f"{1000 * used:.1f}",
        )
        for name, (took, used) in found.items()
    ]
    show(table(("clients", "ms", "relative to the minimum", "target", "CPU ms"), rows))
    over = found["product"][0] / MIN_LATENCY
    targets.at_most(f"a message to {scale.recipients} recipients: relative to the minimum latency", over, 1.25)
    show(f"\nAn outbox of {OUTBOX} messages to {scale.recipients} recipients, with the same times.\n")
    flushed = outbox(scale)
    show(table(("sent as", "ms"), [(name, f"{1000 * took:.0f}") for name, took in flushed.items()]))
    ratio = flushed["a batch"] / flushed["one after the other"]
    targets.at_most(f"an outbox of {OUTBOX} messages by a batch, relative to one after the other", ratio, 0.2)
    grown = cost_by_size(scale)
    few, many = min(grown), max(grown)
    show("\nCPU per delivery of a message, by participants of the conversation (at most 100 by default).\n")
    microseconds = f"{1e6 * grown[few]:.0f} / {1e6 * grown[many]:.0f}"
    growing = (f"N = {many} / N = {few}", f"{grown[many] / grown[few]:.2f}", "≤ 1.2", microseconds)
    show(table(("comparison", "ratio", "target", f"µs: {few} / {many}"), [growing]))
    targets.at_most(f"CPU per delivery at N = {many} relative to N = {few}", grown[many] / grown[few], 1.2)
    return True
