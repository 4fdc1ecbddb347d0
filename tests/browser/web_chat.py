"""The chat of the browser tests: its process, and its orders."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from chalicelib.aws.dynamodb.keys import event_key
from chalicelib.core.kernel.clock import rfc3339
from local.settings import chat_settings
from local.tokens import mint
from tests.browser.hook import ask
from tests.support.client import ChatEndpoint
from tests.support.engine import Engine
from tests.support.server import PATIENT_SETTINGS, ROOT, START_TIMEOUT, STOP_TIMEOUT, server_environment


class WebChat:
    """A chat in its own process, with the built web page."""

    def __init__(self, log: Path) -> None:
        environment = server_environment({**PATIENT_SETTINGS, "CHAT_HOOK": f"{ask.__module__}:{ask.__name__}"})
        self.log = log
        self.settings = chat_settings(environment)
        self._secret = self.settings["CHAT_JWT_SECRET"]
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.browser.chat_process"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self.ready: Mapping[str, Any] = self._line()

    @property
    def web_url(self) -> str:
        """The address of the page."""
        url: str = self.ready["web_url"]
        return url

    @property
    def endpoint(self) -> ChatEndpoint:
        """The endpoint of the chat, for clients of the tests."""
        return ChatEndpoint(self.ready["http_url"], self.ready["ws_url"], self.token)

    def token(self, participant_id: str, name: str, ttl: int) -> str:
        """Return a token."""
        return mint(participant_id, name, ttl, secret=self._secret)

    def origins(self) -> set[str]:
        """Return the origins that the page may contact."""
        http, ws = self.ready["http_url"], self.ready["ws_url"].rpartition("/")[0]
        return {self.web_url.rstrip("/"), http, ws}

    def drop_connections(self) -> int:
        """Break every WebSocket connection without a close frame, and return their number."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return int(self._line())

    def date_back(self, conversation: str, sequence_id: int, moment: datetime) -> None:
        """Change the time of an event in the store, before anyone has read it."""
        engine = Engine(self.ready["store_url"])
        client, table = engine.client(), self.settings["CHAT_CONVERSATIONS_TABLE"]
        pk, sk = event_key(conversation, sequence_id)
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        event = json.loads(client.get_item(TableName=table, Key=key)["Item"]["event"]["S"])
        event["created_at"] = rfc3339(int(moment.timestamp() * 1_000))
        client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET event = :event",
            ExpressionAttributeValues={":event": {"S": json.dumps(event)}},
        )
        engine.close()

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_TIMEOUT)
        assert readable, f"no answer for {START_TIMEOUT} s; see {self.log}"
        line = self._process.stdout.readline()
        assert line, f"the chat ended: {self.log.read_text('utf-8', 'replace')}"
        return json.loads(line)
