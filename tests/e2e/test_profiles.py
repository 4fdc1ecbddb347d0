"""Profiles over HTTP and the WebSocket."""

from __future__ import annotations

from tests.e2e.conftest import MakeClients


def test_profile_reaches_rosters_and_connected_members(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    before = alice.create_conversation("Before", members=[bob])
    alice.connect(before)
    bob.put("/me/profile", {"name": "Bobby", "avatar_url": "http://insecure.example/b.png"}).expect(400)
    profile = {"name": "Bobby", "avatar_url": "https://cdn.example.com/b.png", "metadata": {"team": "blue"}}
    saved = bob.put("/me/profile", profile).expect(200)
    assert {name: saved[name] for name in profile} == profile
    assert bob.get("/me").expect(200)["profile"] == saved
    frame = alice.expect_frame(type="profile")
    assert (frame["participant"]["participant_id"], frame["participant"]["name"]) == (bob.id, "Bobby")
    assert (frame["avatar_url"], frame["updated_at"]) == (profile["avatar_url"], saved["updated_at"])
    after = alice.create_conversation("After", members=[bob])
    for chat in (before, after):
        (shown,) = [one for one in alice.get_conversation(chat)["participants"] if one["participant_id"] == bob.id]
        assert (shown["name"], shown["avatar_url"]) == ("Bobby", profile["avatar_url"])
    assert bob.post_message(before, "hello")["sender"]["name"] == "Bobby"
