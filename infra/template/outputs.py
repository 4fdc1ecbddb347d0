"""The outputs of the stack."""

from __future__ import annotations

from infra.stage import Stage
from infra.template.names import Json, ref, sub


def fragment(stage: Stage) -> Json:
    """Return URLs for clients, and tables and topic for operators, in addition to Chalice's outputs."""
    host_and_stage = f"execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage.api_stage}"
    return {
        "Outputs": {
            "HttpUrl": _output("URL of the HTTP API", sub(f"https://${{RestAPI}}.{host_and_stage}")),
            "SocketUrl": _output("URL of the WebSocket API", sub(f"wss://${{WebsocketAPI}}.{host_and_stage}")),
            "ConversationsTableName": _output("Table of conversations (durable)", ref("ConversationsTable")),
            "ConnectionsTableName": _output("Table of connections (expire by TTL)", ref("ConnectionsTable")),
            "AlarmTopicArn": _output("Topic that the alarms notify", ref("AlarmTopic")),
        }
    }


def _output(description: str, value: Json) -> Json:
    return {"Description": description, "Value": value}
