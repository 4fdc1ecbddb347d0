"""The output of `chat tail -f` for a conversation whose view begins anew."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from serverless_chat.cli.errors import CommandError
from serverless_chat.cli.following import print_messages, print_until_the_end
from serverless_chat.cli.printing import Printer
from serverless_chat.core.outputs import JsonObject

from tests.clients.python.drive import HISTORY, event
from tests.clients.python.fake_server import Server, until

NEWER = "2.conversations"


def test_events_of_restored_data_are_printed_although_their_numbers_were_seen_before() -> None:
    server, out = Server(), io.StringIO()
    head = 2

    def answers(frame: JsonObject) -> list[JsonObject]:
        if frame["type"] != "subscribe":
            return []
        about = {
            "type": "subscribed",
            "id": frame["id"],
            "conversation_id": "conv_a",
            "history_id": server.history_id,
        }
        events = [event(number, content=f"{server.history_id} {number}") for number in range(1, head + 1)]
        counts = {"head": head, "has_more": False, "read_up_to": head, "history_id": server.history_id}
        return [{**about, **counts, "events": events, "participants": []}]

    def printed() -> list[str]:
        return [json.loads(line)["content"] for line in out.getvalue().splitlines()]

    async def run() -> None:
        nonlocal head
        server.answers = answers
        async with server.chat() as chat:
            await chat.connected()
            room = await chat.open("conv_a")
            printer = Printer(out, is_json=True)
            following = asyncio.ensure_future(
                print_until_the_end(room, printer, print_messages(room, printer, None))
            )
            pushed = {"type": "events", "conversation_id": "conv_a", "history_id": HISTORY}
            server.socket.push({**pushed, "events": [event(3, content=f"{HISTORY} 3")]})
            await until(lambda: len(printed()) == 3)
            server.history_id, head = NEWER, 1
            pushed = {"type": "events", "conversation_id": "conv_a", "history_id": NEWER}
            server.socket.push({**pushed, "events": [event(2, content=f"{NEWER} 2")]})
            await until(lambda: len(printed()) == 5)
            server.socket.push({"type": "conversation_deleted", "conversation_id": "conv_a"})
            with pytest.raises(CommandError):
                await following
        assert printed() == [f"{HISTORY} 1", f"{HISTORY} 2", f"{HISTORY} 3", f"{NEWER} 1", f"{NEWER} 2"]

    asyncio.run(asyncio.wait_for(run(), 20))
