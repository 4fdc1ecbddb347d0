"""The routes of services: every one of them, and what participants see of it."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import MakeClients
from tests.e2e.permission_matrix import SERVICE_TABLE, TABLE, Room
from tests.e2e.test_permission_matrix import USUAL, Cast
from tests.support.client import HttpClient, Response, TestClient
from tests.support.server import ServerProcess


class Backend:
    """A service, for no participant."""

    def __init__(self, server: ServerProcess, http: HttpClient) -> None:
        self._http, self._token = http, server.service_token()

    def request(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Response:
        """Send a request with the token of the service."""
        return self._http.request(method, path, body, token=self._token, headers=headers)

    def create(self, title: str, *people: tuple[TestClient, str]) -> str:
        """Create a conversation of people with these roles; return its id."""
        listed = [{"participant_id": person.id, "name": person.name, "role": role} for person, role in people]
        body = {"title": title, "participants": listed}
        return str(self.request("POST", "/service/conversations", body).expect(201)["conversation_id"])

    def say(self, chat: str, content: str, key: str = "1", status: int = 201) -> dict[str, object]:
        """Send a system message."""
        body = {"client_message_id": key, "content": content}
        found: dict[str, object] = self.request("POST", f"/service/conversations/{chat}/messages", body).expect(
            status
        )
        return found

    def decide(self, person: TestClient, **state: bool) -> dict[str, object]:
        """Change the state of a participant."""
        path = f"/service/participants?participant_id={person.id}"
        found: dict[str, object] = self.request("PATCH", path, state).expect(200)
        return found


@pytest.fixture
def backend(server: ServerProcess, http: HttpClient) -> Backend:
    """Return the service."""
    return Backend(server, http)


def test_service_is_answered_as_the_matrix_states(clients: MakeClients, backend: Backend) -> None:
    room: Room = Cast(clients).room(TABLE[0])
    for act, expected, body in SERVICE_TABLE:
        method, path = room.filled(act, "owner").split(" ", 1)
        answer = backend.request(method, path, room.filled(dict(body), "owner") or None)
        status, _, code = expected.partition(":")
        answer.expect(int(status), code or USUAL.get(status))


def test_repeated_creation_of_a_service_is_one_conversation(clients: MakeClients, backend: Backend) -> None:
    alice, bob = clients("alice", "bob")
    listed = [{"participant_id": person.id, "name": person.name} for person in (alice, bob)]
    body = {"title": "Order 8", "participants": listed}
    headers = {"Idempotency-Key": f'"order-8-{alice.id}"'}
    path = "/service/conversations"
    first = backend.request("POST", path, body, headers).expect(201)
    again = backend.request("POST", path, body, headers).expect(201)
    assert again["conversation_id"] == first["conversation_id"]
    assert [row["conversation_id"] for row in alice.list_conversations()] == [first["conversation_id"]]
    other = backend.request("POST", path, {**body, "title": "Order 9"}, headers)
    other.expect(422, "IDEMPOTENCY_KEY_REUSED")
    own = alice.post("/conversations", {"title": "Mine"}, headers=headers).expect(201)
    assert own["conversation_id"] != first["conversation_id"], "keys of different callers are independent"
    backend.request("POST", path, body, {"Idempotency-Key": '"'}).expect(400, "VALIDATION_FAILED")


def test_conversation_of_a_service_and_its_system_messages(clients: MakeClients, backend: Backend) -> None:
    alice, bob, eve = clients("alice", "bob", "eve")
    bob.connect()
    chat = backend.create("Order 7", (alice, "member"), (bob, "moderator"))
    assert bob.expect_frame(type="conversation_added")["conversation"]["created_by"] == "system"
    bob.subscribe(chat)
    sent = backend.say(chat, "Paid.")
    assert sent["sender"] == {"participant_id": "system", "name": "System", "type": "system"}
    bob.expect_message("Paid.", sender=sent["sender"])
    assert backend.say(chat, "Paid.", status=200) == sent
    number = int(str(sent["sequence_id"]))
    alice.post_message(chat, "Thanks", reply_to=number)
    alice.add_reaction(chat, number, "👍")
    (listed,) = alice.list_conversations()
    assert listed["unread_count"] == 1
    alice.patch(f"/conversations/{chat}/messages/{number}", {"content": "Free!"}).expect(403, "FORBIDDEN")
    alice.delete(f"/conversations/{chat}/messages/{number}").expect(403, "FORBIDDEN")
    bob.delete_message(chat, number)
    seen = backend.request("GET", f"/service/conversations/{chat}").expect(200)
    assert {person["participant_id"] for person in seen["participants"]} == {alice.id, bob.id}
    assert "unread_count" not in seen
    eve.get(f"/conversations/{chat}").expect(404, "NOT_FOUND")


def test_service_lists_conversations_in_the_order_of_creation(clients: MakeClients, backend: Backend) -> None:
    alice, bob = clients("alice", "bob")
    created = [backend.create(f"Order {number}", (alice, "owner")) for number in range(3)]
    created.append(bob.create_conversation("Bob's"))
    cursor, found = "", []
    while True:
        page = backend.request("GET", f"/service/conversations?limit=100{cursor}").expect(200)
        found += [entry["conversation_id"] for entry in page["conversations"]]
        if "next_cursor" not in page:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [name for name in found if name in created] == created
    of_alice = backend.request("GET", f"/service/conversations?participant_id={alice.id}&limit=2").expect(200)
    assert [entry["conversation_id"] for entry in of_alice["conversations"]] == created[:2]


def test_service_suspends_a_participant_everywhere(clients: MakeClients, backend: Backend) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    assert backend.decide(bob, suspended=True)["suspended"] is True
    assert bob.expect_frame(type="disconnect")["code"] == "SUSPENDED"
    bob.post("/conversations", {"title": "New"}).expect(403, "SUSPENDED")
    bob.get("/me").expect(403, "SUSPENDED")
    other = alice.create_conversation("Other")
    body = {"participant_id": bob.id, "name": "Bob"}
    assert alice.post(f"/conversations/{other}/participants", body).expect(201)["membership"] == "pending"
    path = f"/service/conversations/{other}/participants"
    backend.request("POST", path, body).expect(400, "VALIDATION_FAILED")
    assert alice.leave(chat) == 0, "a suspended member inherits nothing"
    backend.decide(bob, suspended=False)
    bob.join(other)
    bob.connect(other)


def test_service_registers_an_agent_exports_and_erases(clients: MakeClients, backend: Backend) -> None:
    alice, bot = clients("alice", "bot")
    backend.decide(bot, agent=True)
    chat = backend.create("Support", (alice, "member"), (bot, "member"))
    roster = alice.get_conversation(chat)["participants"]
    assert {person["participant_id"]: person["type"] for person in roster} == {alice.id: "human", bot.id: "agent"}
    alice.post_message(chat, "help")
    export = backend.request("GET", f"/service/participants/export?participant_id={alice.id}").expect(200)
    assert [message["content"] for message in export["messages"]] == ["help"]
    backend.request("DELETE", f"/service/participants?participant_id={alice.id}").expect(202)
    backend.request("GET", f"/service/participants/erasure?participant_id={alice.id}").expect(200)
