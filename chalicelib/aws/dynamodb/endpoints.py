"""Endpoints on DynamoDB, with their circuit breakers and the slots of their attempts.

The state of a circuit breaker is in separate attributes of the endpoint's item: a service that changes an
endpoint does not compete with attempts, and does not overwrite what they note.
"""

from __future__ import annotations

import base64
from typing import Any

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed
from chalicelib.aws.dynamodb.publishing_keys import ENDPOINTS, endpoint_key, slot_key, walk_key
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.publishing import Endpoint, Secret
from chalicelib.core.ports.commits import WriteConflict

_CIRCUIT = ("failing_since", "failures", "probe_at", "succeeded_at")
"""The attributes that only attempts write."""
_SLOT_TTL = 3600
_IS_ENABLED = "attribute_exists(#pk) AND attribute_not_exists(#disabled_at)"
"""An attempt that ends after its endpoint was disabled changes nothing: enabled again, it has no failures."""


class DynamoEndpoints:
    """The `EndpointStore` and `CircuitStore` ports."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints."""
        found = [endpoint_from_item(item) for item in self._table.query(ENDPOINTS)]
        return sorted(found, key=lambda endpoint: (endpoint.created_at, endpoint.endpoint_id))

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """Return an endpoint."""
        item = self._table.get(*endpoint_key(endpoint_id))
        return None if item is None else endpoint_from_item(item)

    def is_deleted(self, endpoint_id: str) -> bool:
        """Return whether there is no row."""
        return self.endpoint(endpoint_id) is None

    def save(self, endpoint: Endpoint, *, walks: bool = False) -> bool:
        """Write the definition of an endpoint, and with `walks` a request for a walk in the same transaction."""
        item = endpoint_to_item(endpoint._replace(version=endpoint.version + 1))
        values = {name: value for name, value in item.items() if name not in ("pk", "sk") and value is not None}
        absent = [name for name, value in item.items() if value is None]
        if not endpoint.is_enabled:
            absent += _CIRCUIT
        change = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
        if absent:
            change += " REMOVE " + ", ".join(f"#{name}" for name in absent)
        condition = "attribute_not_exists(#pk)"
        if endpoint.version:
            condition, values["was"] = "#version = :was", endpoint.version
        operations = [self._table.update_op(*endpoint_key(endpoint.endpoint_id), change, condition, **values)]
        if walks:
            operations.append(self._table.update_op(*walk_key(), "ADD #requested :one", one=1))
        try:
            return self._dynamo.try_transact(operations)
        except WriteConflict:
            return False

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint, then request the walk; without it, the cursors are left to the next one."""
        self._table.delete(*endpoint_key(endpoint_id))
        self._table.update(*walk_key(), "ADD #requested :one", one=1)

    # ---- circuit breaker -------------------------------------------------------------------------------

    def note_success(self, endpoint_id: str, now: int) -> bool:
        """Count no failures any more; return whether this closed the circuit breaker."""
        try:
            was = self._table.update(
                *endpoint_key(endpoint_id),
                "SET #succeeded_at = :now REMOVE #failures, #failing_since, #probe_at",
                "attribute_exists(#pk)",
                now=now,
            )
        except ConditionFailed:
            return False
        return was is not None and "failing_since" in was

    def note_failure(self, endpoint_id: str) -> Endpoint | None:
        """Count a failure."""
        try:
            was = self._table.update(*endpoint_key(endpoint_id), "ADD #failures :one", _IS_ENABLED, one=1)
        except ConditionFailed:
            return None
        return None if was is None else endpoint_from_item({**was, "failures": was.get("failures", 0) + 1})

    def open(self, endpoint_id: str, now: int, probe_at: int) -> bool:
        """Open the circuit breaker, unless a success came after the failures that it is opened for."""
        return self._table.try_update(
            *endpoint_key(endpoint_id),
            "SET #failing_since = :now, #probe_at = :probe_at",
            f"{_IS_ENABLED} AND attribute_exists(#failures) AND attribute_not_exists(#failing_since)",
            now=now,
            probe_at=probe_at,
        )

    def claim_probe(self, endpoint: Endpoint, probe_at: int) -> bool:
        """Move the next probe."""
        return self._table.try_update(
            *endpoint_key(endpoint.endpoint_id),
            "SET #probe_at = :probe_at",
            "#probe_at = :was",
            probe_at=probe_at,
            was=endpoint.probe_at,
        )

    # ---- slots -----------------------------------------------------------------------------------------

    def take_slot(self, endpoint_id: str, slot: int, holder: str, now: int, until: int) -> bool:
        """Take a slot that is free, or whose time is over."""
        return self._table.try_update(
            *slot_key(endpoint_id, slot),
            "SET #holder = :holder, #taken_at = :now, #until = :until, #expires_at = :expires_at",
            "attribute_not_exists(#pk) OR #until <= :now",
            holder=holder,
            until=until,
            expires_at=until // 1000 + _SLOT_TTL,
            now=now,
        )

    def slot_taken_at(self, endpoint_id: str, slot: int) -> int:
        """Return when a slot was taken."""
        item = self._table.get(*slot_key(endpoint_id, slot))
        return 0 if item is None else int(item["taken_at"])

    def free_slot(self, endpoint_id: str, slot: int, holder: str) -> None:
        """Give a slot back, unless it was taken over."""
        self._table.try_delete(*slot_key(endpoint_id, slot), "#holder = :holder", holder=holder)


def endpoint_to_item(endpoint: Endpoint) -> Item:
    """Return the attributes of an endpoint that do not belong to its circuit breaker; None is absent."""
    pk, sk = endpoint_key(endpoint.endpoint_id)
    secrets = [[base64.b64encode(secret.key).decode(), secret.expires_at] for secret in endpoint.secrets]
    return {
        "pk": pk,
        "sk": sk,
        "kind": endpoint.kind,
        "url": endpoint.url,
        "created_at": endpoint.created_at,
        "start": endpoint.start,
        "types": " ".join(sorted(endpoint.types)) or None,
        "is_thin": endpoint.is_thin or None,
        "notify": endpoint.notify or None,
        "secrets": json_codec.dumps(secrets) if secrets else None,
        "secret_parameter": endpoint.secret_parameter,
        "description": endpoint.description or None,
        "disabled_at": endpoint.disabled_at or None,
        "disabled_reason": endpoint.disabled_reason or None,
        "enabled_at": endpoint.enabled_at or None,
        "version": endpoint.version,
    }


def endpoint_from_item(item: Item) -> Endpoint:
    """Return an endpoint."""
    stored: list[Any] = json_codec.parse(item["secrets"].encode()) if "secrets" in item else []
    same = {
        name: item[name] for name in Endpoint._fields if name in item and name not in ("secrets", "types", "sk")
    }
    return Endpoint(
        **same,
        endpoint_id=item["sk"],
        types=frozenset(item.get("types", "").split()),
        secrets=tuple(Secret(base64.b64decode(key), expires_at) for key, expires_at in stored),
    )
