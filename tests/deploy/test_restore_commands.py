"""`restore` and `rollback` as processes, each killed in several places and repeated until it has finished."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.tokens import mint
from tests.bundle.build import built_stage, shared_directory
from tests.deploy.account import physical
from tests.deploy.builds import LIMIT, TABLES
from tests.deploy.terminal import Desk
from tests.deploy.test_kill import killed_at, repeated
from tests.support.client import ChatEndpoint, HttpClient, TestClient
from tests.support.ministack import MiniStack

pytestmark = pytest.mark.skipif(
    not os.environ.get("CHAT_DEPLOY_KILLS"), reason="takes long: part of make test-all"
)
TIMEOUT = 20
"""Of all functions, in seconds: a restore waits so long after the fence."""


def variant(built: Path, place: Path, **variables: str) -> Path:
    """Copy a build, with short timeouts and other variables."""
    shutil.copytree(built, place)
    template = json.loads((place / "template.json").read_text())
    template["Globals"]["Function"]["Environment"]["Variables"] |= variables
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Timeout"] = min(resource["Properties"]["Timeout"], TIMEOUT)
    (place / "template.json").write_text(json.dumps(template))
    return place


def endpoint_of(empty: MiniStack) -> ChatEndpoint:
    """Return the endpoint of the deployed stage."""
    outputs = empty.client("cloudformation").describe_stacks(StackName="chat-dev")["Stacks"][0]["Outputs"]
    found = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    parameter = empty.client("ssm").get_parameter(Name="/chat/dev/jwt-secret", WithDecryption=True)["Parameter"]
    secret = parameter["Value"]
    return ChatEndpoint(
        found["HttpUrl"],
        found["SocketUrl"],
        lambda participant_id, name, ttl: mint(participant_id, name, ttl, secret=secret),
    )


def test_killed_restore_and_rollback_finish_when_they_are_repeated(empty: MiniStack, tmp_path: Path) -> None:
    """One test, because each command starts from the state that the previous one left."""
    desk = Desk.of(tmp_path, empty)
    built = built_stage(shared_directory(tmp_path.parent) / "bundle")
    first = variant(built, tmp_path / "first")
    second = variant(built, tmp_path / "second", **{LIMIT: "60", "CHAT_VERSION": "2+other"})
    for build in (first, second):
        done = desk.runs("deploy", "--yes", "--package", str(build))
        assert (done.code, done.err) == (0, ""), done.err
    own = physical(empty)
    recovery = {"PointInTimeRecoveryEnabled": True}
    # MiniStack does not take this property from a template.
    empty.client("dynamodb").update_continuous_backups(
        TableName=own[TABLES[0]], PointInTimeRecoverySpecification=recovery
    )
    with closing(HttpClient(endpoint_of(empty).http_url)) as http:
        alice, bob = (TestClient(endpoint_of(empty), http, name, name) for name in ("alice", "bob"))
        restored_while_killed(desk, alice, bob, second)
    tables = state_of(empty)
    assert not {own[table] for table in TABLES} & set(tables), "the stage uses other tables"
    assert {own[table] for table in TABLES} <= set(empty.client("dynamodb").list_tables()["TableNames"])

    killed_at(desk, "UPDATE_IN_PROGRESS", "rollback", "--yes")
    done = repeated(desk, "rollback", "--yes", "--to", "1")
    assert (done.code, done.err) == (0, ""), done.err
    assert "  ok  GET /health is 200 and returns this version" in done.lines
    assert state_of(empty) == tables, "a rollback keeps tables and history"
    done = repeated(desk, "deploy", "--yes", "--package", str(second))
    assert (done.code, done.err) == (0, ""), done.err
    assert state_of(empty) == tables, "and so does a deployment"

    done = desk.runs("destroy", "--yes")
    assert (done.code, done.err) == (0, ""), done.err
    assert all(f"  the table {name}, which does not belong to the stack" in done.lines for name in tables[:2])
    taken_back(desk, empty, first, tables)


def restored_while_killed(desk: Desk, alice: TestClient, bob: TestClient, build: Path) -> None:
    """Restore; changes between the copy of the table and the fence are changes since the point in time."""
    chat, other = (alice.create_conversation(title, [bob]) for title in ("Trip", "Other"))
    alice.connect(chat)
    kept = alice.send_message(chat, "kept")["sequence_id"]
    command = ("restore", "--yes", "--at", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    killed_at(desk, "Creating chat-dev-connections", *command)
    refused = desk.runs("restore", "--yes", "--at", "2026-01-01T00:00:00Z")
    assert "is not finished: repeat it with --at" in refused.err
    alice.send_message(chat, "lost")
    bob.leave(other)
    alice.delete_message(chat, kept)

    killed_at(desk, "UPDATE_IN_PROGRESS", *command)  # the fence
    done = repeated(desk, "deploy", "--yes", "--package", str(build))
    assert "A restore of stage dev is not finished" in done.err
    answer = alice.get("/conversations")
    assert (answer.status, answer.body["error"]["code"]) == (503, "UNAVAILABLE")
    killed_at(desk, "Replaying", *command)
    killed_at(desk, "Pointing the stage", *command)
    done = repeated(desk, *command)
    assert (done.code, done.err) == (0, ""), done.err
    assert any(line.startswith("Closed ") for line in done.lines)

    events = alice.list_events(chat)
    assert [event["type"] for event in events] == ["conversation_created", "message", "message_deleted"]
    assert "content" not in events[1]
    bob.get(f"/conversations/{other}").expect(404)
    alice.disconnect()
    alice.connect(chat)
    alice.send_message(chat, "after")
    alice.disconnect()


def state_of(empty: MiniStack) -> tuple[str, str, str]:
    """Return the tables and the history that the functions use."""
    name = physical(empty)["APIHandler"]
    found = empty.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    assert "CHAT_FENCED" not in found
    return found["CHAT_CONVERSATIONS_TABLE"], found["CHAT_CONNECTIONS_TABLE"], found["CHAT_HISTORY_ID"]


def taken_back(desk: Desk, empty: MiniStack, build: Path, before: tuple[str, str, str]) -> None:
    """Deploy again, with the tables that the destroyed stage left."""
    done = desk.runs("deploy", "--yes", "--package", str(build), "--tables", *before[:2])
    assert (done.code, done.err) == (0, ""), done.err
    assert state_of(empty)[:2] == before[:2]
    assert int(state_of(empty)[2].partition(".")[0]) > int(before[2].partition(".")[0])
    assert not set(TABLES) & physical(empty).keys()
    with closing(HttpClient(endpoint_of(empty).http_url)) as http:
        conversations = TestClient(endpoint_of(empty), http, "alice", "Alice").list_conversations()
    assert {conversation["title"] for conversation in conversations} >= {"Trip", "Other"}
