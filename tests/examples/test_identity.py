"""The product as an identity provider that is restarted."""

from __future__ import annotations

import jwt

from examples.product.identity import Identity


def test_each_start_has_a_key_of_another_id_which_the_chat_fetches() -> None:
    ids = set()
    for identity in (Identity("https://product.test"), Identity("https://product.test")):
        (key,) = identity.key_set()["keys"]
        assert jwt.get_unverified_header(identity.user_token("alice", "Alice"))["kid"] == key["kid"]
        ids.add(key["kid"])
    assert len(ids) == 2
