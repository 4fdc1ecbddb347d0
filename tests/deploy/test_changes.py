"""The formatted changes of a change set, and the warnings."""

from __future__ import annotations

from typing import Any

import pytest

from infra.deploy.changes import Change, format_changes, read_changes, warnings
from tests.deploy.fakes import change

TABLE = "AWS::DynamoDB::Table"


def changes(*found: dict[str, Any]) -> list[Change]:
    return read_changes(found)


def test_change_is_formatted_with_action_name_type_and_properties() -> None:
    found = changes(
        change("Add", "Dashboard", "AWS::CloudWatch::Dashboard"),
        change(
            "Modify",
            "Api",
            "AWS::Lambda::Function",
            Replacement="False",
            Details=[
                {"Target": {"Attribute": "Properties", "Name": "Code"}},
                {"Target": {"Attribute": "Properties", "Name": "Code"}},
                {"Target": {"Attribute": "Tags"}},
            ],
        ),
        change("Remove", "OldTopic", "AWS::SNS::Topic"),
    )
    assert format_changes(found) == [
        "  + Add     Dashboard  AWS::CloudWatch::Dashboard",
        "  ~ Modify  Api        AWS::Lambda::Function       Code, Tags",
        "  - Remove  OldTopic   AWS::SNS::Topic",
        "  1 to add, 1 to modify, 1 to remove",
    ]
    assert warnings(found) == []


def test_no_changes_give_no_lines() -> None:
    assert format_changes([]) == []


@pytest.mark.parametrize(
    ("replacement", "remark", "fate"),
    [("True", "REPLACED", "will be REPLACED"), ("Conditional", "POSSIBLY REPLACED", "may be REPLACED")],
)
def test_replaced_table_comes_first_with_a_warning(replacement: str, remark: str, fate: str) -> None:
    details = [{"Target": {"Attribute": "Properties", "Name": "KeySchema"}}]
    found = changes(
        change("Add", "Alarm", "AWS::CloudWatch::Alarm"),
        change("Modify", "ConversationsTable", TABLE, Replacement=replacement, Details=details),
    )
    assert f"  {remark} (KeySchema)" in format_changes(found)[0]
    assert format_changes(found)[-1] == "  1 to add, 1 to modify, 1 of them replaced or possibly replaced"
    (warning,) = warnings(found)
    assert warning.startswith(f"!!! ConversationsTable {fate}") and "LOST" in warning
    assert [item.logical_id for item in found if item.loses_a_table] == ["ConversationsTable"]


def test_removed_table_that_is_retained_gets_a_warning() -> None:
    found = changes(change("Remove", "ConversationsTable", TABLE, PolicyAction="Retain"))
    assert "retained in the account" in format_changes(found)[0]
    assert "no longer uses" in warnings(found)[0] and "LOST" not in warnings(found)[0]
    assert found[0].loses_a_table


def test_table_changed_in_place_is_not_lost() -> None:
    in_place = change("Modify", "ConversationsTable", TABLE, Replacement="False")
    found = changes(in_place, change("Add", "New", TABLE))
    assert not any(item.loses_a_table for item in found) and warnings(found) == []


@pytest.mark.parametrize("kind", ["AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Stage"])
def test_renamed_stage_gets_a_warning_about_its_url(kind: str) -> None:
    renamed = changes(change("Add", "RestAPIv2Stage", kind), change("Remove", "RestAPIv1Stage", kind))
    assert warnings(renamed) == ["!!! RestAPIv1Stage will be REMOVED: the URLs for clients will change"]


@pytest.mark.parametrize("kind", ["AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"])
def test_replaced_api_gets_a_warning_about_its_url(kind: str) -> None:
    (warning,) = warnings(changes(change("Modify", "RestAPI", kind, Replacement="True")))
    assert "the URLs for clients will change" in warning
