"""The engine in memory as a process that speaks DynamoDB's JSON protocol, with latencies; for one benchmark.

`python -m bench.store_sink MILLISECONDS TRANSACTION_MILLISECONDS [SERVER.PEM]` prints its port, and exits at the
end of standard input. It has the app's tables and checks no signatures.
"""

from __future__ import annotations

import json
import re
import ssl
import sys

from local.dynamodb.engine import Engine
from local.dynamodb.errors import DynamoError

from .harness import new_engine
from .sink import Sink, server_context

_TARGET = re.compile(rb"x-amz-target: *DynamoDB_20120810\.(\w+)", re.IGNORECASE)


class StoreSink(Sink):
    """The server; see the module's docstring."""

    def __init__(self, seconds: float, transaction_seconds: float, context: ssl.SSLContext | None) -> None:
        super().__init__(seconds, context)
        self._call_seconds = seconds
        self._transaction_seconds = transaction_seconds
        self._engine: Engine = new_engine().engine

    def respond(self, head: bytes, body: bytes) -> tuple[float, bytes]:
        """Execute the operation; return the latency and the response."""
        found = _TARGET.search(head)
        operation = found[1].decode() if found else ""
        try:
            status, content = 200, self._engine.call(operation, json.loads(body))
        except DynamoError as error:
            status, content = error.status, error.wire
        text = json.dumps(content).encode()
        lines = f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(text)}"
        seconds = self._transaction_seconds if operation.startswith("Transact") else self._call_seconds
        return seconds, lines.encode() + b"\r\n\r\n" + text


def main(milliseconds: str, transaction_milliseconds: str, certificate: str | None = None) -> None:
    """Run the server."""
    sink = StoreSink(
        float(milliseconds) / 1000, float(transaction_milliseconds) / 1000, server_context(certificate)
    )
    print(sink.port, flush=True)
    sink.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
