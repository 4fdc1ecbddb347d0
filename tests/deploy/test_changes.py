"""What a change set would do, as a person sees it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from infra.deploy.changes import Change, format_changes, read_changes, warnings
from tests.deploy.fakes import change

TABLE = "AWS::DynamoDB::Table"


def changes(*found: dict[str, Any]) -> list[Change]:
    return read_changes(found)


def test_each_change_is_a_line_with_its_action_name_type_and_what_changes() -> None:
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


def test_no_changes_are_no_lines() -> None:
    assert format_changes([]) == []


@pytest.mark.parametrize(
    ("replacement", "remark", "fate"),
    [("True", "REPLACED", "will be REPLACED"), ("Conditional", "PERHAPS REPLACED", "may be REPLACED")],
)
def test_a_table_that_is_replaced_comes_first_and_with_a_warning(replacement: str, remark: str, fate: str) -> None:
    details = [{"Target": {"Attribute": "Properties", "Name": "KeySchema"}}]
    found = changes(
        change("Add", "Alarm", "AWS::CloudWatch::Alarm"),
        change("Modify", "ConversationsTable", TABLE, Replacement=replacement, Details=details),
    )
    assert f"  {remark} (KeySchema)" in format_changes(found)[0]
    assert format_changes(found)[-1] == "  1 to add, 1 to modify, 1 of them replaced, or perhaps"
    (warning,) = warnings(found)
    assert warning.startswith(f"!!! ConversationsTable {fate}") and "LOST" in warning
    assert [each.logical_id for each in found if each.loses_a_table] == ["ConversationsTable"]


def test_a_table_that_stays_in_the_account_is_warned_of_as_out_of_sight() -> None:
    found = changes(change("Remove", "ConversationsTable", TABLE, PolicyAction="Retain"))
    assert "stays in the account" in format_changes(found)[0]
    assert "no longer sees" in warnings(found)[0] and "LOST" not in warnings(found)[0]
    assert found[0].loses_a_table


def test_a_table_that_is_changed_in_place_is_no_loss() -> None:
    in_place = change("Modify", "ConversationsTable", TABLE, Replacement="False")
    found = changes(in_place, change("Add", "New", TABLE))
    assert not any(each.loses_a_table for each in found) and warnings(found) == []


@pytest.mark.parametrize("kind", ["AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"])
def test_an_api_that_is_replaced_is_warned_of_as_its_url_changes(kind: str) -> None:
    (warning,) = warnings(changes(change("Modify", "RestAPI", kind, Replacement="True")))
    assert "URLs that clients use will change" in warning
