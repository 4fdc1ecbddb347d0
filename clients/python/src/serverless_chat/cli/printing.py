"""Text and JSON for terminals, pipes and files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, TextIO

from ..core.message import Message
from ..core.outputs import JsonObject
from ..core.row import Row

_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Controls other than the line feed, line separators and bidirectional controls: a terminal could act on them."""
_BOLD, _DIM, _RED, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"


def neutral(text: str) -> str:
    r"""Return a text with the characters escaped as `\uXXXX` that a terminal could act on; tabs become spaces."""
    return _CONTROLS.sub(lambda control: f"\\u{ord(control[0]):04x}", text.replace("\t", "    "))


class Printer:
    """Prints messages and rows as text or, with `--json`, as one JSON object a line."""

    def __init__(self, out: TextIO, is_json: bool) -> None:
        self._out, self._is_json = out, is_json
        is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self._has_color = out.isatty() and not is_plain and not is_json
        self._heading = ""

    def json(self, value: Mapping[str, Any]) -> None:
        """Print one line of JSON."""
        self._line(neutral(json.dumps(value, ensure_ascii=False)))

    def text(self, text: str) -> None:
        """Print text of the command itself."""
        self._line(text)

    def heading(self, name: str) -> None:
        """Print the name of the conversation of the next lines, unless it is that of the last ones."""
        if name != self._heading and not self._is_json:
            self._line(self._styled(_BOLD, f"==> {_one_line(name)} <=="))
            self._heading = name

    def row(self, row: Row) -> None:
        """Print a conversation of the list."""
        if self._is_json:
            fields = ("conversation_id", "title", "other", "unread_count", "read_up_to", "head", "last_message")
            self.json({name: getattr(row, name) for name in fields})
            return
        unread = f"{row.unread_count:>4} unread" if row.unread_count else " " * 11
        title = self._styled(_BOLD if row.unread_count else "", _one_line(row.name))
        self._line(f"{_one_line(row.conversation_id)}  {unread}  {title}")

    def message(self, conversation_id: str, message: Message) -> None:
        """Print a message of a view."""
        sender = message.sender or {}
        if self._is_json:
            self.json({"conversation_id": conversation_id, **_as_json(message)})
            return
        content = message.content
        if content is None:
            content = "(expired)" if message.is_expired else "(deleted)"
        mark = " (edited)" if message.edited_at else ""
        self._entry(message.created_at or "", message.sequence_id, sender, content + mark)
        if message.reactions:
            counts = (f"{reaction.emoji} {len(reaction.participants)}" for reaction in message.reactions)
            self._line(" " * 8 + neutral("  ".join(counts)))

    def event(self, event: JsonObject) -> None:
        """Print an event of the log."""
        if self._is_json:
            self.json(event)
            return
        content = _description(event)
        if content is not None:
            self._entry(event["created_at"], event["sequence_id"], event["sender"], content)

    def _entry(self, created_at: str, number: int | None, sender: JsonObject, content: str) -> None:
        name = _one_line(sender.get("name") or sender.get("participant_id") or "?")
        first, *rest = neutral(content).split("\n")
        time = self._styled(_DIM, f"{created_at[:16].replace('T', ' ')} #{number or '-'}")
        self._line(f"{time} {self._styled(_BOLD, name)}: {first}")
        for line in rest:
            self._line(" " * 8 + line)

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._has_color and style else text

    def _line(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


def error_text(text: str, err: TextIO) -> str:
    """Return the line of an error, red on a terminal."""
    has_color = err.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    line = f"chat: {neutral(text)}"
    return f"{_RED}{line}{_RESET}" if has_color else line


def _one_line(text: str) -> str:
    return neutral(text).replace("\n", " ")


def _as_json(message: Message) -> JsonObject:
    reactions = [
        {"emoji": reaction.emoji, "participants": reaction.participants} for reaction in message.reactions
    ]
    names = ("sequence_id", "message_id", "created_at", "sender", "content", "reply_to", "mentions", "edited_at")
    return {name: getattr(message, name) for name in names} | {
        "is_deleted": message.is_deleted,
        "is_expired": message.is_expired,
        "reactions": reactions,
    }


def _description(event: JsonObject) -> str | None:
    """Return an event as text, or None for those that text does not show."""
    person = (event.get("participant") or {}).get("name") or (event.get("participant") or {}).get("participant_id")
    match event["type"]:
        case "message":
            return event.get("content") or "(deleted)"
        case "message_edited":
            return f"* edited #{event['target']}: {event.get('content', '')}"
        case "message_deleted":
            return f"* deleted #{event['target']}"
        case "reaction_added":
            return f"* {event['emoji']} to #{event['target']}"
        case "participant_joined":
            return f"* {person} joined"
        case "participant_left":
            return f"* {person} left"
        case _:
            return None
