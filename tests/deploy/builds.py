"""Variants of the build that tests deploy."""

from __future__ import annotations

import copy

from infra.stage import Stage
from infra.template import domains, tables
from infra.template.names import Json

TABLES = ("ConversationsTable", "ConnectionsTable")
LIMIT = "CHAT_LIMIT_TITLE_CHARACTERS"


def broken(template: Json) -> Json:
    """Add a resource that fails to create, after the tables, and a visible setting: titles of at most seven."""
    changed = copy.deepcopy(template)
    changed["Globals"]["Function"]["Environment"]["Variables"][LIMIT] = "7"
    changed["Resources"]["BadAlarm"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "DependsOn": list(TABLES),
        "Properties": {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 1},
    }
    return changed


def with_domains_of(stage: Stage, template: Json) -> Json:
    """Add the custom domains of a stage."""
    changed = copy.deepcopy(template)
    for part, content in domains.fragment(stage).items():
        changed.setdefault(part, {}).update(content)
    return changed


def with_tables_of(stage: Stage, template: Json) -> Json:
    """Replace the tables by those that a stage gets, with their parameters and conditions."""
    changed = copy.deepcopy(template)
    for part, content in tables.fragment(stage).items():
        changed.setdefault(part, {}).update(content)
    return changed
