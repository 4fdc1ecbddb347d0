"""The leeway of the settings applies wherever the expiry of a token is checked, to the second."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import Unauthorized
from chalicelib.identity.claims import validate_claims
from chalicelib.identity.errors import InvalidToken
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings
from tests.support.app_harness import AppHarness

LEEWAY = 7
SETTINGS = IdentitySettings("s" * 32, None, None, None, leeway=LEEWAY)


@pytest.fixture
def harness() -> AppHarness:
    return AppHarness({"CHAT_JWT_LEEWAY": str(LEEWAY), "CHAT_TIME_EXPIRED_TOKEN_GRACE": "60"})


TO_THE_END = pytest.mark.parametrize(("late", "accepted"), [(-0.1, True), (0.0, False)])
"""Each test advances the clock to just before the end of the leeway, or to it."""


@TO_THE_END
def test_token_is_verified_within_the_leeway(harness: AppHarness, late: float, accepted: bool) -> None:
    now = harness.clock.now()
    claims = {"sub": "alice", "exp": now + 0.9}  # rounded down, as by the later checks
    try:
        validate_claims(claims, SETTINGS, now + LEEWAY + late)
    except InvalidToken:
        assert not accepted
    else:
        assert accepted


@TO_THE_END
def test_ticket_is_redeemed_within_the_leeway(harness: AppHarness, late: float, accepted: bool) -> None:
    tickets = harness.chat.realtime.tickets
    ticket = str(tickets.issue(Identity("alice", None, int(harness.clock.now())))["ticket"])
    harness.clock.advance(LEEWAY + late)
    try:
        tickets.redeem(ticket)
    except Unauthorized:
        assert not accepted
    else:
        assert accepted


@TO_THE_END
def test_command_is_accepted_within_the_leeway(harness: AppHarness, late: float, accepted: bool) -> None:
    harness.chat.sessions.connections.open("a=", Identity("alice", None, int(harness.clock.now())))
    harness.clock.advance(LEEWAY + late)
    (reply,) = harness.send_frame("a=", type="ping")
    assert (reply["type"] == "pong") == accepted
    assert accepted or reply["code"] == "TOKEN_EXPIRED"


@TO_THE_END
def test_connection_is_closed_after_leeway_and_grace(harness: AppHarness, late: float, accepted: bool) -> None:
    harness.chat.sessions.connections.open("a=", Identity("alice", None, int(harness.clock.now())))
    harness.clock.advance(LEEWAY + 60 + late)
    result = harness.chat.sessions.dispatcher.receive("a=", '{"type": "ping"}')
    assert (result.close_with is None) == accepted
