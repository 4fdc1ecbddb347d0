"""A command of the user that prints a token."""

from __future__ import annotations

import asyncio
import shlex
from contextlib import suppress

from .errors import UNAUTHORIZED, USAGE, CommandError

TIMEOUT = 30.0
"""After how many seconds a command is ended: it would stay beside the one of the next attempt to connect."""


class _Output(asyncio.SubprocessProtocol):
    """Collects what a process prints."""

    def __init__(self) -> None:
        self.printed = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the process has ended, and its pipe is closed."""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.printed += data

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def _end(transport: asyncio.SubprocessTransport, output: _Output) -> None:
    """End a process, and wait for that: later, it would find no event loop."""
    with suppress(ProcessLookupError):
        transport.kill()
    if (pipe := transport.get_pipe_transport(1)) is not None:
        pipe.close()  # a process that it has begun can hold the other end
    await output.ended
    transport.close()


async def _begin(arguments: list[str]) -> tuple[asyncio.SubprocessTransport, _Output]:
    """Begin a process.

    asyncio itself, cancelled meanwhile, waits for all that hold its output, and leaves its own end open.
    """
    null, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    loop = asyncio.get_running_loop()
    beginning = asyncio.ensure_future(
        loop.subprocess_exec(_Output, *arguments, stdin=null, stdout=pipe, stderr=None)
    )
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        with suppress(OSError):  # there is no such command
            await _end(*await beginning)
        raise


async def printed_token(command: str, timeout: float = TIMEOUT) -> str:
    """Return what the command prints. One whose token is not awaited any more is ended. Raises CommandError."""
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise CommandError(f"The token command: {error}.", USAGE) from None
    if not arguments:
        raise CommandError("The token command is empty.", USAGE)
    transport, output = await _begin(arguments)
    try:
        done, _ = await asyncio.wait({output.ended}, timeout=timeout)
        status = transport.get_returncode()
    finally:
        await _end(transport, output)
    if not done:
        raise CommandError(f"The token command did not end within {timeout:g} seconds.", UNAUTHORIZED)
    token = output.printed.decode("ascii", "replace").strip()
    if status != 0 or not token:
        raise CommandError("The token command failed.", UNAUTHORIZED)
    return token
