"""A fake server behind the guard, clients in front of it, and names of AWS resources."""

from __future__ import annotations

import contextlib
import functools
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import Credentials

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.core.kernel.clock import SystemClock
from local.iam import Guard
from tests.support.engine import REGION

ACCOUNT, API, STAGE = "123456789012", "a1b2c3d4e5", "dev"
SOCKETS = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/{STAGE}/%s/@connections/*"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:work"
KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 1}, proxies={}, read_timeout=10)

Json = dict[str, Any]


def table(name: str) -> str:
    """Return the ARN of a table."""
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def queue(name: str, account: str = ACCOUNT) -> str:
    """Return the URL of a queue, as SQS does."""
    return f"https://sqs.{REGION}.amazonaws.com/{account}/{name}"


def allow(sid: str, action: str | list[str], resource: str | list[str], effect: str = "Allow") -> Json:
    """Make a statement."""
    return {"Sid": sid, "Effect": effect, "Action": action, "Resource": resource}


def new_guard(policies: dict[str, list[Json]], store_url: str, management_url: str) -> Guard:
    """Make a guard for the account of these tests."""
    return Guard(policies, store_url, management_url, region=REGION, account=ACCOUNT, api=API)


@functools.cache
def _session() -> boto3.session.Session:
    """Return the session of all clients, which keeps the descriptions of services."""
    return boto3.session.Session()


@contextlib.contextmanager
def client_of(service: str, url: str, key_id: str, region: str = REGION) -> Iterator[Any]:
    """Yield boto3's client for a service, with this access key id."""
    client = _session().client(
        service, region, endpoint_url=url, aws_access_key_id=key_id, aws_secret_access_key="secret", config=CONFIG
    )
    try:
        yield client
    finally:
        client.close()


def poster_of(guard: Guard, key_id: str) -> ApiGatewayPoster:
    """Return the deployed poster, with this access key id."""
    credentials = Credentials(key_id, "secret")
    return ApiGatewayPoster(guard.management_url, REGION, credentials.get_frozen_credentials, SystemClock())


@dataclass
class Received:
    """A request as received."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Answer:
    """The response to every request."""

    body: bytes = b"{}"
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


class FakeServer:
    """An HTTP server on 127.0.0.1 that records requests and responds to all with `answer`."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.received: list[Received] = []
        self.connections = 0
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake_server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                fake_server.connections += 1
                super().setup()

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fake_server.received.append(Received(self.command, self.path, list(self.headers.items()), body))
                answer = fake_server.answer
                self.send_response_only(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_DELETE = do_PUT = handle_any  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
                """Print nothing."""

        return Handler


def dynamodb_answer(body: bytes) -> Answer:
    """Make a response in DynamoDB's format."""
    headers = [
        ("Content-Type", "application/x-amz-json-1.0"),
        ("x-amzn-RequestId", "REQUEST1"),
        ("x-amz-crc32", str(zlib.crc32(body))),
    ]
    return Answer(body, 200, headers)
