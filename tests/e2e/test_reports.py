"""Reports over HTTP and the WebSocket."""

from __future__ import annotations

from tests.e2e.conftest import MakeClients


def test_report_reaches_moderators_and_not_the_author(clients: MakeClients) -> None:
    alice, mallory, bob = clients("alice", "mallory", "bob")
    chat = alice.create_conversation("Chat", members=[mallory, bob])
    alice.set_role(chat, mallory, "moderator")
    target = mallory.post_message(chat, "spam")["sequence_id"]
    for client in (alice, mallory):
        client.connect()
    path = f"/conversations/{chat}/messages/{target}/report"
    bob.post(path, {"reason": "Advertising"}).expect(204)
    bob.post(path, {"reason": "Again"}).expect(204)
    bob.post(path, {"reason": ""}).expect(400, "VALIDATION_FAILED")
    mallory.post(path, {"reason": "Myself"}).expect(403, "FORBIDDEN")
    report = alice.expect_frame(type="report")["report"]
    assert (report["conversation_id"], report["sequence_id"], report["reason"]) == (chat, target, "Advertising")
    assert (report["author_id"], report["reported_by"]["participant_id"]) == (mallory.id, bob.id)
    assert alice.get(f"/conversations/{chat}/reports").expect(200)["reports"] == [report]
    assert mallory.get(f"/conversations/{chat}/reports").expect(200) == {"reports": []}
    bob.get(f"/conversations/{chat}/reports").expect(403, "FORBIDDEN")
    one = f"/conversations/{chat}/reports/{report['report_id']}"
    mallory.patch(one, {"status": "dismissed"}).expect(404, "NOT_FOUND")
    closed = alice.patch(one, {"status": "dismissed"}).expect(200)
    assert (closed["status"], closed["closed_by"]) == ("dismissed", alice.id)
    assert alice.get(f"/conversations/{chat}/reports", status="closed").expect(200)["reports"] == [closed]
    mallory.expect_no_frame(type="report")
