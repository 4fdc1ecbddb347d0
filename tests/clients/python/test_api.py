"""Requests by HTTP, without a server."""

from __future__ import annotations

import asyncio

import httpx
from serverless_chat import Chat, HistoryPage, Ticket


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


def test_requests_have_no_token_and_use_up_no_ticket() -> None:
    sent: list[httpx.Request] = []
    fetched: list[Ticket] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    def ticket() -> Ticket:
        fetched.append(Ticket("once"))
        return fetched[-1]

    async def read() -> None:
        client = Chat("http://server", "ws://server", ticket, transport=httpx.MockTransport(answer))
        for _ in range(3):
            await client.api.get("/me")
        await client.api.close()

    asyncio.run(read())
    assert len(fetched) == 1
    assert ["authorization" in request.headers for request in sent] == [False, False, False]
