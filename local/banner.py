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

_CREATE_BODY = {
    "title": "Hello",
    "participants": [{"participant_id": user, "name": DEMO_USERS[user]} for user in ("bob", "carol")],
}


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
    runs. The lines need only a POSIX shell and curl.
    """
    bundle_option = "" if bundle is None else f" --bundle {shlex.quote(str(bundle))}"
    tokens = {user: mint_for(user, name, DAY, settings) for user, name in DEMO_USERS.items()}
    alice, *others = (f"{user.upper()}={token}" for user, token in tokens.items())
    token_command = f".venv/bin/python -m local token dave --name Dave{bundle_option}"
    return f"""
The chat is running{"" if bundle is None else f", from the bundle in {bundle}"}.{_web(ready)}

  HTTP        {ready.http_url}
  WebSocket   {ready.ws_url}
  Store       {ready.store_url}  ({persistence})

Without a browser, paste these three lines: Alice creates a conversation with Bob and Carol and sends a message.

{_indent(alice, _create(ready), _send(ready))}

In another terminal, print every event that Bob receives:

{_indent(_listen(ready) + bundle_option)}

Tokens for the others, valid for a day like Alice's (for another user: {token_command}):

{_indent(*others)}

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


def _create(ready: Ready) -> str:
    # sed extracts the id: jq is not installed everywhere.
    return (
        f'ID=$(curl -s {ready.http_url}/conversations -H "Authorization: Bearer $ALICE"'
        f" -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(_CREATE_BODY))}"
        r" | sed 's/.*\(conv_[A-Za-z0-9_-]*\).*/\1/'); echo $ID"
    )


def _send(ready: Ready) -> str:
    body = shlex.quote(json.dumps({"content": "Hello, Bob and Carol!"}))
    return (
        f'curl -s {ready.http_url}/conversations/$ID/messages -H "Authorization: Bearer $ALICE"'
        f" -H 'Content-Type: application/json' -d {body}; echo"
    )


def _listen(ready: Ready) -> str:
    http, websocket = urlsplit(ready.http_url).port, urlsplit(ready.ws_url).port
    default = Ports()
    ports = (
        "" if (http, websocket) == (default.http, default.websocket) else f" --port {http} --ws-port {websocket}"
    )
    return f".venv/bin/python -m local listen --as bob{ports}"
