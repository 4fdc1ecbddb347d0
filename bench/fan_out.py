"""What posting one frame to many sockets costs: ours, a bare loop, and boto3, in the same run to the same peer.

CPU time is this process's own; the peer is another process (`sink.py`). Each figure is the median of several
rounds, in each of which all take their turn, so that a machine that is busy is so for all of them.
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
from .figures import table
from .raw_posts import RawPosts
from .targets import Targets

Print = Callable[[str], None]
REGION = "us-east-1"
BODY = b"x" * 1024
LATENCY = 0.008
AT_ONCE_IN_TARGET = 32
THREADS = 16
# As long as those of a role are.
CREDENTIALS = Credentials("AKIDEXAMPLE123456789", "s" * 40, "t" * 400)
_FROZEN = CREDENTIALS.get_frozen_credentials()
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    warm: int = 100
    rounds: int = 31
    rounds_of_boto3: int = 5
    sizes: tuple[int, ...] = (20, 100, 500)
    rounds_of_walls: int = 9
    new: int = 20
    rounds_of_new: int = 5
    growth: tuple[int, ...] = (10, 1_000)


def ids(number: int) -> list[str]:
    """So many connection ids as API Gateway gives them."""
    return [f"Xux7aeaA{each:04d}FiACHZQ=" for each in range(number)]


def keys() -> ReadOnlyCredentials:
    """The credentials as a function has them: they do not change as long as its process lives."""
    return _FROZEN


@cache
def mail(number: int) -> dict[str, list[bytes]]:
    """A frame for each of so many sockets, as a fan-out hands it over."""
    return {each: [BODY] for each in ids(number)}


@contextlib.contextmanager
def sink(latency: float, certificate: Path | None = None) -> Iterator[int]:
    """A peer that answers after `latency` seconds; its port."""
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
def trusted(place: Path) -> Iterator[certificates.Certificates]:
    """A server's certificate, whose authority is among all that this machine trusts."""
    made = certificates.make(place)
    usual = ssl.get_default_verify_paths().cafile
    everybody = Path(usual).read_bytes() if usual else b""
    bundle = place / "bundle.pem"
    bundle.write_bytes(everybody + made.authority.read_bytes())
    with mock.patch.dict(os.environ, SSL_CERT_FILE=str(bundle), AWS_CA_BUNDLE=str(bundle)):
        yield made


def url(port: int, *, tls: bool) -> str:
    """The callback API at the sink."""
    return f"{'https' if tls else 'http'}://127.0.0.1:{port}/dev"


def ours(endpoint: str) -> Callable[[int], None]:
    """Posting with the product's own poster."""
    poster = ApiGatewayPoster(endpoint, REGION, keys, SystemClock())

    def post(number: int) -> None:
        if poster.post_all(mail(number), time.monotonic() + 30):
            raise ConnectionError("the sink has not answered as it should")

    return post


def signed(endpoint: str, number: int) -> list[bytes]:
    """Requests for the bare loop, signed beforehand."""
    host = endpoint.split("/")[2]
    signer = Signer("execute-api", REGION, keys, {"host": host})
    moment, hashed, requests = signer.context_at(time.time()), body_hash(BODY), []
    for each in ids(number):
        path = f"/dev/@connections/{each.replace('=', '%3D')}"
        authorization = moment.authorization("POST", canonical_path(path), hashed)
        head = f"POST {path} HTTP/1.1\r\nAuthorization: {authorization}\r\nContent-Length: {len(BODY)}\r\n"
        requests.append(head.encode() + moment.header_lines + b"\r\n" + BODY)
    return requests


def plain_way(endpoint: str, threads: ThreadPoolExecutor, **config: Any) -> Callable[[int], None]:
    """Posting with boto3 and threads; `config` is that of its client."""
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
        list(threads.map(lambda each: client.post_to_connection(ConnectionId=each, Data=BODY), ids(number)))

    return post


@contextlib.contextmanager
def frozen() -> Iterator[None]:
    """What is loaded by now is no more looked at by the garbage collector: as in the deployed functions."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def cpu(call: Callable[[], object]) -> float:
    """Seconds of this process's processor time that a call takes."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def wall(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


# ---- the measurements ----------------------------------------------------------------------------------


