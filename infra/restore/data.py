"""The data of a restore: both sides, the application on the new tables, and the connections of the old ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.table import Table
from chalicelib.bootstrap import Application, build
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.settings import Settings
from infra.deploy.account import Account
from infra.deploy.error_messages import code_of
from infra.deploy.state import FENCE, HISTORY
from infra.restore.note import Note
from infra.restore.replay import Losses, Replay, copy_revocations, count_losses
from infra.restore.side import Side
from infra.restore.tables import Tables

Connections = Callable[[str, str], Any]
"""Returns a client of the connections of a WebSocket API, by its endpoint and region."""
_LEFT_OUT = {FENCE, "CHAT_JOB_QUEUE", "CHAT_STAGE"}


def connections_client(endpoint: str, region: str) -> Any:
    """Return a client of the connections of a WebSocket API."""
    return boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, region_name=region)


class RestoreData:
    """Reads and writes the tables of one restore."""

    def __init__(self, account: Account, tables: Tables, note: Note) -> None:
        self._account = account
        self._tables = tables
        self._note = note
        self._dynamo = Dynamo(account.dynamodb, SystemClock())

    def losses(self) -> Losses:
        """Count what the restored table lacks."""
        return count_losses(*self._sides())

    def replay(self, variables: Mapping[str, str]) -> None:
        """Replay on the restored table; `variables` are those of the functions.

        Suspensions come first: no suspended member becomes owner by a departure that is replayed.
        """
        self.copy_revocations()
        Replay(self._application(variables), *self._sides()).run()

    def copy_revocations(self) -> int:
        """Take over the revocations of tokens; return their number."""
        old, new = self._note.old[1], self._note.new[1]
        if self._tables.describe(old) is None:
            return 0
        tables = Table(self._dynamo, old), Table(self._dynamo, new)
        return copy_revocations(tables[0], lambda: self._tables.keys(old), tables[1])

    def end_connections(self, endpoint: str, connections: Connections) -> int:
        """Close the connections that the old table lists; return their number. Their clients connect again."""
        old = self._note.old[1]
        if self._tables.describe(old) is None:
            return 0
        client = connections(endpoint, self._account.region)
        return sum(
            _close(client, pk.removeprefix("X#")) for pk, sk in self._tables.keys(old) if sk == "CONNECTION"
        )

    def _sides(self) -> tuple[Side, Side]:
        old, new = self._note.old[0], self._note.new[0]
        return (
            Side(self._dynamo, old, lambda: self._tables.keys(old)),
            Side(self._dynamo, new, lambda: self._tables.keys(new)),
        )

    def _application(self, variables: Mapping[str, str]) -> Application:
        """Return the application on the new tables, with the settings of the stage."""
        settings = {
            **{name: value for name, value in variables.items() if name not in _LEFT_OUT},
            "CHAT_CONVERSATIONS_TABLE": self._note.new[0],
            "CHAT_CONNECTIONS_TABLE": self._note.new[1],
            HISTORY: self._note.history_id,
            "CHAT_TIME_ERASURE_GRACE": "0",
            "AWS_REGION": self._account.region,
        }
        return build(
            Settings.from_environment(settings), dynamo_client=self._account.dynamodb, poster=_NoConnections()
        )


class _NoConnections:
    """A poster of a stage without connections."""

    def post_all(self, payloads: Mapping[str, Sequence[bytes]], deadline: float) -> list[str]:
        """Post to no connection; none is stale."""
        del payloads, deadline
        return []

    def close(self, connection_id: str) -> None:
        """Close no connection."""


def _close(client: Any, connection_id: str) -> bool:
    try:
        client.delete_connection(ConnectionId=connection_id)
    except ClientError as error:
        if code_of(error) not in {"GoneException", "410", "BadRequestException"}:
            raise
        return False
    return True
