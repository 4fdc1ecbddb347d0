"""Lists of conversations: their orders, their pages, and how much a page reads."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.dynamodb.keys import event_sk
from chalicelib.core.conversations.prices import stored_price
from chalicelib.core.kernel.errors import RateLimited, ValidationFailed
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol.queries import ConversationsQuery, ExportQuery
from chalicelib.core.protocol.requests import UpdatePersonalState
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal


class CountingEngine(MemoryEngine):
    """An engine that counts the items that its queries return."""

    def __init__(self, *tables: str) -> None:
        super().__init__(*tables)
        self.items_read = 0

    def query(self, **request: Any) -> dict[str, Any]:
        page: dict[str, Any] = super().query(**request)
        self.items_read += len(page["Items"])
        return page


def list_page(harness: AppHarness, **query: Any) -> dict[str, Any]:
    texts = {name: str(value) for name, value in query.items() if value is not None}
    return harness.chat.conversations.views.list(principal("bob"), ConversationsQuery.model_validate(texts))


def walk(harness: AppHarness, limit: int, *, before_each: Any = None) -> list[str]:
    """Return the ids on all pages in the order of creation."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = list_page(harness, order="created", limit=limit, cursor=cursor)
        assert len(page["conversations"]) <= limit
        found += [conversation["conversation_id"] for conversation in page["conversations"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            return found
        if before_each is not None:
            before_each()


def create(harness: AppHarness, count: int) -> list[str]:
    made = []
    for _ in range(count):
        harness.clock.advance(1)
        made.append(harness.create_conversation("alice", "bob"))
    return made


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
def test_walk_by_creation_contains_live_conversations_once(harness: AppHarness, limit: int) -> None:
    made = create(harness, 8)
    for deleted in (made[0], made[3], made[4], made[7]):
        harness.chat.conversations.lifecycle.delete(principal("alice"), deleted)
    assert walk(harness, limit) == [made[1], made[2], made[5], made[6]]


def test_walk_by_creation_is_complete_whatever_becomes_active(harness: AppHarness) -> None:
    made = create(harness, 6)

    def activity() -> None:
        harness.clock.advance(1)
        for conversation_id in made:
            harness.send_message("alice", conversation_id)

    assert walk(harness, 2, before_each=activity) == made


def test_list_of_a_participant_without_conversations_is_empty(harness: AppHarness) -> None:
    harness.create_conversation("alice")
    assert list_page(harness, order="created") == {"conversations": []}
    assert list_page(harness, order="activity") == {"conversations": [], "total_unread": 0}


def test_page_by_creation_reads_in_proportion_to_its_size() -> None:
    harness = AppHarness(engine=CountingEngine)
    store = harness.store
    assert isinstance(store, CountingEngine)
    made = create(harness, 40)
    store.items_read = 0
    page = list_page(harness, order="created", limit=5)
    assert [conversation["conversation_id"] for conversation in page["conversations"]] == made[:5]
    assert store.items_read == 5 + 1, "the memberships of the page, and one to see whether there are more"
    store.items_read = 0
    list_page(harness, order="activity", limit=5)
    assert store.items_read == 2 * 40, "all memberships, twice"


def test_page_by_creation_reads_a_few_pages_of_hidden_conversations() -> None:
    harness = AppHarness(engine=CountingEngine)
    store = harness.store
    assert isinstance(store, CountingEngine)
    made = create(harness, 30)
    for archived in made[2:28]:
        change = UpdatePersonalState(archived=True)
        harness.chat.conversations.personal_states.update(principal("bob"), archived, change)
    store.items_read = 0
    page = list_page(harness, order="created", archived="false", limit=3)
    assert [conversation["conversation_id"] for conversation in page["conversations"]] == made[:2]
    assert store.items_read <= 4 * (3 + 1)
    shown, cursor, pages = made[:2], page.get("next_cursor"), 1
    while cursor is not None:
        page = list_page(harness, order="created", archived="false", limit=3, cursor=cursor)
        shown = shown + [conversation["conversation_id"] for conversation in page["conversations"]]
        cursor, pages = page.get("next_cursor"), pages + 1
    assert (shown, pages) == ([*made[:2], *made[28:]], 3)


@pytest.mark.parametrize(("order", "other"), [("activity", "created"), ("created", "activity")])
def test_cursor_of_the_other_order_is_invalid(harness: AppHarness, order: str, other: str) -> None:
    create(harness, 2)
    cursor = list_page(harness, order=order, limit=1)["next_cursor"]
    with pytest.raises(ValidationFailed):
        list_page(harness, order=other, cursor=cursor)


@pytest.mark.parametrize("request_name", ["GET /conversations", "GET /me/export"])
def test_list_and_export_are_charged_for_the_conversations_that_they_read(request_name: str) -> None:
    """A participant can be in thousands, each of which takes reads."""
    burst, conversations = 300, 40
    harness = AppHarness({"CHAT_LIMIT_BUDGET_BURST": str(burst)})
    for _ in range(conversations):
        harness.create_conversation("bob")

    def request(caller: Principal) -> None:
        if request_name == "GET /me/export":
            harness.chat.privacy.export.page(caller, ExportQuery())
        else:
            harness.chat.conversations.views.list(caller, ConversationsQuery())

    price, answered = stored_price(request_name, conversations), 0
    with pytest.raises(RateLimited):
        while answered < burst:
            request(principal("bob"))
            answered += 1
    assert burst <= (answered + 1) * price <= 2 * burst, "the burst, and half of it, which the process forgets"
    request(Principal("bob", "Bob", service="shop"))
    assert len(list_page(harness, order="created")["conversations"]) == conversations


class LateQueries(MemoryEngine):
    """An engine whose queries do not show an event yet: its transaction is ending."""

    hidden = ""

    def query(self, **request: Any) -> dict[str, Any]:
        page: dict[str, Any] = super().query(**request)
        page["Items"] = [item for item in page["Items"] if item["sk"]["S"] != self.hidden]
        return page


@pytest.mark.parametrize("hidden", [3, 4])
@pytest.mark.parametrize("messages", [False, True])
def test_head_of_a_conversation_is_not_beyond_its_messages(hidden: int, messages: bool) -> None:
    """A client continues from there."""
    harness = AppHarness(engine=LateQueries)
    chat = harness.create_conversation("alice", "bob")
    for _ in range(3):
        harness.send_message("alice", chat)
    assert isinstance(harness.store, LateQueries)
    harness.store.hidden = event_sk(hidden)
    view = harness.chat.conversations.views.view(chat, principal("bob"), messages=messages)
    if messages or hidden == 4:
        assert view["head"] == hidden - 1
    if messages:
        assert [message["sequence_id"] for message in view["messages"]] == list(range(2, hidden))


@pytest.mark.parametrize("messages", [False, True])
def test_message_beyond_the_head_is_not_shown(messages: bool) -> None:
    harness = AppHarness(engine=LateQueries)
    chat = harness.create_conversation("alice", "bob")
    harness.send_message("alice", chat)
    assert isinstance(harness.store, LateQueries)
    harness.store.hidden = event_sk(2)
    view = harness.chat.conversations.views.view(chat, principal("bob"), messages=messages)
    assert (view["head"], view.get("last_message"), view.get("messages", [])) == (1, None, [])
