"""The engine of a test run, and its tables."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.support.engine import OTHER_ENGINE, TOY_TABLE, Engine, create_tables, running_engine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Config:
    """The part of pytest's configuration that the engine needs."""

    def __init__(self) -> None:
        self.stash = pytest.Stash()
        self.clean_ups: list[Callable[[], object]] = []

    def add_cleanup(self, function: Callable[[], object]) -> None:
        self.clean_ups.append(function)


def test_engine_is_shared_within_a_run(store_engine: Engine, pytestconfig: pytest.Config) -> None:
    assert running_engine(pytestconfig) is store_engine
    assert store_engine.url == store_engine.client().meta.endpoint_url


def test_external_engine_is_used_and_not_stopped(store_engine: Engine) -> None:
    config = Config()
    engine = running_engine(cast("Any", config), {OTHER_ENGINE: store_engine.url})
    assert engine is not store_engine
    assert engine.url == store_engine.url
    engine.client(read_timeout=20).list_tables()
    assert config.clean_ups == [engine.close]
    engine.close()
    store_engine.client().list_tables()


def test_tables_of_a_definition_get_new_names_each_time(dynamodb: "DynamoDBClient") -> None:
    definition: dict[str, Any] = {
        "FirstTable": {
            **TOY_TABLE,
            "Properties": {
                **TOY_TABLE["Properties"],
                "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            },
        },
        "SecondTable": TOY_TABLE,
    }
    names, more = create_tables(dynamodb, definition), create_tables(dynamodb, definition)
    assert names.keys() == definition.keys()
    assert not set(names.values()) & set(more.values())
    described = dynamodb.describe_table(TableName=names["FirstTable"])["Table"]
    assert described["TableStatus"] == "ACTIVE"
    assert described["KeySchema"] == TOY_TABLE["Properties"]["KeySchema"]
    expiry = dynamodb.describe_time_to_live(TableName=names["FirstTable"])["TimeToLiveDescription"]
    assert expiry["TimeToLiveStatus"] == "DISABLED"


def test_unknown_table_property_is_rejected(dynamodb: "DynamoDBClient") -> None:
    odd = {"OddTable": {**TOY_TABLE, "Properties": {**TOY_TABLE["Properties"], "Colour": "blue"}}}
    with pytest.raises(ValueError, match="OddTable has properties that tests know nothing of: Colour"):
        create_tables(dynamodb, odd)


class SlowService:
    """A DynamoDB whose tables become active after some polls, or never."""

    def __init__(self, looks: float) -> None:
        self.looks = looks

    def create_table(self, **_: object) -> None:
        """Start to create the table."""

    def describe_table(self, **_: object) -> dict[str, dict[str, str]]:
        self.looks -= 1
        return {"Table": {"TableStatus": "CREATING" if self.looks > 0 else "ACTIVE"}}


def test_waiting_for_tables_times_out() -> None:
    service = SlowService(looks=3)
    create_tables(cast("Any", service), {"SlowTable": TOY_TABLE})
    assert service.looks == 0
    with pytest.raises(TimeoutError, match=r"SlowTable-\w+ is CREATING, not ACTIVE, after 0\.05 s"):
        create_tables(cast("Any", SlowService(looks=math.inf)), {"SlowTable": TOY_TABLE}, patience=0.05)
