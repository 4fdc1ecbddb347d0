"""Tokens of transactions are forgotten soon after their ten minutes."""

from __future__ import annotations

from local.dynamodb.idempotency import REMEMBERED_SECONDS, SWEEP_SECONDS, IdempotencyTokens
from local.dynamodb.sqlite_storage import SqliteStorage
from local.dynamodb.storage import Token


def test_no_more_tokens_are_kept_than_those_of_eleven_minutes() -> None:
    storage = SqliteStorage()
    tokens = IdempotencyTokens(storage, 0.0)
    kept = []
    for second in range(3_600):
        now = float(second)
        token = Token(f"token {second}", b"digest", 0.0)
        with storage.writing:
            assert not tokens.is_repeat(token, now)
            token = tokens.remembered(token, now)
            storage.commit([], token)
            tokens.add(token)
        kept.append(len(tokens))
    assert max(kept) <= REMEMBERED_SECONDS + SWEEP_SECONDS + 1
    assert storage.execute("SELECT count(*) FROM tokens") == (kept[-1],)
