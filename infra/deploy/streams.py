"""The stream of a conversations table outside the stack, which CloudFormation cannot turn on.

A restored table has no stream, and neither has one that was restored before its stage got the setting `events`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from infra.deploy.account import Account
from infra.deploy.console import Console
from infra.deploy.state import CONVERSATIONS, StageState, reads_stream
from infra.errors import InfraError
from infra.template.names import Json
from infra.template.tables import STREAM

POLL_INTERVAL = 5.0
"""Seconds between two polls of a table that is being changed."""


def with_stream(
    account: Account,
    template: Json,
    state: StageState,
    console: Console,
    sleep: Callable[[float], None] = time.sleep,
) -> StageState:
    """Return the state with the stream that the template reads; turns it on if the table has none.

    Raises InfraError if the table has another kind of stream.
    """
    table = state.tables.get(CONVERSATIONS)
    if table is None or not reads_stream(template):
        return replace(state, stream="")
    client = account.dynamodb
    described: Json = client.describe_table(TableName=table)["Table"]
    if not described.get("StreamSpecification", {}).get("StreamEnabled"):
        console.write(f"Turning on the stream of {table}")
        client.update_table(TableName=table, StreamSpecification={"StreamEnabled": True, **STREAM})
        while (described := client.describe_table(TableName=table)["Table"])["TableStatus"] != "ACTIVE":
            sleep(POLL_INTERVAL)
    kind = described["StreamSpecification"]["StreamViewType"]
    if kind != STREAM["StreamViewType"]:
        raise InfraError(
            f"The table {table} has a stream of {kind}, with messages. Turn it off, and repeat the command"
        )
    return replace(state, stream=described["LatestStreamArn"])
