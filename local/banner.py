"""The startup message of an instance: text for people, or one line of JSON for programs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.settings import Ports
from local.tokens import DAY, mint_for

DEMO_USERS = {"alice": "Alice", "bob": "Bob", "carol": "Carol"}


@dataclass(frozen=True, slots=True)
class Ready:
    """A running instance: its URLs and its process id."""

    http_url: str
    ws_url: str
    management_url: str
    store_url: str
    pid: int
    web_url: str | None = None
    web_page: str | None = None
    """Whether the page at `web_url` is `ready`, `building`, or `absent`."""

    def to_line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str | bytes) -> Ready:
        """Parse a line that `to_line` returned."""
        return cls(**json.loads(line))


def banner(ready: Ready, settings: Mapping[str, str], persistence: str, bundle: Path | None = None) -> str:
    """Return the text for people: URLs, tokens for three users, and lines to paste into a shell.

    `persistence` describes how conversations are kept; `bundle` is the directory of the packaged stage, if one
    runs. The lines need a POSIX shell, in the directory of the checkout.
    """
    bundle_option = "" if bundle is None else f" --bundle {shlex.quote(str(bundle))}"
    tokens = {user: mint_for(user, name, DAY, settings) for user, name in DEMO_USERS.items()}
    variables = (f"{user.upper()}={token}" for user, token in tokens.items())
    token_command = f".venv/bin/python -m local token dave --name Dave{bundle_option}"
    return f"""
The chat is running{"" if bundle is None else f", from the bundle in {bundle}"}.{_web(ready)}

  HTTP        {ready.http_url}
  WebSocket   {ready.ws_url}
  Store       {ready.store_url}  ({persistence})

Without a browser, paste these lines: Alice creates a conversation with Bob and Carol and sends a message.

{_indent(*_chat(ready, tokens["alice"]))}

In another terminal, print every event that Bob receives:

{_indent(_listen(ready) + bundle_option)}

Tokens, valid for a day (for another user: {token_command}):

{_indent(*variables)}

Press Ctrl-C to stop.
"""


def _web(ready: Ready) -> str:
    """Return the address of the page, first of all; or why there is none."""
    if ready.web_url is None:
        return ""
    notes = {
        "ready": "Open it in two windows, as two people.",
        "building": "It is being built and will show itself in a few seconds.",
        "absent": "It is not built: `make run` builds it, with Node.js.",
    }
    return f"\n\n  Web page    {ready.web_url}\n              {notes[ready.web_page or 'absent']}"


def _indent(*lines: str) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _chat(ready: Ready, token: str) -> list[str]:
    """Return the lines with the command of the Python client."""
    others = (f"{user}={DEMO_USERS[user]}" for user in ("bob", "carol"))
    return [
        f"export CHAT_HTTP_URL={ready.http_url} CHAT_WS_URL={ready.ws_url} CHAT_TOKEN={token}",
        f".venv/bin/chat create Hello {' '.join(others)}",
        ".venv/bin/chat send Hello 'Hello, Bob and Carol!'",
    ]


def _listen(ready: Ready) -> str:
    http, websocket = urlsplit(ready.http_url).port, urlsplit(ready.ws_url).port
    default = Ports()
    ports = (
        "" if (http, websocket) == (default.http, default.websocket) else f" --port {http} --ws-port {websocket}"
    )
    return f".venv/bin/python -m local listen --as bob{ports}"
