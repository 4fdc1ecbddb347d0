"""The arguments of the command line, and its exit statuses."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx

from ..errors import ChatError
from . import commands, completion, interrupts, profiles, streams
from .errors import INTERRUPTED, UNAVAILABLE, USAGE, exit_status
from .printing import Printer, error_text

EPILOG = """exit statuses: 0 done, 1 refused or failed, 2 usage, 3 no valid token, 4 no such conversation,
5 no answer in time. A conversation is named by its id or its exact title, a direct
one by the name of the other participant."""


def parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser, and those of the commands."""
    result = argparse.ArgumentParser(prog="chat", description="The chat in the terminal.", epilog=EPILOG)
    result.add_argument("--version", action="version", version=_version())
    added = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--profile", default=os.environ.get("CHAT_PROFILE", profiles.DEFAULT_PROFILE), metavar="NAME"
    )
    common.add_argument("--config", type=Path, default=None, metavar="FILE", help="the file of the profiles")
    common.add_argument("--json", action="store_true", help="print one JSON object a line")
    common.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="wait so long for the server"
    )
    found: dict[str, argparse.ArgumentParser] = {}

    def command(name: str, text: str) -> argparse.ArgumentParser:
        found[name] = added.add_parser(name, help=text, description=text, parents=[common])
        return found[name]

    login = command("login", "Store a server and a token, which is read from standard input.")
    login.add_argument("--http-url", required=True, metavar="URL")
    login.add_argument("--ws-url", required=True, metavar="URL")
    login.add_argument("--token-command", metavar="COMMAND", help="a command that prints a token, instead")
    listed = command("conversations", "List the conversations, latest message first.")
    listed.add_argument("--all", action="store_true", help="all of them, not the latest 50")
    created = command("create", "Create a conversation, and print its id.")
    created.add_argument("title", metavar="TITLE")
    created.add_argument("participants", nargs="*", metavar="ID=NAME", help="the others: their ids and names")
    opened = command("open", "Show a conversation, mark it as read, and send each line of standard input.")
    _conversation(opened)
    send = command("send", "Send a message, and return when it is in the log.")
    _conversation(send)
    send.add_argument("text", nargs="+", metavar="TEXT", help="the text, or - for standard input")
    send.add_argument("--lines", action="store_true", help="with -: each line is a message")
    send.add_argument("--reply-to", type=int, metavar="N", help="the sequence id of a message")
    send.add_argument("--mention", action="append", metavar="PARTICIPANT")
    send.add_argument("--id", metavar="ID", help="an id of the message: repeated, the command sends it once")
    tail = command("tail", "Print the newest messages of a conversation, or of all.")
    tail.add_argument("conversation", nargs="?", metavar="CONVERSATION", help="without one: all of the user's")
    tail.add_argument("-f", "--follow", action="store_true", help="and each event as it comes")
    tail.add_argument("-n", "--count", type=int, default=10, metavar="N")
    history = command("history", "Print the messages, oldest first.")
    _conversation(history)
    history.add_argument("--after", type=int, default=0, metavar="N", help="only those after a sequence id")
    export = command("export", "Print all events of a conversation, or all of the user's own data, as JSON.")
    export.add_argument("conversation", nargs="?", metavar="CONVERSATION")
    shown = command("tui", "Show conversations in the terminal, and write in them.")
    shown.add_argument("conversation", nargs="?", metavar="CONVERSATION", help="open it at once")
    completed = command("completion", "Print a script: source <(chat completion bash)")
    completed.add_argument("shell", choices=["bash", "zsh"])
    return result, found


def _conversation(command: argparse.ArgumentParser) -> None:
    command.add_argument("conversation", metavar="CONVERSATION", help="its id, its exact title, or a participant")


def _version() -> str:
    try:
        return version("serverless-chat-client")
    except PackageNotFoundError:
        return "unknown"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # see `interrupts.run`
    streams.open_missing()
    try:
        return _status(arguments)
    finally:
        streams.flush()


def _status(arguments: Sequence[str] | None) -> int:
    root, found = parser()
    try:
        options = root.parse_args(arguments)
    except OSError:  # stderr cannot have the error, which argparse ignores in newer versions of Python only
        return USAGE
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8
    printer = Printer(sys.stdout, options.json)
    options.config = options.config or profiles.default_path()
    try:
        if options.command == "completion":
            printer.text(completion.script(options.shell, found).rstrip())
        else:
            interrupts.run(commands.COMMANDS[options.command](options, printer))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:  # the reader ended first, as in `… | head`
        return 0
    except UnicodeEncodeError:
        text = "an argument is not valid text in the encoding of the terminal"
        streams.complain(error_text(text, sys.stderr))
        return USAGE
    except (ChatError, OSError, asyncio.TimeoutError, TimeoutError, httpx.InvalidURL) as error:
        is_timeout = isinstance(error, (asyncio.TimeoutError, TimeoutError))
        text = "the server did not answer in time" if is_timeout else str(error)
        streams.complain(error_text(text, sys.stderr))
        return UNAVAILABLE if is_timeout else exit_status(error)
    return 0