def warm(scale: Scale, *, tls: bool) -> Mapping[str, float]:
    """Seconds of CPU a post over connections that are open: bare loop, ours, boto3."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        made = stack.enter_context(trusted(Path(place))) if tls else None
        port = stack.enter_context(sink(0, None if made is None else made.server))
        threads = stack.enter_context(ThreadPoolExecutor(THREADS))
        endpoint = url(port, tls=tls)
        context = None if made is None else ssl.create_default_context(cafile=str(made.authority))
        bare = stack.enter_context(contextlib.closing(RawPosts(port, context)))
        requests, post = signed(endpoint, scale.warm), ours(endpoint)
        by_boto3 = plain_way(endpoint, threads, max_pool_connections=THREADS)
        bare.send(requests)
        post(scale.warm)
        by_boto3(scale.warm)
        floors, us = [], []
        with frozen():
            for _ in range(scale.rounds):
                floors.append(cpu(lambda: bare.send(requests)) / scale.warm)
                us.append(cpu(lambda: post(scale.warm)) / scale.warm)
            theirs = [cpu(lambda: by_boto3(scale.warm)) / scale.warm for _ in range(scale.rounds_of_boto3)]
        return {"floor": median(floors), "ours": median(us), "boto3": median(theirs)}


def walls(scale: Scale) -> Mapping[int, float]:
    """By the number of sockets: the time it takes with 8 ms a post, over what 32 at a time would take."""
    with sink(LATENCY) as port:
        post = ours(url(port, tls=False))
        post(max(scale.sizes))
        return {
            number: median(wall(partial(post, number)) for _ in range(scale.rounds_of_walls))
            / (-(-number // AT_ONCE_IN_TARGET) * LATENCY)
            for number in scale.sizes
        }


def new_connections(scale: Scale) -> Mapping[str, float]:
    """Seconds of CPU for a fan-out of which every connection is new, over TLS."""
    with (
        tempfile.TemporaryDirectory() as place,
        trusted(Path(place)) as made,
        sink(0, made.server) as port,
        ThreadPoolExecutor(scale.new) as threads,
    ):
        endpoint = url(port, tls=True)
        us, theirs = [], []
        for _ in range(scale.rounds_of_new):
            us.append(cpu(partial(ours(endpoint), scale.new)))
            theirs.append(cpu(partial(plain_way(endpoint, threads), scale.new)))
        return {"ours": median(us), "boto3": median(theirs)}


def growth(scale: Scale) -> Mapping[int, float]:
    """Seconds of CPU a post, by the number of sockets that one frame goes to."""
    with sink(0) as port:
        post = ours(url(port, tls=False))
        post(max(scale.growth))
        found: dict[int, list[float]] = {each: [] for each in scale.growth}
        for _ in range(scale.rounds):
            for number, costs in found.items():
                # As many posts of each, for a clock that is not exact.
                times = max(scale.growth) // number
                costs.append(cpu(lambda: [post(number) for _ in range(times)]) / number / times)  # noqa: B023
        return {number: median(costs) for number, costs in found.items()}


# ---- the report ----------------------------------------------------------------------------------------


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and show everything; whether it all got through."""
    rows = []
    for tls, target in ((False, 2.5), (True, 1.7)):
        found = warm(scale, tls=tls)
        how = "TLS" if tls else "plain"
        over_floor, under_boto3 = found["ours"] / found["floor"], found["boto3"] / found["ours"]
        rows.append(_row(f"{how}: ours / bare loop", over_floor, f"≤ {target}", found))
        rows.append(_row(f"{how}: boto3, 16 threads / ours", under_boto3, "≥ 15", found))
        targets.at_most(f"CPU a post, {how}: over a bare loop", over_floor, target)
        targets.at_least(f"CPU a post, {how}: boto3 with 16 threads over ours", under_boto3, 15)
    show(f"CPU a post to {scale.warm} sockets, over connections that are open, 1 KB.\n")
    show(table(("what", "ratio", "target", "µs: bare loop / ours / boto3"), rows))
    new = new_connections(scale)
    show(f"\nCPU of a fan-out to {scale.new} sockets over TLS, every connection new.\n")
    milliseconds = f"{1000 * new['ours']:.1f} / {1000 * new['boto3']:.1f}"
    ratio = f"{new['ours'] / new['boto3']:.3f}"
    targets.at_most("CPU of a fan-out, every connection new: over boto3", new["ours"] / new["boto3"], 0.15)
    show(table(("what", "ratio", "target", "ms: ours / boto3"), [("ours / boto3", ratio, "≤ 0.15", milliseconds)]))
    show("\nTime until all are posted to, 8 ms a post, over ⌈N/32⌉ × 8 ms.\n")
    took = walls(scale)
    show(table(("N", "ratio", "target"), [(str(n), f"{each:.2f}", "≤ 1.2") for n, each in took.items()]))
    for number, each in took.items():
        targets.at_most(f"time of a fan-out to {number} over ⌈N/32⌉ × 8 ms", each, 1.2)
    grown = growth(scale)
    few, many = min(grown), max(grown)
    show("\nCPU a post, by the number of sockets.\n")
    microseconds = f"{1e6 * grown[few]:.0f} / {1e6 * grown[many]:.0f}"
    growing = (f"N = {many} / N = {few}", f"{grown[many] / grown[few]:.2f}", "≤ 1.2", microseconds)
    show(table(("what", "ratio", "target", f"µs: {few} / {many}"), [growing]))
    targets.at_most(f"CPU a post at N = {many} over N = {few}", grown[many] / grown[few], 1.2)
    return True


def _row(what: str, ratio: float, target: str, found: Mapping[str, float]) -> tuple[str, str, str, str]:
    costs = " / ".join(f"{1e6 * found[each]:.0f}" for each in ("floor", "ours", "boto3"))
    return what, f"{ratio:.2f}", target, costs
