"""The cost of posting one frame to many connections: the product, a bare loop and boto3, with the same peer.

CPU time is that of this process; the peer is another process (`sink.py`). Each figure is the median of several
rounds that alternate between the candidates, so that other load affects all of them equally.
"""

from __future__ import annotations

import contextlib
import gc
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import boto3
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.awshttp import Signer, body_hash, canonical_path
from chalicelib.core.kernel.clock import SystemClock

from . import certificates
from .raw_posts import RawPosts
from .stats import table
from .targets import Targets

Print = Callable[[str], None]
REGION = "us-east-1"
BODY = b"x" * 1024
POST_LATENCY = 0.008
TARGET_PARALLELISM = 32
THREADS = 16
# As long as a role's credentials.
CREDENTIALS = Credentials("AKIDEXAMPLE123456789", "s" * 40, "t" * 400)
_FROZEN = CREDENTIALS.get_frozen_credentials()
ROOT = Path(__file__).resolve().parents[1]


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


def connection_ids(number: int) -> list[str]:
    """Return connection ids in API Gateway's format."""
    return [f"Xux7aeaA{index:04d}FiACHZQ=" for index in range(number)]


def get_credentials() -> ReadOnlyCredentials:
    """Return the credentials of a function, which do not change during the life of its process."""
    return _FROZEN


@cache
def payloads(number: int) -> dict[str, list[bytes]]:
    """Return one frame per connection, as the fan-out passes them to the poster."""
    return {connection_id: [BODY] for connection_id in connection_ids(number)}


@contextlib.contextmanager
def sink(latency: float, certificate: Path | None = None) -> Iterator[int]:
    """Run a peer that answers after `latency` seconds; yield its port."""
    arguments = [str(latency * 1000), *([] if certificate is None else [str(certificate)])]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sink", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield int(process.stdout.readline() if process.stdout else 0)
    finally:
        process.communicate()


@contextlib.contextmanager
def trusted_certificates(place: Path) -> Iterator[certificates.Certificates]:
    """Make a server certificate whose authority is trusted in addition to this machine's own."""
    made = certificates.make(place)
    system_bundle = ssl.get_default_verify_paths().cafile
    trusted = Path(system_bundle).read_bytes() if system_bundle else b""
    bundle = place / "bundle.pem"
    bundle.write_bytes(trusted + made.authority.read_bytes())
    with mock.patch.dict(os.environ, SSL_CERT_FILE=str(bundle), AWS_CA_BUNDLE=str(bundle)):
        yield made


def url(port: int, *, tls: bool) -> str:
    """Return the endpoint of the callback API at the sink."""
    return f"{'https' if tls else 'http'}://127.0.0.1:{port}/dev"


def product_post(endpoint: str) -> Callable[[int], None]:
    """Return a function that posts with the product's poster."""
    poster = ApiGatewayPoster(endpoint, REGION, get_credentials, SystemClock())

    def post(number: int) -> None:
        if poster.post_all(payloads(number), time.monotonic() + 30):
            raise ConnectionError("the sink did not answer as expected")

    return post


def signed_requests(endpoint: str, number: int) -> list[bytes]:
    """Return signed requests for the bare loop."""
    host = endpoint.split("/")[2]
    signer = Signer("execute-api", REGION, get_credentials, {"host": host})
    moment, hashed, requests = signer.context_at(time.time()), body_hash(BODY), []
    for connection_id in connection_ids(number):
        path = f"/dev/@connections/{connection_id.replace('=', '%3D')}"
        authorization = moment.authorization("POST", canonical_path(path), hashed)
        head = f"POST {path} HTTP/1.1\r\nAuthorization: {authorization}\r\nContent-Length: {len(BODY)}\r\n"
        requests.append(head.encode() + moment.header_lines + b"\r\n" + BODY)
    return requests


def boto3_post(endpoint: str, threads: ThreadPoolExecutor, **config: Any) -> Callable[[int], None]:
    """Return a function that posts with boto3 and threads; `config` configures its client."""
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        aws_session_token=CREDENTIALS.token,
        config=Config(**config),
    )

    def post(number: int) -> None:
        def post_one(connection_id: str) -> None:
            client.post_to_connection(ConnectionId=connection_id, Data=BODY)

        list(threads.map(post_one, connection_ids(number)))

    return post


@contextlib.contextmanager
def frozen_gc() -> Iterator[None]:
    """Exclude all loaded objects from garbage collection, as in the deployed functions."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the CPU time of this process for a call, in seconds."""
    started = time.process_time()
    call()
    return time.process_time() - started


def wall_seconds(call: Callable[[], object]) -> float:
    """Return the wall time of a call, in seconds."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


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
