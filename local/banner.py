"""What a person reads when the instance is ready, and the one line that a program reads."""

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
    "participants": [{"participant_id": each, "name": DEMO_USERS[each]} for each in ("bob", "carol")],
}


@dataclass(frozen=True, slots=True)
class Ready:
    """A running instance: its addresses, its process, and that of the store if it started one."""

    http_url: str
    ws_url: str
    management_url: str
    store_url: str
    pid: int
    store_pid: int | None

    def to_line(self) -> str:
        """One line of JSON, for programs."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str | bytes) -> Ready:
        """Reads what `line` wrote."""
        return cls(**json.loads(line))


def banner(ready: Ready, settings: Mapping[str, str], persistence: str, bundle: Path | None = None) -> str:
    """The text for a person: addresses, tokens for three people, and lines to paste into a shell.

    `keeps` says what becomes of the conversations; `bundle` is the packaged stage that runs, if one does. The
    lines need nothing but a POSIX shell and curl.
    """
    bundle_option = "" if bundle is None else f" --bundle {shlex.quote(str(bundle))}"
    tokens = {each: mint_for(each, name, DAY, settings) for each, name in DEMO_USERS.items()}
    alice, *others = (f"{each.upper()}={token}" for each, token in tokens.items())
    token_command = f".venv/bin/python -m local token dave --name Dave{bundle_option}"
    return f"""
The chat is running{"" if bundle is None else f", as it was packaged into {bundle}"}.

  HTTP        {ready.http_url}
  WebSocket   {ready.ws_url}
  Store       {ready.store_url}  ({persistence})

Paste these three lines: Alice opens a conversation with Bob and Carol, and says hello.

{_indent(alice, _create(ready), _send(ready))}

In another terminal: what Bob hears, in all his conversations.

{_indent(_listen(ready) + bundle_option)}

Tokens of the others, good for a day as Alice's is (more: {token_command}):

{_indent(*others)}

Ctrl-C ends it.
"""


def _indent(*lines: str) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _create(ready: Ready) -> str:
    # The id is cut out with sed: jq is not everywhere.
    return (
        f'ID=$(curl -s {ready.http_url}/conversations -H "Authorization: Bearer $ALICE"'
        f" -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(_CREATE_BODY))}"
        r" | sed 's/.*\(conv_[A-Za-z0-9_-]*\).*/\1/'); echo $ID"
    )


def _send(ready: Ready) -> str:
    body = shlex.quote(json.dumps({"content": "Hello, everybody!"}))
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
