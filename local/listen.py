"""`python -m local listen`: print the frames that a participant's connection receives.

It implements the part of the protocol that this needs: `hello`, `subscribe`, a `ping` within the interval given
by `welcome`, and a subscription to each conversation that the participant is added to.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

import aiohttp

from local.errors import LocalError

DEFAULT_PING_INTERVAL = 60.0  # seconds, used until `welcome` is received
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Controls (C0, DEL, C1), line separators and bidirectional controls, on which a terminal could act."""
_REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """The server, the token and the conversations to subscribe to; empty: all of the participant's."""

    http_url: str
    ws_url: str
    token: str
    conversations: Sequence[str]


async def listen(options: ListenOptions, out: TextIO) -> None:
    """Print every received frame until the server closes the connection, then its close code.

    Raises LocalError if no instance answers, or if it rejects the token.
    """
    headers = {"Authorization": f"Bearer {options.token}"}
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            conversations = options.conversations or await _latest_conversation_ids(session, options.http_url)
            async with session.ws_connect(options.ws_url, autoping=True, max_msg_size=0) as socket:
                await _print_frames(socket, conversations, out)
                print(f"The server closed the connection (code {socket.close_code}).", file=out, flush=True)
    except aiohttp.WSServerHandshakeError as exc:
        raise LocalError(f"{options.ws_url} rejected the connection with status {exc.status}.") from None
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise LocalError(
            f"No instance answers at {options.http_url} and {options.ws_url} ({type(exc).__name__}). Start one"
            " with `make run`, or give its ports with --port and --ws-port."
        ) from None


async def _latest_conversation_ids(session: aiohttp.ClientSession, http_url: str) -> list[str]:
    """Return the ids of the participant's 100 latest conversations."""
    async with session.get(f"{http_url}/conversations?limit=100", timeout=_REQUEST_TIMEOUT) as response:
        if response.status != 200:
            raise LocalError(f"GET {http_url}/conversations answers {response.status}.")
        return [conversation["conversation_id"] for conversation in (await response.json())["conversations"]]


async def _print_frames(
    socket: aiohttp.ClientWebSocketResponse, conversations: Sequence[str], out: TextIO
) -> None:
    subscriptions = [{"conversation_id": conversation_id} for conversation_id in conversations]
    await socket.send_json({"type": "hello", "subscribe": subscriptions})
    clock = asyncio.get_running_loop().time
    interval = DEFAULT_PING_INTERVAL
    next_ping = clock() + interval
    while True:
        try:
            message = await socket.receive(timeout=max(next_ping - clock(), 0.001))
        except TimeoutError:
            await socket.send_json({"type": "ping"})
            next_ping = clock() + interval
            continue
        if message.type is not aiohttp.WSMsgType.TEXT:
            return
        print(_printable(message.data), file=out, flush=True)
        frame = json.loads(message.data)
        if frame.get("type") == "welcome":
            interval = frame["ping_interval"] / 2
            next_ping = clock() + interval
        elif frame.get("type") == "conversation_added":
            await socket.send_json({"type": "subscribe", **_conversation_key(frame["conversation"])})


def _printable(frame: str) -> str:
    """Return a frame with the characters escaped, as JSON does it, that a terminal could act on."""
    return _CONTROLS.sub(lambda control: f"\\u{ord(control[0]):04x}", frame)


def _conversation_key(conversation: Mapping[str, str]) -> dict[str, str]:
    return {"conversation_id": conversation["conversation_id"]}


def run(options: ListenOptions, out: TextIO) -> None:
    """Listen until the server closes the connection or Ctrl-C is pressed. Raises LocalError."""
    try:
        asyncio.run(listen(options, out))
    except KeyboardInterrupt:
        print(file=sys.stderr)  # puts the shell's prompt below the ^C
    except BrokenPipeError:  # the reader ended first, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # Python flushes stdout again at exit
