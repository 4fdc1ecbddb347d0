"""The tables: the definition that the local cloud uses as well, and what protects them on AWS."""

from __future__ import annotations

import json
from pathlib import Path

from infra.stage import Stage
from infra.template.names import Json, ref

DEFINITION = Path(__file__).parents[1] / "tables.json"
PROTECTION = "ProtectTables"
"""The parameter of a production stage that says whether its tables are protected against deletion."""
_PROTECTED_CONDITION = "TablesAreProtected"


def fragment(stage: Stage) -> Json:
    """Both tables. Those of production can neither be deleted nor replaced by accident, and outlive the stack.

    They have no fixed names: CloudFormation could not make a second table beside one that stayed behind.
    """
    tables: Json = json.loads(DEFINITION.read_text(encoding="utf-8"))
    production = stage.infra.production
    for table in tables.values():
        # Where the creation itself is undone they are empty, and would only be in the way.
        table["DeletionPolicy"] = "RetainExceptOnCreate" if production else "Delete"
        table["UpdateReplacePolicy"] = "Retain" if production else "Delete"
        table["Properties"]["DeletionProtectionEnabled"] = production and {
            "Fn::If": [_PROTECTED_CONDITION, True, False]
        }
    return {"Resources": tables, **(_protection() if production else {})}


def _protection() -> Json:
    """On, unless somebody says otherwise: a creation does, as it could not be undone with protected tables."""
    parameter = {
        "Type": "String",
        "Description": "Protect the tables against deletion: off only while the stack is created",
        "AllowedValues": ["true", "false"],
        "Default": "true",
    }
    return {
        "Parameters": {PROTECTION: parameter},
        "Conditions": {_PROTECTED_CONDITION: {"Fn::Equals": [ref(PROTECTION), "true"]}},
    }
