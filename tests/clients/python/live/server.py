"""A local chat as a process, a proxy that breaks its connections, and clients that use them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from serverless_chat import Chat, Storage

from local.tokens import mint
from tests.local.instance import TIMEOUT, Instance, Instances, call

SECRET = "only-the-tests-of-the-client-sign-with-this"
SETTINGS = {
    "CHAT_JWT_SECRET": SECRET,
    "CHAT_TIME_PING_INTERVAL": "2",
    "CHAT_TIME_PRESENCE_DEBOUNCE": "0.5",
    "CHAT_LIMIT_CHANGES_PER_MINUTE": "6000",
    "CHAT_LIMIT_CHANGE_BURST": "1000",
}


def token(participant: str, ttl: int = 3600) -> str:
    return mint(participant, participant.title(), ttl, secret=SECRET)


class LiveServer:
    """One address for clients, behind which instances come and go."""

    def __init__(self, instances: Instances, starts: bool = True) -> None:
        self._instances = instances
        self.instance: Instance | None = None
        if starts:
            self.start()

    def start(self, *options: str, **environment: str) -> None:
        """Start an instance in place of a former one."""
        self.instance = self._instances.start(*options, **{**SETTINGS, **environment})

    def kill(self) -> None:
        """End the instance without any chance to write."""
        assert self.instance is not None
        self.instance.process.kill()
        self.instance.process.communicate()

    def backup(self, data: Path, target: Path) -> None:
        """Copy a data directory that an instance uses."""
        assert self._instances.spawn("backup", str(data), str(target)).wait(TIMEOUT) == 0

    @property
    def http_url(self) -> str:
        assert self.instance is not None
        return str(self.instance.ready["http_url"])

    @property
    def ws_url(self) -> str:
        assert self.instance is not None
        return str(self.instance.ready["ws_url"])

    def chat(self, participant: str, storage: Storage | None = None, ws_url: str | None = None) -> Chat:
        """Return a client that is not connected yet."""
        return Chat(self.http_url, ws_url or self.ws_url, lambda: token(participant), storage=storage)

    def create(self, title: str = "Trip") -> str:
        """Create a conversation of Alice and Bob."""
        body = {"title": title, "participants": [{"participant_id": "bob", "name": "Bob"}]}
        status, created = call("POST", f"{self.http_url}/conversations", token("alice"), body)
        assert status == 201
        return str(created["conversation_id"])

    def log(self, conversation_id: str) -> list[dict[str, object]]:
        """Return up to 100 events of a conversation."""
        url = f"{self.http_url}/conversations/{conversation_id}/events?limit=100"
        status, page = call("GET", url, token("alice"))
        assert status == 200
        return list(page["events"])

    def texts(self, conversation_id: str) -> list[object]:
        """Return the texts of the messages in the log."""
        return [event["content"] for event in self.log(conversation_id) if event["type"] == "message"]


class Proxy:
    """Forwards connections to the WebSocket of a server, and breaks them."""

    def __init__(self, server: LiveServer) -> None:
        self._live = server
        self._writers: set[asyncio.StreamWriter] = set()
        self.is_refusing = False
        self.connections = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Yield the URL of the proxy."""
        listening = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        try:
            yield f"ws://127.0.0.1:{port}{urlsplit(self._live.ws_url).path}"
        finally:
            listening.close()
            self.sever()

    def sever(self) -> None:
        """Break all connections at once, without a close frame."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.is_refusing:
            writer.transport.abort()
            return
        target = urlsplit(self._live.ws_url)
        try:
            remote_reader, remote_writer = await asyncio.open_connection(target.hostname, target.port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, remote_writer}
        await asyncio.gather(_copy(reader, remote_writer), _copy(remote_reader, writer))
        self._writers -= {writer, remote_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
