"""The short-lived records of a participant on DynamoDB, which an erasure deletes."""

from __future__ import annotations

from chalicelib.aws.dynamodb.connection_keys import (
    CONNECTION_PREFIX,
    OPENED_PREFIX,
    TICKET_PREFIX,
    pending_offline_key,
    ticket_key,
)
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.keys import participant_pk
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.ports.connections import ConnectionStore


class DynamoParticipantData:
    """The `ParticipantDataStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, connections: ConnectionStore) -> None:
        self._table = Table(dynamo, table)
        self._connections = connections

    def delete_participant(self, participant_id: str) -> None:
        """Delete everything below a participant's id, and what that leads to."""
        for item in self._table.query(participant_pk(participant_id), include_expired=True):
            sk: str = item["sk"]
            keys = [(item["pk"], sk)]
            if sk.startswith((CONNECTION_PREFIX, OPENED_PREFIX)):
                self._connections.close(sk.partition("#")[2])
            elif sk.startswith(TICKET_PREFIX):
                keys.append(ticket_key(sk.removeprefix(TICKET_PREFIX)))
            self._table.batch_delete(keys)

    def delete_ephemeral(self, conversation_id: str, participant_id: str) -> None:
        """Delete the pending offline record of a participant."""
        self._table.delete(*pending_offline_key(conversation_id, participant_id))
