"""Reading the credentials of a `$connect` request and of an `Authorization` header."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.credentials import Credentials, bearer_token, read_credentials
from chalicelib.identity.errors import InvalidCredentials
from chalicelib.identity.tickets import new_ticket

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
OTHER = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJiIn0.c2lnbmF0dXJl"
TICKET = "t" * 43
PROTOCOL = "Sec-WebSocket-Protocol"


def refused(headers: dict[str, str] | None, query: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidCredentials) as caught:
        read_credentials(headers, query)
    return caught.value.reason


# The Authorization header


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION", "aUTHORIZATION"])
def test_header_is_found_in_any_case(name: str) -> None:
    assert read_credentials({name: f"Bearer {TOKEN}"}, None) == Credentials(TOKEN, None, None)


@pytest.mark.parametrize(
    "value", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER {TOKEN}", f"Bearer   {TOKEN}", f" Bearer {TOKEN}\t"]
)
def test_scheme_is_case_insensitive_and_outer_blanks_are_ignored(value: str) -> None:
    assert bearer_token(value) == TOKEN


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing"),
        ("", "empty"),
        ("   ", "empty"),
        ("Bearer", "Bearer <token>"),
        ("Bearer ", "Bearer <token>"),
        (TOKEN, "Bearer <token>"),
        (f"Bearer{TOKEN}", "Bearer <token>"),
        (f"Bearer\t{TOKEN}", "Bearer <token>"),
        (f"Basic {TOKEN}", "Bearer <token>"),
        (f"Digest {TOKEN}", "Bearer <token>"),
        (f"Bearer: {TOKEN}", "Bearer <token>"),
        (f"Bearer {TOKEN} {OTHER}", "Bearer <token>"),
        (f"Bearer {TOKEN}, Bearer {OTHER}", "Bearer <token>"),
        (f"Bearer {TOKEN}\n", "Bearer <token>"),
        (f"Bearer {TOKEN}\x00", "Bearer <token>"),
        ('Bearer "quoted"', "Bearer <token>"),
        ("Bearer tökén", "Bearer <token>"),
        ("Bearer \udcff", "Bearer <token>"),
        ("Bearer ===", "Bearer <token>"),
    ],
)
def test_missing_or_malformed_header_is_refused_with_a_helpful_reason(value: str | None, reason: str) -> None:
    with pytest.raises(InvalidCredentials, match=reason):
        bearer_token(value)
    if value is not None:
        assert reason in refused({"Authorization": value})


def test_a_bad_header_is_refused_even_beside_a_good_credential() -> None:
    good = {PROTOCOL: f"chat.v1, bearer.{TOKEN}"}
    assert "Bearer <token>" in refused({"Authorization": "Basic YTpi"} | good)
    assert "Bearer <token>" in refused({"Authorization": "Basic YTpi"}, {"ticket": TICKET})


def test_two_spellings_of_the_header_must_agree() -> None:
    both = {"Authorization": f"Bearer {TOKEN}", "authorization": f"Bearer {TOKEN}"}
    assert read_credentials(both, None).token == TOKEN
    assert "several" in refused(both | {"authorization": f"Bearer {OTHER}"})


# The subprotocol


@pytest.mark.parametrize(
    "offer",
    [
        f"chat.v1, bearer.{TOKEN}",
        f"chat.v1,bearer.{TOKEN}",
        f"bearer.{TOKEN} ,\t chat.v1",
        f" chat.v1 , bearer.{TOKEN} ",
        f",chat.v1,, bearer.{TOKEN},",
        f"chat.v2, chat.v1, bearer.{TOKEN}, chat.v1, bearer.{TOKEN}",
    ],
)
def test_offer_of_a_browser_gives_its_token_and_selects_chat_v1(offer: str) -> None:
    assert read_credentials({PROTOCOL: offer}, None) == Credentials(TOKEN, None, "chat.v1")


def test_an_offer_in_several_header_lines_is_one_offer() -> None:
    lines = {PROTOCOL: "chat.v1", PROTOCOL.lower(): f"bearer.{TOKEN}"}
    assert read_credentials(lines, None) == Credentials(TOKEN, None, "chat.v1")


def test_chat_v1_is_selected_with_a_header_or_a_ticket() -> None:
    offer = {PROTOCOL: "chat.v1"}
    header = {"authorization": f"Bearer {TOKEN}"}
    assert read_credentials(offer | header, None) == Credentials(TOKEN, None, "chat.v1")
    assert read_credentials(offer, {"ticket": TICKET}) == Credentials(None, TICKET, "chat.v1")
    assert read_credentials(offer, None) == Credentials(None, None, "chat.v1")


@pytest.mark.parametrize("offer", ["", "soap, wamp.2.json", "CHAT.V1", "chat.v10", "chat", "bearer"])
def test_other_protocols_are_neither_selected_nor_refused(offer: str) -> None:
    assert read_credentials({PROTOCOL: offer}, {"ticket": TICKET}) == Credentials(None, TICKET, None)


def test_token_without_chat_v1_is_accepted_and_no_protocol_selected() -> None:
    assert read_credentials({PROTOCOL: f"bearer.{TOKEN}"}, None) == Credentials(TOKEN, None, None)


@pytest.mark.parametrize("entry", ["bearer.", "bearer.a=b", "bearer.a b", "bearer.é", "bearer.a/b"])
def test_a_malformed_token_in_the_offer_is_refused(entry: str) -> None:
    assert "bearer.<token>" in refused({PROTOCOL: f"chat.v1, {entry}"})


def test_two_different_tokens_in_the_offer_are_refused() -> None:
    assert "several" in refused({PROTOCOL: f"chat.v1, bearer.{TOKEN}, bearer.{OTHER}"})


# The query string


def test_a_ticket_is_taken_from_the_query_string() -> None:
    ticket = new_ticket()
    assert read_credentials({}, {"ticket": ticket, "v": "1"}) == Credentials(None, ticket, None)


@pytest.mark.parametrize("ticket", ["", "short", "t" * 44, TOKEN, "t" * 42 + "\n", "t" * 42 + "é"])
def test_malformed_ticket_is_refused_before_the_store_is_read(ticket: str) -> None:
    assert "ticket" in refused(None, {"ticket": ticket})


@pytest.mark.parametrize(
    "name", ["token", "access_token", "authorization", "Authorization", "jwt", "bearer", "Ticket"]
)
def test_token_in_the_query_string_is_ignored(name: str) -> None:
    assert read_credentials({}, {name: TOKEN}) == Credentials(None, None, None)


# Together


@pytest.mark.parametrize("headers", [None, {}, {"Host": "chat.example", "Cookie": f"token={TOKEN}"}])
@pytest.mark.parametrize("query", [None, {}])
def test_request_without_credentials_has_none(
    headers: dict[str, str] | None, query: dict[str, str] | None
) -> None:
    assert read_credentials(headers, query) == Credentials(None, None, None)


def test_the_same_token_twice_is_one_credential() -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", PROTOCOL: f"chat.v1, bearer.{TOKEN}"}
    assert read_credentials(headers, None) == Credentials(TOKEN, None, "chat.v1")


def test_different_credentials_are_refused() -> None:
    header = {"Authorization": f"Bearer {TOKEN}"}
    assert "several" in refused(header | {PROTOCOL: f"chat.v1, bearer.{OTHER}"})
    assert "several" in refused(header, {"ticket": TICKET})
    assert "several" in refused({PROTOCOL: f"chat.v1, bearer.{TOKEN}"}, {"ticket": TICKET})


def test_neither_credentials_nor_refusals_show_a_secret() -> None:
    assert repr(Credentials(TOKEN, TICKET, "chat.v1")) == "Credentials(subprotocol='chat.v1')"
    with pytest.raises(InvalidCredentials) as caught:
        read_credentials({"Authorization": f"Bearer {TOKEN}"}, {"ticket": TICKET})
    shown = repr(caught.value) + str(caught.value)
    assert TOKEN not in shown
    assert TICKET not in shown


def test_credentials_are_immutable() -> None:
    credentials = Credentials(TOKEN, None, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        credentials.token = OTHER  # type: ignore[misc]  # what the test is about


HEADER_NAMES = st.sampled_from(["Authorization", "authorization", PROTOCOL, PROTOCOL.lower(), "Host"])
PIECES = st.sampled_from(["Bearer ", "bearer.", "chat.v1", ", ", ",", " ", "\t", TOKEN, OTHER, "=", "é", "\ud800"])
VALUES = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=6).map("".join))
QUERIES = st.dictionaries(st.sampled_from(["ticket", "token"]), st.one_of(VALUES, st.just(TICKET)))


@given(st.dictionaries(HEADER_NAMES, VALUES), QUERIES)
def test_random_request_gives_at_most_one_credential_or_is_refused(
    headers: dict[str, str], query: dict[str, str]
) -> None:
    try:
        found = read_credentials(headers, query)
    except InvalidCredentials:
        return
    assert found.token is None or found.ticket is None
    assert found.token is None or found.token.isascii()
    assert found.subprotocol in (None, "chat.v1")
