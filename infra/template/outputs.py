"""What the stack says about itself when it stands."""

from __future__ import annotations

from infra.stage import Stage
from infra.template.names import Json, ref, sub


def fragment(stage: Stage) -> Json:
    """URLs for clients, tables and the topic for operators; beside Chalice's own outputs."""
    host_and_stage = f"execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage.api_stage}"
    return {
        "Outputs": {
            "HttpUrl": _output("Where the HTTP API is", sub(f"https://${{RestAPI}}.{host_and_stage}")),
            "SocketUrl": _output("Where sockets are opened", sub(f"wss://${{WebsocketAPI}}.{host_and_stage}")),
            "ConversationsTableName": _output("Conversations, kept for good", ref("ConversationsTable")),
            "ConnectionsTableName": _output("Sockets, forgotten by TTL", ref("ConnectionsTable")),
            "AlarmTopicArn": _output("Subscribe to be told of alarms", ref("AlarmTopic")),
        }
    }


def _output(description: str, value: Json) -> Json:
    return {"Description": description, "Value": value}
