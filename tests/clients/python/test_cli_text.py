"""Texts of the command line: neutral for terminals, within the limits of messages."""

from __future__ import annotations

import io
import re

import pytest
from serverless_chat.cli import completion
from serverless_chat.cli.main import parser
from serverless_chat.cli.pieces import MAX_BYTES, MAX_CHARACTERS, pieces
from serverless_chat.cli.printing import Printer, error_text, neutral


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("control", [0x00, 0x07, 0x0D, 0x1B, 0x7F, 0x9B, 0x200F, 0x202E, 0x2028, 0x2066])
def test_control_characters_are_escaped(control: int) -> None:
    assert neutral(f"a{chr(control)}b") == f"a\\u{control:04x}b"


def test_line_feeds_stay_and_tabs_become_spaces() -> None:
    assert neutral("a\n\tb") == "a\n    b"


@pytest.mark.parametrize(("character", "count"), [("a", 25_000), ("€", 25_000), ("🎉", 25_000), ("\n", 30_000)])
def test_long_input_becomes_messages_within_the_limits(character: str, count: int) -> None:
    text = "x" + character * count + "x"
    found = list(pieces(text))
    assert all(len(piece) <= MAX_CHARACTERS and len(piece.encode()) <= MAX_BYTES for piece in found)
    assert "".join(found).replace("\n", "") == text.replace("\n", "")


def test_escape_sequences_and_blank_input_are_left_out() -> None:
    assert list(pieces("\x1b[1;31mred\x1b[0m\x1b]0;title\x07\r\nnext\x00\n")) == ["red\nnext"]
    assert list(pieces("\n \n\x1b[0m\n")) == []


def test_color_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    event = {"type": "message", "sequence_id": 1, "created_at": "2026-11-29T12:00:00Z", "content": "hi"}
    outputs = {}
    for name, out in {"terminal": Terminal(), "pipe": io.StringIO()}.items():
        Printer(out, is_json=False).event(event | {"sender": {"name": "Alice"}})
        outputs[name] = out.getvalue()
    assert "\x1b[1mAlice" in outputs["terminal"]
    assert outputs["pipe"] == "2026-11-29 12:00 #1 Alice: hi\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert error_text("x", Terminal()) == "chat: x"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_names_each_command_with_its_options_and_choices(shell: str) -> None:
    """Without the shell itself; on a real one, where it is installed, see `live/test_cli.py`."""
    _, commands = parser()
    script = completion.script(shell, commands)
    words = dict(re.findall(r'\*" (\S+)"\) words="(.*)" ;;', script))
    assert words.keys() == commands.keys()
    for name, command in commands.items():
        documented = set(re.findall(r"(?<![\w-])--[a-z-]+", command.format_help()))
        assert documented <= set(words[name].split())
    assert {"bash", "zsh"} <= set(words["completion"].split())
    assert f'words="{" ".join(sorted(commands))}"' in script
    assert ("bashcompinit" in script) == (shell == "zsh")
