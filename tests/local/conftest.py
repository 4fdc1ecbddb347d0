"""Fixtures that run instances as processes and stop them at the end of a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.instance import Instances

TOY_APP = """
import gc
import logging
import os

import boto3
from chalice import Chalice, Rate

app = Chalice(app_name="toy")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
print("a line on stdout")
app.log.error("a line in the app's log")


@app.route("/health")
def health():
    table = os.environ["CHAT_CONVERSATIONS_TABLE"]
    boto3.client("dynamodb").describe_table(TableName=table)
    management = os.environ["CHAT_MANAGEMENT_ENDPOINT"]
    return {"status": "ok", "pid": os.getpid(), "management": management, "exempt": gc.get_freeze_count()}


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
    """The directory of a minimal app that only reports its health; it starts faster than the real one."""
    directory = tmp_path / "toy"
    directory.mkdir()
    (directory / "app.py").write_text(TOY_APP, encoding="utf-8")
    return directory


@pytest.fixture
def instances() -> Iterator[Instances]:
    """Starts instances and stops those that a test leaves running."""
    with Instances() as instances:
        yield instances
