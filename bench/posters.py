"""The posters that are compared, and the peer that they post to (`sink.py`)."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.awshttp import Signer, body_hash, canonical_path
from chalicelib.core.kernel.clock import SystemClock

from . import certificates

REGION = "us-east-1"
BODY = b"x" * 1024
THREADS = 16


# As long as a role's credentials.
CREDENTIALS = Credentials("AKIDEXAMPLE123456789", "s" * 40, "t" * 400)
_FROZEN = CREDENTIALS.get_frozen_credentials()
ROOT = Path(__file__).resolve().parents[1]


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
    variables = ("SSL_CERT_FILE", "AWS_CA_BUNDLE")
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(dict.fromkeys(variables, str(bundle)))
    try:
        yield made
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


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
