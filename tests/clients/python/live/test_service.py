"""The client of a service and a local chat."""

from __future__ import annotations

import asyncio

import pytest
from serverless_chat import Chat, RefusedError, Service, Ticket, blocking

from local.tokens import mint_for_service
from tests.clients.python.live.server import SECRET, LiveServer

SETTINGS = {"CHAT_JWT_SECRET": SECRET, "CHAT_SERVICE_SCOPE": "chat-service", "CHAT_SERVICE_CLIENTS": "backend"}


def test_service_acts_for_its_users_and_lets_their_browsers_connect(server: LiveServer) -> None:
    async def run() -> None:
        async with Service(server.http_url, lambda: mint_for_service("backend", 60, SETTINGS)) as service:
            alice = service.acting_for("alice|1", "Alice Ä.")
            made = await alice.create("Order 7", [{"participant_id": "bob", "name": "Bob"}])
            conversation_id = made["conversation_id"]
            again = [
                await alice.create(
                    "Order 8", [{"participant_id": "bob", "name": "Bob"}], idempotency_key="order-8"
                )
                for _ in range(2)
            ]
            assert again[0]["conversation_id"] == again[1]["conversation_id"] != conversation_id
            listed = (await alice.conversations())["conversations"]
            assert {found["title"] for found in listed} == {"Order 7", "Order 8"}
            direct = [await alice.direct("carol", "Carol") for _ in range(2)]
            assert direct[0]["conversation_id"] == direct[1]["conversation_id"]
            sent = [await alice.send(conversation_id, "Shipped", client_message_id="7-shipped") for _ in range(2)]
            assert sent[0] == sent[1]
            assert sent[0]["sender"] == {
                "participant_id": "alice|1",
                "name": "Alice Ä.",
                "type": "human",
                "via": "service",
            }

            async def ticket() -> Ticket:
                return Ticket(await service.acting_for("bob").ticket())

            async with Chat(server.http_url, server.ws_url, ticket) as browser:
                room = await asyncio.wait_for(browser.open(conversation_id), 15)
                assert [message.content for message in room.messages] == ["Shipped"]
                assert (await room.send("Thanks")).sequence_id == 3
                assert (browser.participant or {})["participant_id"] == "bob"
            with pytest.raises(RefusedError, match="NOT_FOUND"):
                await service.acting_for("eve").send(conversation_id, "hi")

    asyncio.run(run())


def test_service_of_no_participant_creates_informs_suspends_and_erases(server: LiveServer) -> None:
    token = mint_for_service("backend", 60, SETTINGS)
    with blocking.Service(server.http_url, lambda: token) as service:
        people = [{"participant_id": name, "name": name.title(), "role": "member"} for name in ("dave", "erin")]
        people[0]["role"] = "owner"
        conversation_id = service.create("Order 8", people)["conversation_id"]
        sent = [service.send_system_message(conversation_id, "Paid", client_message_id="8-paid") for _ in range(2)]
        assert sent[0] == sent[1]
        assert sent[0]["sender"]["type"] == "system"
        listed = [found["conversation_id"] for found in service.conversations("erin")]
        assert listed == [conversation_id]
        assert conversation_id in {found["conversation_id"] for found in service.conversations()}
        written = service.acting_for("dave").send(conversation_id, "Rude")
        report = f"/conversations/{conversation_id}/messages/{written['sequence_id']}/report"
        service.acting_for("erin").api.request("POST", report, {"reason": "It is rude."})
        [report_of_erin] = service.reports(conversation_id)
        assert (report_of_erin["reported_by"]["participant_id"], report_of_erin["reason"]) == (
            "erin",
            "It is rude.",
        )
        service.close_report(conversation_id, report_of_erin["report_id"], "dismissed")
        assert service.reports(conversation_id) == []
        assert [found["status"] for found in service.reports(conversation_id, "closed")] == ["dismissed"]
        assert service.suspend("erin")["suspended"] is True
        assert service.participant("erin")["suspended"] is True
        with pytest.raises(RefusedError):
            service.acting_for("erin").send(conversation_id, "hi")
        assert service.suspend("erin", suspended=False)["suspended"] is False
        assert service.register_agent("robot")["agent"] is True
        assert service.export("erin")[0]["participant"]["participant_id"] == "erin"
        with pytest.raises(RefusedError, match="NOT_FOUND"):
            service.erasure("erin")
        assert service.erase("erin")["status"] in ("running", "finished", "requested")
        assert service.erasure("erin")["status"] in ("running", "finished", "requested")
