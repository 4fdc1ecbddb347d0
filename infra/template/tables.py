"""The tables: the definition that the local cloud uses as well, and what protects them on AWS."""

from __future__ import annotations

import json
from pathlib import Path

from infra.stage import Stage
from infra.template.names import Json

DEFINITION = Path(__file__).parents[1] / "tables.json"


def fragment(stage: Stage) -> Json:
    """Both tables. Those of production can neither be deleted nor replaced by accident, and outlive the stack.

    They have no fixed names: CloudFormation could not make a second table beside one that stayed behind.
    """
    tables: Json = json.loads(DEFINITION.read_text(encoding="utf-8"))
    policy = "Retain" if stage.infra.production else "Delete"
    for table in tables.values():
        table["DeletionPolicy"] = table["UpdateReplacePolicy"] = policy
        table["Properties"]["DeletionProtectionEnabled"] = stage.infra.production
    return {"Resources": tables}
