"""A proxy between server and store that counts the operations that pass through it.

`python -m bench.counting_proxy URL` listens on a free port of 127.0.0.1, prints its URL as a line of JSON, and
then answers every line on standard input with the counts so far as a line of JSON. It exits at the end of input.
Bytes are forwarded unchanged; the `X-Amz-Target` header identifies an operation (DynamoDB's protocol).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from collections import Counter
from urllib.parse import urlsplit

HOST = "127.0.0.1"
_CHUNK = 64 * 1024
_TARGET = re.compile(rb"\r\nX-Amz-Target: *\w+\.(\w+)\r\n", re.IGNORECASE)
_MAX_HEADER_LENGTH = 128


class Scanner:
    """Finds operations in a stream of chunks, also if a header is split between two chunks."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._tail = b""

    def feed(self, piece: bytes) -> None:
        """Scan the next bytes from the client."""
        text = self._tail + piece
        end = 0
        for match in _TARGET.finditer(text):
            self._counts[match[1].decode()] += 1
            end = match.end() - 2  # the line break may start the next header
        self._tail = text[max(end, len(text) - _MAX_HEADER_LENGTH) :]


class Proxy:
    """Forwards connections to one server."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.counts: Counter[str] = Counter()

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Forward one connection until both sides have ended it."""
        try:
            store, to_store = await asyncio.open_connection(self._host, self._port)
        except OSError:
            to_client.close()
            return
        scanner = Scanner(self.counts)
        await asyncio.gather(_forward(client, to_store, scanner), _forward(store, to_client, None))


async def _forward(source: asyncio.StreamReader, to: asyncio.StreamWriter, scanner: Scanner | None) -> None:
    try:
        while piece := await source.read(_CHUNK):
            if scanner is not None:
                scanner.feed(piece)
            to.write(piece)
            await to.drain()
    except ConnectionError:
        pass  # one side has disconnected; close the other
    finally:
        to.close()


async def run(url: str) -> None:
    """Serve until the end of standard input."""
    address = urlsplit(url)
    proxy = Proxy(address.hostname or HOST, address.port or 80)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def answer() -> None:
        for _ in sys.stdin:
            print(json.dumps(proxy.counts), flush=True)
        loop.call_soon_threadsafe(ended.set)

    async with await asyncio.start_server(proxy.serve, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"url": f"http://{HOST}:{port}"}), flush=True)
        threading.Thread(target=answer, daemon=True).start()
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
