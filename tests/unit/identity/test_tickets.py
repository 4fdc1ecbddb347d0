"""Single-use tickets: strong, fit for a URL, and never stored as they are."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.errors import InvalidCredentials
from chalicelib.identity.tickets import is_ticket, new_ticket, ticket_key

GARBAGE = ["", " ", "a" * 42, "a" * 44, "a" * 42 + "\n", "a" * 43 + "\n", "a" * 42 + "é", "a" * 42 + "+",
           "a" * 42 + "/", "a" * 42 + "=", "٣" * 43, "\ud800" * 43, "../" * 14 + "a", "a" * 100_000]  # fmt: skip


def test_a_ticket_holds_256_bits_and_needs_no_escaping_in_a_url() -> None:
    ticket = new_ticket()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", ticket)
    assert is_ticket(ticket)


def test_tickets_are_unique() -> None:
    assert len({new_ticket() for _ in range(1000)}) == 1000


def test_key_in_the_store_is_a_digest() -> None:
    ticket = new_ticket()
    assert ticket_key(ticket) == hashlib.sha256(ticket.encode("ascii")).hexdigest()
    assert not is_ticket(ticket_key(ticket))


@pytest.mark.parametrize("garbage", GARBAGE)
def test_text_of_another_form_is_not_a_ticket_and_has_no_key(garbage: str) -> None:
    assert not is_ticket(garbage)
    with pytest.raises(InvalidCredentials, match="ticket"):
        ticket_key(garbage)


@given(st.text(max_size=60))
def test_any_text_is_either_a_ticket_with_a_key_or_refused(text: str) -> None:
    try:
        assert len(ticket_key(text)) == 64
    except InvalidCredentials as refused:
        assert not is_ticket(text)
        assert str(refused) == "the ticket is malformed"
