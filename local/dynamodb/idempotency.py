"""ClientRequestTokens: a transaction that is sent again within ten minutes is not carried out again.

See the API reference, "TransactWriteItems: ClientRequestToken". A token is stored in the transaction that it
belongs to, so a repeat is recognised after a restart, too.
"""

from __future__ import annotations

from local.dynamodb.errors import DynamoError
from local.dynamodb.sqlite_storage import SqliteStorage
from local.dynamodb.storage import Token

REMEMBERED_SECONDS = 600.0
SWEEP_SECONDS = 60.0
"""Between two deletions of tokens that are remembered no longer: each transaction of the chat has a token."""


class IdempotencyTokens:
    """The tokens of the last ten minutes; for callers that hold the storage's `writing`."""

    def __init__(self, storage: SqliteStorage, now: float) -> None:
        self._storage = storage
        self._tokens = {token.token: token for token in storage.tokens(now)}
        self._swept_at = now

    def __len__(self) -> int:
        """Return the number of tokens in memory."""
        return len(self._tokens)

    def is_repeat(self, token: Token, now: float) -> bool:
        """Return whether the transaction was carried out. Raises DynamoError if the token was another one's."""
        self._sweep(now)
        known = self._tokens.get(token.token)
        if known is None or known.expires_at <= now:
            return False
        if known.digest != token.digest:
            raise DynamoError(
                "IdempotentParameterMismatchException",
                "Request rejected because it reuses an idempotency token with different parameters",
            )
        return True

    def remembered(self, token: Token, now: float) -> Token:
        """Return the token with its time."""
        return token._replace(expires_at=now + REMEMBERED_SECONDS)

    def add(self, token: Token) -> None:
        """Remember a token whose transaction was carried out."""
        self._tokens[token.token] = token

    def _sweep(self, now: float) -> None:
        if now - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = now
        self._tokens = {name: token for name, token in self._tokens.items() if token.expires_at > now}
        self._storage.forget_tokens(now)
