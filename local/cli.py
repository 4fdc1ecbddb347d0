"""The command line: `python -m local` and its subcommands `token`, `listen`, `store` and `backup`.

Each command imports its modules when it runs, so that `token` starts fast.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from local.arguments import (
    DEFAULTS,
    add_bundle_option,
    add_data_options,
    add_port_options,
    add_run_options,
    add_store_port_option,
    with_defaults,
)
from local.errors import LocalError
from local.hooks import HOOK
from local.settings import ROOT, STAGE, Ports, chat_settings
from local.signals import Stopped, stop_at_end_of_input, stopping_on_signals
from local.tokens import DAY, mint_for, mint_for_service

if TYPE_CHECKING:
    from local.backend import Backend
    from local.banner import Ready
    from local.launcher import Options


Command = Callable[[argparse.Namespace, TextIO], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status: 0, also after a stop signal, or 1 after an error on stderr."""
    out = sys.stdout
    try:
        options = with_defaults(parser().parse_args(arguments))
        options.command(options, out)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped:
        return 0
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; `with_defaults` completes its results."""
    result = argparse.ArgumentParser(
        prog="python -m local",
        description="Run the whole chat on this machine: HTTP, WebSocket, store. No AWS account, no Docker.",
        argument_default=argparse.SUPPRESS,
    )
    add_run_options(result)
    result.set_defaults(command=_run, name="", accepts=tuple(DEFAULTS))
    commands = result.add_subparsers(title="commands", metavar="token | listen | store | backup")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, argument_default=argparse.SUPPRESS)
        added.set_defaults(command=command, name=name)
        return added

    token = add("token", _token, "print a token that the running instance accepts")
    token.add_argument("participant", nargs="?", default=None, help="the participant's id, such as alice")
    token.add_argument("--name", dest="display_name", default=None, help="display name")
    token.add_argument("--ttl", type=int, default=DAY, metavar="SECONDS", help="lifetime (default: one day)")
    token.add_argument(
        "--type", dest="participant_type", choices=["human", "agent"], default=None, help="default: human"
    )
    token.add_argument(
        "--service",
        nargs="?",
        const="",
        default=None,
        metavar="CLIENT",
        help="a token of a service instead (default: the first of CHAT_SERVICE_CLIENTS)",
    )
    add_bundle_option(token, "for the packaged stage in this directory")

    listen = add("listen", _listen, "print a participant's messages, and each event as it comes")
    listen.add_argument(
        "conversation", nargs="?", default=None, metavar="CONVERSATION", help="default: all of the participant's"
    )
    listen.add_argument("--as", dest="participant", required=True, metavar="PARTICIPANT")
    add_port_options(listen)
    add_bundle_option(listen, "the packaged stage that is running")

    store = add("store", _store, "run only the store, with its tables, for `chalice local`")
    add_store_port_option(store)
    add_data_options(store)
    store.add_argument("--json", action="store_true", help="print one line of JSON to stdout when ready")

    copy = add("backup", _backup, "copy a --data directory, also while an instance uses it")
    copy.add_argument("directory", type=Path, metavar="DIR")
    copy.add_argument("target", type=Path, metavar="TARGET", help="a new or empty directory")

    for command in (token, listen, store, copy):
        command.set_defaults(accepts=_option_names(command))
    return result


def _option_names(parser: argparse.ArgumentParser) -> tuple[str, ...]:
    """Return the names of the options of a command that the whole chat has, too."""
    return tuple(action.dest for action in parser._actions if action.dest in DEFAULTS)


def _run(options: argparse.Namespace, out: TextIO) -> None:
    from local.launcher import serve, serve_reloading  # noqa: PLC0415

    if options.data is not None and options.store is not None:
        raise LocalError("--data configures the built-in store and cannot be combined with --store.")
    if options.bundle is None and (options.environments or options.iam_record or options.mixed_bundle):
        raise LocalError("--environments, --iam-record and --mixed-bundle require --bundle.")
    if options.bundle is not None and (options.reload or options.app_dir != ROOT):
        raise LocalError("--bundle runs a packaged stage: it cannot be combined with --reload or --app-dir.")
    _log_to_stderr(verbose=options.verbose)
    if options.hook is not None:
        os.environ[HOOK] = options.hook  # read like the setting, also by a server that is started again

    def announce(ready: Ready, backend: Backend) -> None:
        from local.banner import banner  # noqa: PLC0415

        text = (
            ready.to_line()
            if options.json
            else banner(ready, backend.settings, backend.persistence(), options.bundle)
        )
        print(text, file=out, flush=True)

    # Chalice and the app write to stdout, which is reserved for the ready line: redirect them.
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
        ports=Ports.from_base(options.port, options.ws_port, options.store_port, options.web_port),
        app_dir=options.app_dir.resolve(),
        store_url=options.store,
        data=options.data,
        synchronous=options.synchronous,
        bundle=options.bundle,
        environments=options.environments,
        iam_record=options.iam_record,
        mixed_bundle=options.mixed_bundle,
        disorder=options.disorder,
        build_web=options.build_web,
    )


def _token(options: argparse.Namespace, out: TextIO) -> None:
    settings, kind = _token_settings(options.bundle), options.participant_type
    if (options.participant is None) == (options.service is None):
        raise LocalError("`python -m local token` needs either a participant id, such as alice, or --service.")
    if options.participant is None:
        print(mint_for_service(options.service, options.ttl, settings), file=out)
    else:
        print(mint_for(options.participant, options.display_name, options.ttl, settings, kind), file=out)


def _token_settings(bundle: Path | None) -> dict[str, str]:
    if bundle is None:
        return chat_settings(os.environ)
    from local.bundle.built_stage import read_template  # noqa: PLC0415
    from local.bundle.signing import signing_settings  # noqa: PLC0415

    return signing_settings(bundle, read_template(bundle), os.environ)


def _stage(bundle: Path | None) -> str:
    if bundle is None:
        return STAGE
    from local.bundle.built_stage import read_template, stage_name  # noqa: PLC0415

    return stage_name(read_template(bundle))


def _listen(options: argparse.Namespace, out: TextIO) -> None:
    del out  # the client writes to stdout itself
    from local.listen import listen  # noqa: PLC0415

    ports = Ports.from_base(options.port, options.ws_port)
    status = listen(
        f"http://127.0.0.1:{ports.http}",
        f"ws://127.0.0.1:{ports.websocket}/{_stage(options.bundle)}",
        mint_for(options.participant, None, DAY, _token_settings(options.bundle)),
        [] if options.conversation is None else [options.conversation],
    )
    if status:
        raise SystemExit(status)


def _store(options: argparse.Namespace, out: TextIO) -> None:
    from local.launcher import Options, serve_store  # noqa: PLC0415

    def announce(backend: Backend) -> None:
        line = json.dumps({"store_url": backend.url, "pid": os.getpid()})
        print(line if options.json else f"Store  {backend.url}  ({backend.persistence()})", file=out, flush=True)

    _log_to_stderr(verbose=False)
    ports = Ports() if options.store_port is None else Ports(store=options.store_port)
    with stopping_on_signals():
        serve_store(Options(ports=ports, data=options.data, synchronous=options.synchronous), announce)


def _backup(options: argparse.Namespace, out: TextIO) -> None:
    from local.dynamodb.directory import backup  # noqa: PLC0415

    backup(options.directory, options.target)
    print(f"{options.directory} was copied to {options.target}.", file=out)


def _log_to_stderr(*, verbose: bool) -> None:
    """Log INFO of this package and WARNING of libraries; requests only if `verbose`."""
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("local").setLevel(logging.INFO)
    logging.getLogger("local.access").setLevel(logging.INFO if verbose else logging.WARNING)
