"""The command line: `python -m local`, with `token`, `listen` and `store` as commands of their own.

What a command needs is imported when it is called: a token is there at once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

from local.errors import LocalError
from local.settings import HTTP_PORT, ROOT, STAGE, Ports, chat_settings
from local.signals import Stopped, stop_at_end_of_input, stopping_on_signals
from local.tokens import DAY, mint_for

if TYPE_CHECKING:
    from local.backend import Backend
    from local.banner import Ready
    from local.launcher import Options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit code: 0, also when it was asked to stop, 1 after a sentence on stderr."""
    out = sys.stdout
    try:
        options = _parser().parse_args(arguments)
        options.command(options, out)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="The whole chat on this machine: HTTP, WebSocket, store. No AWS account, no Docker.",
    )
    _add_run_options(parser)
    parser.set_defaults(command=_run)
    commands = parser.add_subparsers(title="commands", metavar="token | listen | store")

    token = commands.add_parser("token", help="print a token that the running instance accepts")
    token.add_argument("participant", help="the participant's id, such as alice")
    token.add_argument("--name", help="the name that others see")
    token.add_argument("--ttl", type=int, default=DAY, metavar="SECONDS", help="lifetime (default: a day)")
    _add_bundle_option(token, "for the packaged stage in this directory")
    token.set_defaults(command=_token)

    listen = commands.add_parser("listen", help="print what a participant hears on a socket")
    listen.add_argument("conversations", nargs="*", metavar="CONVERSATION", help="default: all of theirs")
    listen.add_argument("--as", dest="participant", required=True, metavar="PARTICIPANT")
    listen.add_argument("--port", type=_port, default=HTTP_PORT, help=f"HTTP port (default: {HTTP_PORT})")
    listen.add_argument("--ws-port", type=_port, metavar="PORT", help="WebSocket port (default: the next one)")
    _add_bundle_option(listen, "the packaged stage that is running")
    listen.set_defaults(command=_listen)

    store = commands.add_parser("store", help="the store alone, with its tables, as `chalice local` needs it")
    store.add_argument("--store-port", type=_port, default=Ports().store, metavar="PORT")
    store.add_argument("--data", type=Path, metavar="DIR", help="keep conversations in this directory")
    store.add_argument("--json", action="store_true", help="one line of JSON on stdout when ready")
    store.set_defaults(command=_store)
    return parser


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        type=_port,
        default=HTTP_PORT,
        help=f"HTTP port (default: {HTTP_PORT}); WebSocket and store take the next two; 0: any free ports",
    )
    parser.add_argument("--ws-port", type=_port, metavar="PORT", help="WebSocket port")
    parser.add_argument("--store-port", type=_port, metavar="PORT", help="port of the built-in store")
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout when ready")
    parser.add_argument("--store", type=_store_url, metavar="URL", help="use this DynamoDB endpoint instead")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep conversations in this directory")
    parser.add_argument("--reload", action="store_true", help="start the server anew when a source file changes")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    _add_bundle_option(parser, "run the packaged stage in this directory, such as build/dev, as Lambda would")
    parser.add_argument(
        "--environments",
        type=_environment_count,
        metavar="N",
        help="at most so many processes per function of a bundle (4)",
    )
    parser.add_argument(
        "--iam-record", type=Path, metavar="FILE", help="write what a bundle's functions were allowed, as JSON"
    )
    parser.add_argument("--app-dir", type=Path, default=ROOT, metavar="DIR", help="where app.py is")
    parser.add_argument(
        "--until-input-ends", action="store_true", help="stop at the end of standard input too, for programs"
    )


