"""Many messages in few requests."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.client import TestClient, new_client_message_id


def fill(conversation: str, texts: Sequence[str], *clients: TestClient) -> None:
    """Write many messages in batches, by clients in turn: each may send about a hundred at once."""
    turn = new_client_message_id()
    for start in range(0, len(texts), 24):
        commands = [
            {
                "type": "message",
                "conversation_id": conversation,
                "client_message_id": f"{turn}-{start + number}",
                "content": text,
            }
            for number, text in enumerate(texts[start : start + 24])
        ]
        client = clients[start // 24 % len(clients)]
        client.post("/batch", {"commands": commands}).expect(200)
