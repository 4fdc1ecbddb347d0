"""Keys are rotated without signing anyone out: the old issuer, both, then the new issuer, on the same data."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import jwt
import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.endpoints import stop_and_check_log
from tests.e2e.targets import Servers
from tests.e2e.test_identity_provider import AUDIENCE, ISSUER, Provider, provider
from tests.support.client import HttpClient, Socket
from tests.support.server import PATIENT_SETTINGS, ServerProcess

__all__ = ["provider"]

OLD, NEXT, FOREIGN = (f"{name}-secret-of-at-least-32-bytes-for-this-test" for name in ("old", "next", "foreign"))
ALICE = f"alice-{uuid.uuid4().hex[:12]}"


def signed(secret: str, **claims: object) -> str:
    """Return alice's token with an HS256 signature, which names no issuer."""
    return jwt.encode({"sub": ALICE, "exp": int(time.time()) + 3600, **claims}, secret, "HS256")


class Server:
    """A server with certain issuers, and the answers to a token on each way in."""

    def __init__(self, process: ServerProcess) -> None:
        self.process = process
        self._http = HttpClient(process.endpoint.http_url)

    def answers(self, token: str, valid: str) -> list[object]:
        """Return the answers of the authorizer, the handshake by header and by subprotocol, and `auth`.

        `valid` is a token that opens the connection for `auth`.
        """
        response = self._http.request("GET", "/conversations", token=token)
        answers: list[object] = [(response.status, response.body.get("error"))]
        for options in (
            {"headers": {"Authorization": f"Bearer {token}"}},
            {"offers": ["chat.v1", f"bearer.{token}"]},
        ):
            try:
                socket = Socket(self.process.endpoint.ws_url, **options)
            except InvalidStatus as refused:
                answers.append(refused.response.status_code)
            else:
                answers.append(socket.request("hello")["participant"]["participant_id"])
                socket.close()
        socket = Socket(self.process.endpoint.ws_url, headers={"Authorization": f"Bearer {valid}"})
        reply = socket.request("auth", token=token)
        socket.close()
        return [*answers, (reply["type"], reply.get("message"))]

    def accepts(self, token: str, valid: str) -> bool:
        """Return whether the token is accepted; raises AssertionError if the ways in disagree."""
        response, *sockets, auth = self.answers(token, valid)
        verdicts = {response == (200, None), *(answer == ALICE for answer in sockets), auth == ("auth_ok", None)}
        assert len(verdicts) == 1, (response, sockets, auth)
        return verdicts == {True}

    def stop(self) -> None:
        """Stop it, and check its log."""
        self._http.close()
        stop_and_check_log(self.process)


class Started:
    """Starts servers on one store."""

    def __init__(self, target: str, servers: Servers) -> None:
        self._target, self._servers = target, servers
        self.running: list[Server] = []

    def start(self, **settings: str) -> Server:
        """Start a server with these issuers only."""
        environment = {**PATIENT_SETTINGS, "CHAT_JWT_SECRET": "", **settings}
        name = f"rotation-{len(self.running)}"
        self.running.append(Server(self._servers.start_sibling(self._target, name, environment)))
        return self.running[-1]


@pytest.fixture
def started(chat_target: str, server: ServerProcess, servers: Servers) -> Iterator[Started]:
    """Return what starts servers."""
    del server  # skips where the tests start no server
    found = Started(chat_target, servers)
    yield found
    for running in found.running:
        running.stop()


def test_secret_is_rotated_without_signing_anyone_out(started: Started) -> None:
    before = started.start(CHAT_JWT_SECRET=OLD)
    both = started.start(CHAT_JWT_SECRET=OLD, CHAT_SECOND_JWT_SECRET=NEXT)
    after = started.start(CHAT_JWT_SECRET=NEXT)
    old, next_ = signed(OLD), signed(NEXT)
    assert [before.accepts(token, old) for token in (old, next_)] == [True, False]
    assert [both.accepts(token, old) for token in (old, next_)] == [True, True]
    assert [after.accepts(token, next_) for token in (old, next_)] == [False, True]


def test_stage_moves_from_a_secret_to_a_key_set_without_signing_anyone_out(
    started: Started, provider: Provider
) -> None:
    keys = {"JWKS_URL": provider.url, "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE}
    first = {f"CHAT_{name}": value for name, value in keys.items()}
    second = {f"CHAT_SECOND_{name}": value for name, value in keys.items()}
    old, new = signed(OLD), provider.token(sub=ALICE)
    for settings in ({"CHAT_JWT_SECRET": OLD, **second}, {"CHAT_SECOND_JWT_SECRET": OLD, **first}):
        both = started.start(**settings)
        assert [both.accepts(token, old) for token in (old, new)] == [True, True]
        assert not both.accepts(provider.token(sub=ALICE, iss="https://idp.example"), old)
    after = started.start(**first)
    assert [after.accepts(token, new) for token in (old, new)] == [False, True]


def test_answer_to_a_refused_token_does_not_depend_on_the_issuer(started: Started, provider: Provider) -> None:
    both = started.start(
        CHAT_JWKS_URL=provider.url,
        CHAT_JWT_ISSUER=ISSUER,
        CHAT_JWT_AUDIENCE=AUDIENCE,
        CHAT_SECOND_JWT_SECRET=OLD,
    )
    late = int(time.time()) - 31
    forged = [signed(FOREIGN), provider.token(sub=ALICE, kid="unknown"), provider.confused_token()]
    expired = [signed(OLD, exp=late), provider.token(sub=ALICE, exp=late)]
    for tokens in (forged, expired):
        answers = [both.answers(token, signed(OLD)) for token in tokens]
        assert all(found == answers[0] for found in answers), answers
        assert answers[0][0][0] == 401  # type: ignore[index]  # of any answer
