"""Builds that tests deploy, besides the one that is made."""

from __future__ import annotations

import copy

from infra.stage import Stage
from infra.template import tables
from infra.template.names import Json

TABLES = ("ConversationsTable", "ConnectionsTable")
LIMIT = "CHAT_LIMIT_TITLE_CHARACTERS"


def broken(template: Json) -> Json:
    """With a resource that cannot be made, after the tables, and a setting to be seen: titles of at most seven."""
    changed = copy.deepcopy(template)
    changed["Globals"]["Function"]["Environment"]["Variables"][LIMIT] = "7"
    changed["Resources"]["BadAlarm"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "DependsOn": list(TABLES),
        "Properties": {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 1},
    }
    return changed


def with_tables_of(stage: Stage, template: Json) -> Json:
    """With the tables that a stage gets, and what belongs to them."""
    changed = copy.deepcopy(template)
    for part, content in tables.fragment(stage).items():
        changed.setdefault(part, {}).update(content)
    return changed
