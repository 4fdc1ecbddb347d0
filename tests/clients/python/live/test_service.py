"""The client of a service and a local chat."""

from __future__ import annotations

import asyncio
import json

import pytest
from serverless_chat import RefusedError, Service
from websockets.asyncio.client import connect

from local.tokens import mint_for_service
from tests.clients.python.live.server import SECRET, LiveServer

SETTINGS = {"CHAT_JWT_SECRET": SECRET, "CHAT_SERVICE_SCOPE": "chat-service", "CHAT_SERVICE_CLIENTS": "backend"}


def test_service_acts_for_its_users_and_lets_their_browsers_connect(server: LiveServer) -> None:
    async def run() -> None:
        async with Service(server.http_url, lambda: mint_for_service("backend", 60, SETTINGS)) as service:
            alice = service.acting_for("alice|1", "Alice Ä.")
            made = await alice.create("Order 7", [{"participant_id": "bob", "name": "Bob"}])
            conversation_id = made["conversation_id"]
            sent = [await alice.send(conversation_id, "Shipped", client_message_id="7-shipped") for _ in range(2)]
            assert sent[0] == sent[1]
            assert sent[0]["sender"] == {
                "participant_id": "alice|1",
                "name": "Alice Ä.",
                "type": "human",
                "via": "service",
            }
            ticket = await service.acting_for("bob").ticket()
            async with connect(f"{server.ws_url}?ticket={ticket}", proxy=None) as browser:
                await browser.send(json.dumps({"type": "hello"}))
                welcome = json.loads(await asyncio.wait_for(browser.recv(), 15))
            assert (welcome["type"], welcome["participant"]["participant_id"]) == ("welcome", "bob")
            with pytest.raises(RefusedError, match="NOT_FOUND"):
                await service.acting_for("eve").send(conversation_id, "hi")

    asyncio.run(run())
