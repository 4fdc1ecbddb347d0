"""The list of conversations of a chat: the feed, and the pages that repair it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from serverless_chat import ConversationList, RefusedError
from serverless_chat.core.outputs import JsonObject
from serverless_chat.core.rows import UNKNOWN_DELAY

from tests.clients.python.drive import HISTORY
from tests.clients.python.fake_server import Server, until
from tests.clients.python.listed import activity, entry, loaded, read, state, talk

NEWER = "2.conversations"


class Pages:
    """Answers requests for the list by one page after the other; the test says when."""

    def __init__(self, server: Server) -> None:
        self.waiting: list[tuple[str | None, asyncio.Future[JsonObject]]] = []
        server.answer = self._answer

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        future: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self.waiting.append((request.url.params.get("cursor"), future))
        return httpx.Response(200, json=await future, headers={"chat-history-id": HISTORY})

    async def next(self, cursor: str | None, page: JsonObject, index: int = 0) -> None:
        """Answer a request that waits."""
        await until(lambda: len(self.waiting) > index)
        asked, future = self.waiting.pop(index)
        assert asked == cursor
        future.set_result(page)


def numbered(number: int) -> JsonObject:
    """Return one of many pages, with one conversation."""
    return {"conversations": [entry(9 - number, f"conv_{number}")], "next_cursor": f"after {number}"}


def test_feed_moves_conversations_and_counts_without_a_request() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        server.page = {
            "conversations": [entry(3), entry(2, "conv_b", unread_count=0, read_up_to=2)],
            "total_unread": 9,
        }
        await conversations.load()
        count = server.requests
        server.socket.push(activity(5, "conv_b", title="Moved"))
        rows = await conversations.changes.until(lambda rows: rows[0].title == "Moved")
        assert [(row.conversation_id, row.unread_count) for row in rows] == [("conv_b", 3), ("conv_a", 3)]
        assert conversations.total_unread == 12
        server.socket.push(read(5, 5, 0, "conv_b"))
        await conversations.changes.until(lambda rows: rows[0].unread_count == 0)
        assert conversations.total_unread == 9
        assert server.requests == count

    talk(steps)


def test_list_is_loaded_again_for_unknown_conversations_and_higher_heads_and_after_a_failure() -> None:
    assert loaded(entry(2)).apply(activity(3, "conv_b"), "alice") == UNKNOWN_DELAY
    assert loaded(entry(2)).apply(read(3, 3, 0, "conv_b"), "alice") == UNKNOWN_DELAY

    async def steps(server: Server, conversations: ConversationList) -> None:
        server.page = {"conversations": [entry(2), entry(3, "conv_b")]}
        conversations.compare({"conv_a": 2}, ())
        assert conversations.is_fresh
        conversations.compare({"conv_a": 4}, ())
        await conversations.changes.until(lambda rows: len(rows) == 2)
        server.status = 400
        conversations.refresh_soon()
        await until(lambda: conversations.is_fresh)
        server.status, server.page = 200, {"conversations": [entry(2)]}
        conversations.compare({}, {"conv_b"})
        await conversations.changes.until(lambda rows: len(rows) == 1)

    talk(steps)


def test_list_is_loaded_at_once_when_the_device_is_online() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        count = server.requests
        server.status = 503
        server.page = {"error": {"code": "UNAVAILABLE", "message": "later", "retry_after": 60}}
        conversations.refresh_soon()
        await until(lambda: server.requests == count + 1)
        for _ in range(50):
            await asyncio.sleep(0)  # the answer comes, and the backoff begins
        server.status, server.page = 200, {"conversations": [entry(3)]}
        conversations.online()
        await conversations.changes.until(lambda rows: rows[0].head == 3)

    talk(steps)


def test_refresh_loads_all_pages_that_were_loaded_and_forgets_the_rows_of_none() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        server.page = {"conversations": [entry(2)], "next_cursor": "more"}
        await conversations.load()
        server.page = {"conversations": [entry(1, "conv_b")], "next_cursor": "further"}
        assert await conversations.load_more()
        assert [row.conversation_id for row in conversations.rows] == ["conv_a", "conv_b"]
        count, server.page = server.requests, {"conversations": [entry(1, "conv_b")], "next_cursor": "further"}
        conversations.refresh_soon()
        await until(lambda: conversations.is_fresh)
        assert server.requests == count + 2
        assert [row.conversation_id for row in conversations.rows] == ["conv_b"]
        assert conversations.has_more

    talk(steps)


def test_page_that_was_read_before_a_change_of_membership_is_read_again() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        count = server.requests
        server.answering.clear()
        conversations.refresh_soon()
        await until(lambda: server.requests == count + 1)
        removed = {"type": "conversation_removed", "conversation_id": "conv_a", "reason": "removed"}
        server.socket.push(removed)
        await conversations.changes.until(lambda rows: rows == [])
        server.page = {"conversations": []}
        server.answering.set()
        await until(lambda: conversations.is_fresh)
        assert server.requests == count + 2
        assert conversations.rows == []

    talk(steps)


def test_conversation_that_is_added_while_the_list_is_loaded_stays() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        count = server.requests
        server.answering.clear()
        conversations.refresh_soon()
        await until(lambda: server.requests == count + 1)
        added = {"conversation_id": "conv_b", "history_id": HISTORY, "conversation": entry(2, "conv_b")}
        server.socket.push({"type": "conversation_added", **added})
        await conversations.changes.until(lambda rows: len(rows) == 2)
        counts: list[int] = []
        conversations.changes.on(lambda rows: counts.append(len(rows)))
        server.page = {"conversations": [entry(3), entry(3, "conv_b")]}
        server.answering.set()
        await until(lambda: conversations.is_fresh)
        assert server.requests == count + 2
        assert set(counts) == {2}

    talk(steps)


def test_message_that_overtakes_the_list_is_in_the_total() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        server.page = {"conversations": [entry(2), entry(4, "conv_b")], "total_unread": 9}
        await conversations.load()
        count = server.requests
        server.answering.clear()
        conversations.refresh_soon()
        await until(lambda: server.requests == count + 1)
        server.socket.push(activity(3))
        await conversations.changes.until(lambda rows: {row.unread_count for row in rows} == {3, 4})
        server.answering.set()
        await until(lambda: conversations.is_fresh)
        assert (server.requests, conversations.total_unread) == (count + 1, 10)
        server.page = {"conversations": [entry(3), entry(4, "conv_b")], "total_unread": 10}
        await conversations.load()
        assert conversations.total_unread == 10

    talk(steps)


def test_changes_of_membership_that_overtake_each_other_are_read_again() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        server.page = {"conversations": []}
        server.socket.push({"type": "conversation_removed", "conversation_id": "conv_a", "reason": "removed"})
        added = {"conversation_id": "conv_a", "history_id": HISTORY, "conversation": entry(2)}
        server.socket.push({"type": "conversation_added", **added})  # the earlier one
        await conversations.changes.until(lambda rows: rows != [])
        await conversations.changes.until(lambda rows: rows == [])

    talk(steps)


def test_rows_of_another_history_are_replaced_and_its_frames_are_not_mixed_with_them() -> None:
    rows = loaded(entry(9))
    assert rows.apply(activity(20, history_id=NEWER), "alice") == 0
    assert rows["conv_a"].unread_count == 9
    rows.load({"conversations": [entry(4)]}, NEWER)
    assert state(rows["conv_a"]) == ("Trip", 4, 0, 4, "text 4")
    rows.load({"conversations": [entry(9)]}, HISTORY)
    assert rows.apply(activity(9), "alice") is None
    assert rows["conv_a"].unread_count == 4


def test_invitations_are_reported() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        invited: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        conversations.on_invited(invited.set_result)
        server.socket.push({"type": "invited", "conversation_id": "conv_z", "title": "Secret", "role": "member"})
        assert (await invited)["title"] == "Secret"

    talk(steps)


def test_page_that_is_answered_late_replaces_no_later_one() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        pages = Pages(server)
        loading = asyncio.ensure_future(conversations.load())
        await until(lambda: len(pages.waiting) == 1)
        conversations.refresh_soon()  # as after `conversation_added`
        for _ in range(20):
            await asyncio.sleep(0)
        later = {"conversations": [entry(2), entry(1, "conv_new")]}
        if len(pages.waiting) > 1:  # the answers overtake each other
            await pages.next(None, later, 1)
            await conversations.changes.until(lambda rows: len(rows) == 2)
        await pages.next(None, {"conversations": [entry(2)]})
        if not conversations.is_fresh:
            await pages.next(None, later)
        await loading
        assert [row.conversation_id for row in conversations.rows] == ["conv_a", "conv_new"]

    talk(steps)


def test_pages_that_are_loaded_during_a_refresh_stay() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        pages = Pages(server)
        conversations.refresh_soon()
        await pages.next(None, numbered(1))
        await until(lambda: conversations.is_fresh)
        conversations.refresh_soon()  # as after `welcome`
        await until(lambda: len(pages.waiting) == 1)
        for number in (2, 3):
            more = asyncio.ensure_future(conversations.load_more())
            await pages.next(f"after {number - 1}", numbered(number), 1)
            assert await more
        await pages.next(None, numbered(1))
        for number in (2, 3):
            await pages.next(f"after {number - 1}", numbered(number))
        await until(lambda: conversations.is_fresh)
        assert [row.conversation_id for row in conversations.rows] == ["conv_1", "conv_2", "conv_3"]
        assert conversations.has_more

    talk(steps)


def test_load_that_fails_raises_and_is_repeated_without_a_call() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        server.status = 400
        server.page = {"error": {"code": "VALIDATION_FAILED", "message": "no"}}
        with pytest.raises(RefusedError):
            await conversations.load()
        server.status, server.page = 200, {"conversations": [entry(3)]}
        conversations.online()
        await conversations.changes.until(lambda rows: rows[0].head == 3)

    talk(steps)


def test_load_that_waits_for_another_attempt_ends_when_the_device_is_online() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        count = server.requests
        server.status = 503
        server.page = {"error": {"code": "UNAVAILABLE", "message": "later", "retry_after": 60}}
        loading = asyncio.ensure_future(conversations.load())
        await until(lambda: server.requests == count + 1)
        for _ in range(50):
            await asyncio.sleep(0)  # the answer comes, and the backoff begins
        server.status, server.page = 200, {"conversations": [entry(3)]}
        conversations.online()
        assert [row.head for row in await loading] == [3]

    talk(steps)
