"""The tables: the definition, shared with the local cloud, and their protection on AWS."""

from __future__ import annotations

import json
from pathlib import Path

from infra.stage import Stage
from infra.template.names import Json, ref

DEFINITION = Path(__file__).parents[1] / "tables.json"
PROTECTION = "ProtectTables"
"""The parameter of a production stage that turns on deletion protection of its tables."""
STREAM = {"StreamViewType": "KEYS_ONLY"}
"""The stream of the conversations table, from which a stage with events publishes: it only wakes the publisher."""
_PROTECTED_CONDITION = "TablesAreProtected"


def fragment(stage: Stage) -> Json:
    """Return both tables. Those of production are protected against deletion, and outlive the stack.

    They have no fixed names, so that CloudFormation can create new tables next to retained ones.
    """
    tables: Json = json.loads(DEFINITION.read_text(encoding="utf-8"))
    production = stage.infra.production
    for table in tables.values():
        # After a failed creation they are empty and would only block the next one.
        table["DeletionPolicy"] = "RetainExceptOnCreate" if production else "Delete"
        table["UpdateReplacePolicy"] = "Retain" if production else "Delete"
        table["Properties"]["DeletionProtectionEnabled"] = production and {
            "Fn::If": [_PROTECTED_CONDITION, True, False]
        }
    if stage.infra.events is not None:
        tables["ConversationsTable"]["Properties"]["StreamSpecification"] = STREAM
    return {"Resources": tables, **(_protection() if production else {})}


def _protection() -> Json:
    """Return the protection parameter, on by default: a creation turns it off, so that it can be rolled back."""
    parameter = {
        "Type": "String",
        "Description": "Deletion protection of the tables: off only while the stack is created",
        "AllowedValues": ["true", "false"],
        "Default": "true",
    }
    return {
        "Parameters": {PROTECTION: parameter},
        "Conditions": {_PROTECTED_CONDITION: {"Fn::Equals": [ref(PROTECTION), "true"]}},
    }
