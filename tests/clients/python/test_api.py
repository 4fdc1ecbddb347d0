"""Requests by HTTP, without a server."""

from __future__ import annotations

import asyncio

import httpx
from serverless_chat import Chat, HistoryPage


def chat(body: dict[str, object]) -> Chat:
    """Return a chat whose requests have this answer."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    return Chat("http://server", "ws://server", lambda: "a token", transport=transport)


def test_empty_page_of_history_names_where_the_next_one_begins() -> None:
    async def read() -> HistoryPage:
        client = chat({"messages": [], "has_more": True, "next_after": 40})
        try:
            return await client.history("conv_a", after=20)
        finally:
            await client.api.close()

    assert asyncio.run(read()) == HistoryPage([], True, None, 40)
