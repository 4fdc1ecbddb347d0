"""Instances started for real, as processes, and never left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.instance import Instances

TOY_APP = """
import logging
import os

import boto3
from chalice import Chalice, Rate

app = Chalice(app_name="toy")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
print("a line of the app")
app.log.error("a line of the app's log")


@app.route("/health")
def health():
    table = os.environ["CHAT_CONVERSATIONS_TABLE"]
    boto3.client("dynamodb").describe_table(TableName=table)
    return {"status": "ok", "pid": os.getpid(), "management": os.environ["CHAT_MANAGEMENT_ENDPOINT"]}


@app.on_ws_connect()
def connect(event):
    return {"statusCode": 200}


@app.on_ws_message()
def message(event):
    return {"statusCode": 200}


@app.on_ws_disconnect()
def disconnect(event):
    return {"statusCode": 200}


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event):
    return None
"""


@pytest.fixture
def toy_app(tmp_path: Path) -> Path:
    """The directory of an app that only tells how it is, quicker to start than the real one."""
    directory = tmp_path / "toy"
    directory.mkdir()
    (directory / "app.py").write_text(TOY_APP, encoding="utf-8")
    return directory


@pytest.fixture
def instances() -> Iterator[Instances]:
    """Starts instances, and ends what a test left running."""
    with Instances() as started:
        yield started
