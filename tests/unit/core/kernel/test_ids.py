"""Digests are SHA-256; an id has the form that its check accepts."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest

from chalicelib.core.kernel import ids

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""SHA-256 of `abc` (FIPS 180-4, NIST's example)."""


@pytest.mark.parametrize("size", [1, 16, 32])
def test_digest_is_the_beginning_of_the_sha_256(size: int) -> None:
    assert ids.digest("abc", size) == ABC[: 2 * size]


def test_digest_has_all_bytes_by_default() -> None:
    assert ids.digest("abc") == ABC


@pytest.mark.parametrize("size", [16, 32])
def test_url_safe_digest_is_unpadded_base64url_of_the_same_bytes(size: int) -> None:
    text = ids.url_safe_digest("abc", size)
    assert "=" not in text
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex() == ABC[: 2 * size]


def test_url_safe_digest_keeps_characters_other_than_the_padding() -> None:
    # The digests of these texts begin or end with letters of the alphabet that a careless strip would remove.
    texts = [str(number) for number in range(200)]
    assert {len(ids.url_safe_digest(text)) for text in texts} == {43}
    assert {len(ids.url_safe_digest(text, 16)) for text in texts} == {22}


def test_digest_is_of_the_utf_8_encoding() -> None:
    # `printf 'é👍' | sha256sum`
    assert ids.digest("é👍") == "1145171237b5f38218853d82e7837edaa7895304dd2ffb40daf9d3cce579392f"


def test_new_ids_are_accepted_and_differ() -> None:
    makers: list[tuple[Callable[[], str], Callable[[str], object]]] = [
        (lambda: ids.new_conversation_id(1_700_000_000_000), ids.is_conversation_id),
        (ids.new_invite, ids.is_invite),
        (ids.new_message_id, re.compile(r"msg_[A-Za-z0-9_-]{22}").fullmatch),
        (lambda: ids.invite_id(ids.new_invite()), ids.is_invite_id),
    ]
    for new, is_valid in makers:
        made = {new() for _ in range(20)}
        assert len(made) == 20
        assert all(is_valid(text) for text in made)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [(0, 1), (63, 64), (4095, 4096), (1_700_000_000_000, 1_700_000_000_001), (2**47, 2**48 - 1)],
)
def test_conversation_ids_sort_by_time(earlier: int, later: int) -> None:
    assert ids.new_conversation_id(earlier) < ids.new_conversation_id(later)


@pytest.mark.parametrize(
    "text", ["", "conv_", "conv_" + "a" * 21, "conv_" + "a" * 23, "msg_" + "a" * 22, "conv_" + "é" * 22]
)
def test_text_of_another_form_is_not_a_conversation_id(text: str) -> None:
    assert not ids.is_conversation_id(text)
