"""The options of the command line, and what their values may be."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from local.errors import LocalError
from local.settings import HTTP_PORT, ROOT

DEFAULTS = {
    "port": HTTP_PORT, "ws_port": None, "store_port": None, "web_port": None, "build_web": False, "json": False,
    "store": None, "data": None, "synchronous": "normal", "reload": False, "verbose": False, "disorder": False,
    "bundle": None, "environments": None, "iam_record": None, "mixed_bundle": None, "app_dir": ROOT,
    "hook": None, "until_input_ends": False,
}  # fmt: skip
"""The values of options that are not given. The parsers have none, so that an option means the same before and
after a command, and one that the command does not have is noticed."""


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the whole chat."""
    add_port_options(parser)
    add_store_port_option(parser)
    parser.add_argument(
        "--web-port", type=port, metavar="PORT", help="port of the web page (default: HTTP port + 3)"
    )
    parser.add_argument(
        "--build-web",
        action="store_true",
        help="build the web page with Node.js if its sources have changed",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON to stdout when ready")
    parser.add_argument("--store", type=store_url, metavar="URL", help="use this DynamoDB endpoint instead")
    add_data_options(parser)
    parser.add_argument("--reload", action="store_true", help="restart the server when a source file changes")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    parser.add_argument(
        "--disorder",
        action="store_true",
        help="let the frames of a connection overtake each other, as API Gateway may",
    )
    add_bundle_option(parser, "run the packaged stage in this directory (such as build/dev) as Lambda would")
    parser.add_argument(
        "--mixed-bundle",
        type=Path,
        metavar="DIR",
        help="with --bundle: run every other invocation in this packaged stage, as during a deployment",
    )
    parser.add_argument(
        "--environments",
        type=environment_count,
        metavar="N",
        help="with --bundle: maximum number of processes per function (default: 4)",
    )
    parser.add_argument(
        "--iam-record",
        type=Path,
        metavar="FILE",
        help="with --bundle: write the used IAM permissions to FILE, as JSON, and check each request to AWS",
    )
    parser.add_argument("--app-dir", type=Path, metavar="DIR", help="directory of app.py")
    parser.add_argument(
        "--hook",
        metavar="MODULE:FUNCTION",
        help="ask this Python callable before each message (default: CHAT_HOOK; see docs/hooks.md)",
    )
    parser.add_argument(
        "--until-input-ends", action="store_true", help="also stop at the end of standard input, for programs"
    )


def add_port_options(parser: argparse.ArgumentParser) -> None:
    """Add the ports of HTTP and WebSocket."""
    parser.add_argument(
        "--port",
        type=port,
        help=f"HTTP port (default: {HTTP_PORT}); WebSocket, store and web page use the next three; 0: free ports",
    )
    parser.add_argument("--ws-port", type=port, metavar="PORT", help="WebSocket port (default: HTTP port + 1)")


def add_store_port_option(parser: argparse.ArgumentParser) -> None:
    """Add the port of the built-in store."""
    parser.add_argument("--store-port", type=port, metavar="PORT", help="port of the built-in store")


def with_defaults(options: argparse.Namespace) -> argparse.Namespace:
    """Return parsed options with the values of those that were not given.

    Raises LocalError if an option was given that the command does not have.
    """
    given = vars(options)
    for name in sorted((given.keys() & DEFAULTS.keys()) - set(options.accepts)):
        raise LocalError(f"`python -m local {options.name}` does not have --{name.replace('_', '-')}.")
    return argparse.Namespace(**{**DEFAULTS, **given})


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the built-in store."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="persist conversations in this directory")
    parser.add_argument(
        "--synchronous",
        choices=("normal", "full"),
        help="full: with --data, acknowledged writes survive a power cut, too; slower (default: normal)",
    )


def add_bundle_option(parser: argparse.ArgumentParser, text: str) -> None:
    """Add `--bundle`, with its help text."""
    parser.add_argument("--bundle", type=Path, metavar="DIR", help=text)


def environment_count(text: str) -> int:
    """Return the number of processes per function. Raises LocalError."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise LocalError(f"--environments must be a positive integer, not {text!r}.")
    return int(text)


def port(text: str) -> int:
    """Return a port. Raises LocalError."""
    if not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise LocalError(f"A port must be an integer from 0 to 65535, not {text!r}.")
    return int(text)


def store_url(text: str) -> str:
    """Return the URL of a store. Raises LocalError."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise LocalError(f"--store must be a URL such as http://127.0.0.1:8002, not {text!r}.")
    return text.rstrip("/")
