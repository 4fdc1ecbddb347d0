"""The state of a deployed stage, which no build contains: its tables, its history, and the fence of a restore.

It is stored in the template of the stack, so it changes with the stack and never apart from it. A deployment
reads the state of the deployed template, and binds it to the template of the build. So a rollback to an older
build keeps the tables and the history of the stage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from infra.errors import InfraError
from infra.template.names import ALL_FUNCTIONS, Json, sub

CONVERSATIONS, CONNECTIONS = "ConversationsTable", "ConnectionsTable"
TABLES = {CONVERSATIONS: "CHAT_CONVERSATIONS_TABLE", CONNECTIONS: "CHAT_CONNECTIONS_TABLE"}
"""The tables by logical id, each with the variable that names it."""
HISTORY, FENCE = "CHAT_HISTORY_ID", "CHAT_FENCED"
_RELEASE = "Release"
_STREAM = "StreamArn"
_ARN = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/"
_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")


@dataclass(frozen=True, slots=True)
class StageState:
    """The state of one stage."""

    tables: dict[str, str] = field(default_factory=dict)
    """The names of tables outside the stack, by logical id: restored ones, or those of a destroyed stack."""
    stream: str = ""
    """The ARN of the stream of such a conversations table, if the stage reads one."""
    history: int = 0
    """The number of this history of the data."""
    fenced: bool = False
    """Whether all functions answer that the chat is unavailable, because the tables are being replaced."""
    release: int = 0
    """The number of the release in the artefact bucket that is deployed; 0: none."""

    def with_tables(self, conversations: str, connections: str, now: float) -> StageState:
        """Return the state with these tables, in a new history. Raises InfraError for an invalid name."""
        for name in (conversations, connections):
            if not _NAME.fullmatch(name):
                raise InfraError(f"{name!r} is not the name of a DynamoDB table")
        tables = {CONVERSATIONS: conversations, CONNECTIONS: connections}
        return self if tables == self.tables else replace(self.in_new_history(now), tables=tables, stream="")

    def in_new_history(self, now: float) -> StageState:
        """Return the state in a history that begins at the Unix time `now`.

        Its number is that time, which is higher than every number of a destroyed stage with the same URLs: clients
        ignore older histories.
        """
        return replace(self, history=max(self.history + 1, int(now)))


def read_state(template: Json) -> StageState:
    """Return the state in a deployed template."""
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    named = {logical_id: variables[variable] for logical_id, variable in TABLES.items()}
    history = variables.get(HISTORY, "0.")
    text = history["Fn::Sub"] if isinstance(history, dict) else history
    release = template.get("Outputs", {}).get(_RELEASE, {}).get("Value", "0")
    return StageState(
        tables={logical_id: name for logical_id, name in named.items() if isinstance(name, str)},
        stream=next((stream for stream in _streams(template) if isinstance(stream, str)), ""),
        history=int(text.partition(".")[0]),
        fenced=FENCE in variables,
        release=int(release),
    )


def reads_stream(template: Json) -> bool:
    """Return whether the stage of a template reads the stream of its conversations table."""
    return bool(_streams(template))


def _streams(template: Json) -> list[Any]:
    return [
        event["Properties"]["Stream"]
        for resource in template.get("Resources", {}).values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    ]


def bind_state(template: Json, state: StageState) -> Json:
    """Return a copy of a template, of a build or of a deployed stage, with the state of the stage."""
    present = read_state(template)
    names = {present.tables[key]: state.tables[key] for key in present.tables.keys() & state.tables.keys()}
    if present.stream:
        names[present.stream] = state.stream
    bound: Json = _with_tables(_with_new_names(template, names), state)
    variables = bound["Globals"]["Function"]["Environment"]["Variables"]
    name = state.tables.get(CONVERSATIONS)
    variables[HISTORY] = (
        sub(f"{state.history}.${{{CONVERSATIONS}}}") if name is None else f"{state.history}.{name}"
    )
    if state.release:
        description = "Number of the release in the artefact bucket"
        bound.setdefault("Outputs", {})[_RELEASE] = {"Description": description, "Value": str(state.release)}
    _set_fence(bound, fenced=state.fenced)
    return bound


def _set_fence(template: Json, *, fenced: bool) -> None:
    """Stop everything that writes, or start it again: all functions, the schedule, and the event sources."""
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables.pop(FENCE, None)
    if fenced:
        variables[FENCE] = "1"
    for function in ALL_FUNCTIONS:
        resource = template["Resources"].get(function.logical_id, {"Properties": {}})
        for event in resource["Properties"].get("Events", {}).values():
            if event["Type"] in {"Schedule", "SQS", "DynamoDB"}:
                event["Properties"].pop("Enabled", None)
                if fenced:
                    event["Properties"]["Enabled"] = False
    for logical_id in TABLES if fenced else ():
        # The switch removes them from the stack; their data must outlive that on every stage.
        if logical_id in template["Resources"]:
            template["Resources"][logical_id].update(DeletionPolicy="Retain", UpdateReplacePolicy="Retain")


def _with_new_names(node: Any, names: dict[str, str]) -> Any:
    """Return a copy in which other names, and other streams, replace those that an earlier state has bound."""
    if isinstance(node, list):
        return [_with_new_names(item, names) for item in node]
    if isinstance(node, dict):
        return {key: _with_new_names(value, names) for key, value in node.items()}
    if isinstance(node, str):
        for old, new in names.items():
            # A whole value, the end of an ARN, or a value in the text of the dashboard.
            node = re.sub(rf'(^|table/|"){re.escape(old)}(?=$|")', rf"\g<1>{new}", node)
    return node


def _with_tables(node: Any, state: StageState) -> Any:
    """Replace the references to tables by their names, and remove the resources."""
    tables = state.tables
    if isinstance(node, list):
        return [_with_tables(item, state) for item in node]
    if isinstance(node, str):
        for logical_id, name in tables.items():
            node = node.replace(f"${{{logical_id}}}", name)
        return node
    if not isinstance(node, dict):
        return node
    if node.get("Ref") in tables:
        return tables[node["Ref"]]
    attribute = node.get("Fn::GetAtt")
    if attribute is not None:
        logical_id, *kind = attribute if isinstance(attribute, list) else attribute.split(".")
        if logical_id in tables:
            return state.stream if kind == [_STREAM] else sub(_ARN + tables[logical_id])
    return {
        key: [item for item in value if item not in tables]
        if key == "DependsOn" and isinstance(value, list)
        else _with_tables(value, state)
        for key, value in node.items()
        if not (key in tables and isinstance(value, dict) and value.get("Type") == "AWS::DynamoDB::Table")
    }
