"""Revoked tokens open no connection, by themselves or by a ticket, and renew none."""

from __future__ import annotations

from collections.abc import Iterator

import jwt
import pytest

from chalicelib.core.kernel.errors import Unauthorized
from chalicelib.identity.claims import validate_claims
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings
from tests.support.app_harness import ENVIRONMENT, AppHarness, principal
from tests.support.items import items_with

TABLES = (ENVIRONMENT["CHAT_CONVERSATIONS_TABLE"], ENVIRONMENT["CHAT_CONNECTIONS_TABLE"])
SETTINGS = IdentitySettings("s" * 32, None, None, None, max_lifetime=1000)


@pytest.fixture
def harness() -> Iterator[AppHarness]:
    """Return an application in which alice's tokens were revoked a moment ago."""
    harness = AppHarness({"CHAT_TIME_ERASURE_GRACE": "0", "CHAT_JWT_MAX_LIFETIME": "1000"})
    harness.chat.privacy.erasure.request(principal("alice"))
    yield harness


def identity(harness: AppHarness, issued: float) -> Identity:
    """Return alice's identity by a token that was issued this long after the revocation."""
    now = int(harness.clock.now())
    return Identity("alice", None, now + 3600, now + int(issued))


def test_token_without_iat_counts_as_issued_its_longest_lifetime_before_its_expiry() -> None:
    assert validate_claims({"sub": "alice", "exp": 5000}, SETTINGS, 4500).issued_at == 4000
    assert validate_claims({"sub": "alice", "exp": 5000, "iat": 4400.9}, SETTINGS, 4500).issued_at == 4400


@pytest.mark.parametrize(("issued", "revoked"), [(-1, True), (0, False), (1, False)])
def test_token_is_revoked_if_it_was_issued_before(harness: AppHarness, issued: float, revoked: bool) -> None:
    revoked_at = harness.chat.stores.revocations.rules("alice").revoked_at
    assert identity(harness, issued).is_revoked(revoked_at) == revoked


def test_revoked_token_opens_no_connection(harness: AppHarness) -> None:
    with pytest.raises(Unauthorized):
        harness.chat.sessions.connections.open("old=", identity(harness, -1))
    assert harness.chat.stores.connections.get("old=") is None
    harness.chat.sessions.connections.open("new=", identity(harness, 1))
    assert harness.chat.stores.connections.get("new=") is not None


def test_ticket_of_a_revoked_token_opens_no_connection(harness: AppHarness) -> None:
    tickets = harness.chat.realtime.tickets
    bearer = tickets.redeem(str(tickets.issue(identity(harness, -1))["ticket"]))
    with pytest.raises(Unauthorized):
        harness.chat.sessions.connections.open("old=", bearer)


def test_revoked_token_renews_no_connection(harness: AppHarness) -> None:
    harness.chat.sessions.connections.open("a=", identity(harness, 1))
    now = int(harness.clock.now())
    for issued, answer in ((now - 1, "UNAUTHORIZED"), (now + 1, None)):
        claims = {"sub": "alice", "iat": issued, "exp": now + 100}
        token = jwt.encode(claims, ENVIRONMENT["CHAT_JWT_SECRET"], "HS256")
        (reply,) = harness.send_frame("a=", type="auth", token=token)
        assert reply.get("code") == answer


def test_revocation_is_kept_until_the_last_token_has_expired(harness: AppHarness) -> None:
    revocations = harness.chat.stores.revocations
    harness.clock.advance(1000 + 30 - 1)
    assert revocations.rules("alice").revoked_at
    harness.clock.advance(1)
    assert revocations.rules("alice").revoked_at == 0


def test_connection_without_a_frame_and_ticket_are_deleted_by_an_erasure(harness: AppHarness) -> None:
    bob = Identity("bob", "Bob", int(harness.clock.now()) + 3600, int(harness.clock.now()))
    harness.chat.sessions.connections.open("silent=", bob)
    harness.chat.realtime.tickets.issue(bob)
    assert items_with(harness.store, TABLES, "bob", "Bob")
    job_id, _ = harness.chat.privacy.erasure.request(principal("bob"))
    while harness.chat.privacy.erasure.run(job_id, 60) is not None:
        pass
    assert items_with(harness.store, TABLES, "bob", "Bob") == []


def test_erasure_closes_all_connections_in_its_first_step() -> None:
    harness = AppHarness()
    chat = harness.create_conversation("alice", "bob")
    harness.connect("active=", "bob", chat)
    harness.connect("stale=", "bob", chat)
    connections = harness.chat.stores.connections
    stale = connections.get("stale=")
    assert stale is not None
    connections.mark_stale("stale=", stale.generation, "bob")
    assert [active.connection_id for active in connections.active_connections_of("bob")] == ["active="]
    bob = Identity("bob", "Bob", int(harness.clock.now()) + 3600, int(harness.clock.now()))
    harness.chat.sessions.connections.open("silent=", bob)
    job_id, _ = harness.chat.privacy.erasure.request(principal("bob"))
    assert harness.chat.privacy.erasure.run(job_id, 60) is not None
    assert sorted(harness.poster.closed) == ["active=", "silent=", "stale="]
    (frame,) = harness.posted("silent=")
    assert (frame["code"], frame["reconnect"]) == ("ERASED", False)
    assert not harness.send_frame("silent=", type="hello")
