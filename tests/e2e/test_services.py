"""Services over real sockets: a backend that acts for participants, and browsers that connect with its tickets."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.conftest import MakeClients
from tests.support.acting_client import ActingClient
from tests.support.client import HttpClient, Socket, TestClient
from tests.support.server import ServerProcess

ActFor = Callable[[TestClient], ActingClient]


@pytest.fixture
def act_for(server: ServerProcess) -> Iterator[ActFor]:
    """Return a function that makes a client of the service `backend`."""
    token, client = server.service_token(), HttpClient(server.endpoint.http_url)
    yield lambda participant: ActingClient(server.endpoint, client, token, participant)
    client.close()


def test_service_acts_for_two_participants_under_one_cached_result(clients: MakeClients, act_for: ActFor) -> None:
    alice, bob = clients("alice", "bob")
    chat = act_for(alice).create_conversation("Order", members=[bob])
    bob.connect(chat)
    sent = []
    for acting in (act_for(alice), act_for(bob)):
        sent.append(acting.post_message(chat, "hi"))
        assert sent[-1]["sender"] == acting.actor
        bob.expect_message("hi", sender=acting.actor)
    assert bob.post_message(chat, "myself")["sender"] == bob.actor
    assert alice.list_messages(chat)[:2] == sent
    act_for(alice).update_conversation(chat, title="Order 7")
    (entry,) = alice.list_audit(chat)
    assert (entry["actor_id"], entry["service"]) == (alice.id, "backend")


def test_service_has_the_rights_of_the_participant_only(clients: MakeClients, act_for: ActFor) -> None:
    alice, bob, eve = clients("alice", "bob", "eve")
    path = f"/conversations/{alice.create_conversation('Chat', members=[bob])}"
    act_for(eve).get(path).expect(404, "NOT_FOUND")
    act_for(bob).delete(path).expect(403, "FORBIDDEN")
    act_for(bob).request("GET", path, headers={}).expect(403, "FORBIDDEN")
    alice.ban(path.rpartition("/")[2], bob)
    act_for(bob).get(path).expect(404, "NOT_FOUND")


def test_browser_connects_with_the_ticket_of_a_service(clients: MakeClients, act_for: ActFor) -> None:
    (alice,) = clients("alice")
    chat = act_for(alice).create_conversation("Order")
    ticket = act_for(alice).post("/tickets", {}).expect(201)["ticket"]
    alice.sockets.append(Socket(f"{alice.endpoint.ws_url}?ticket={ticket}"))
    assert alice.socket.request("hello")["participant"] == alice.actor
    alice.send_message(chat, "hi")
    assert alice.list_messages(chat)[0]["sender"] == alice.actor, "the participant sent it, not the service"


def test_header_is_refused_to_persons_and_at_the_handshake(clients: MakeClients, act_for: ActFor) -> None:
    alice, bob = clients("alice", "bob")
    header = {"Chat-Participant": bob.id}
    alice.request("GET", "/me", headers=header).expect(400, "VALIDATION_FAILED")
    service = act_for(bob).token
    for token, headers, status in ((alice.token, header, 400), (service, header, 400), (service, {}, 401)):
        with pytest.raises(InvalidStatus) as refused:
            Socket(alice.endpoint.ws_url, headers={"Authorization": f"Bearer {token}", **headers})
        assert refused.value.response.status_code == status


@pytest.mark.parametrize("values", [("bob", "bob"), ("bob, bob",), ("bób",)])
def test_repeated_or_unencoded_header_is_refused(server: ServerProcess, values: tuple[str, ...]) -> None:
    parts = urlsplit(server.endpoint.http_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.putrequest("GET", f"{parts.path.rstrip('/')}/me")
    connection.putheader("Authorization", f"Bearer {server.service_token()}")
    for value in values:
        connection.putheader("Chat-Participant", value.encode())
    connection.endheaders()
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert (answer.status, body["error"]["details"][0]["path"]) == (400, "Chat-Participant")