def _add_bundle_option(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--bundle", type=Path, metavar="DIR", help=text)


def _environment_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise LocalError(f"--environments is a number from 1 on, not {text!r}.")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise LocalError(f"A port is a number from 0 to 65535, not {text!r}.")
    return int(text)


def _store_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise LocalError(f"A store is a URL such as http://127.0.0.1:8002, not {text!r}.")
    return text.rstrip("/")


def _run(options: argparse.Namespace, out: TextIO) -> None:
    from local.launcher import serve, serve_reloading  # noqa: PLC0415

    if options.data is not None and options.store is not None:
        raise LocalError("--data belongs to the built-in store; with --store the store keeps what it keeps.")
    if options.bundle is None and (options.environments or options.iam_record):
        raise LocalError("--environments and --iam-record belong to --bundle.")
    if options.bundle is not None and (options.reload or options.app_dir != ROOT):
        raise LocalError("--bundle runs what was packaged, not sources: --reload and --app-dir go without it.")
    _log_to_stderr(verbose=options.verbose)

    def announce(ready: Ready, backend: Backend) -> None:
        from local.banner import banner  # noqa: PLC0415

        text = (
            ready.to_line()
            if options.json
            else banner(ready, backend.settings, backend.persistence(), options.bundle)
        )
        print(text, file=out, flush=True)

    # Chalice logs to stdout, and what the app prints goes there: it is the ready line's alone.
    with stopping_on_signals(), contextlib.redirect_stdout(sys.stderr):
        if options.until_input_ends:
            stop_at_end_of_input()
        if options.reload:
            serve_reloading(_launch_options(options), announce, verbose=options.verbose)
        else:
            serve(_launch_options(options), announce)


def _launch_options(options: argparse.Namespace) -> Options:
    from local.launcher import Options  # noqa: PLC0415

    return Options(
        ports=Ports.from_base(options.port, options.ws_port, options.store_port),
        app_dir=options.app_dir.resolve(),
        store_url=options.store,
        data=options.data,
        bundle=options.bundle,
        environments=options.environments,
        iam_record=options.iam_record,
    )


def _token(options: argparse.Namespace, out: TextIO) -> None:
    settings = _token_settings(options.bundle)
    print(mint_for(options.participant, options.name, options.ttl, settings), file=out)


def _token_settings(bundle: Path | None) -> dict[str, str]:
    if bundle is None:
        return chat_settings(os.environ)
    from local.bundle.built import read_template  # noqa: PLC0415
    from local.bundle.signing import signing_settings  # noqa: PLC0415

    return signing_settings(bundle, read_template(bundle), os.environ)


def _stage(bundle: Path | None) -> str:
    if bundle is None:
        return STAGE
    from local.bundle.built import read_template, stage_name  # noqa: PLC0415

    return stage_name(read_template(bundle))


def _listen(options: argparse.Namespace, out: TextIO) -> None:
    from local.listen import ListenOptions, run  # noqa: PLC0415

    ports = Ports.from_base(options.port, options.ws_port)
    run(
        ListenOptions(
            http_url=f"http://127.0.0.1:{ports.http}",
            ws_url=f"ws://127.0.0.1:{ports.websocket}/{_stage(options.bundle)}",
            token=mint_for(options.participant, None, DAY, _token_settings(options.bundle)),
            conversations=options.conversations,
        ),
        out,
    )


def _store(options: argparse.Namespace, out: TextIO) -> None:
    from local.launcher import Options, serve_store  # noqa: PLC0415

    def announce(backend: Backend) -> None:
        line = json.dumps({"store_url": backend.url, "pid": os.getpid(), "store_pid": backend.store_pid()})
        print(line if options.json else f"Store  {backend.url}  ({backend.persistence()})", file=out, flush=True)

    _log_to_stderr(verbose=False)
    with stopping_on_signals():
        serve_store(Options(ports=Ports(store=options.store_port), data=options.data), announce)


def _log_to_stderr(*, verbose: bool) -> None:
    """Our own news, everybody's warnings; requests on demand."""
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("local").setLevel(logging.INFO)
    logging.getLogger("local.access").setLevel(logging.INFO if verbose else logging.WARNING)
