"""The options of the commands that use an account, separate from code that needs the SDK: building does not."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

HOUR = 3600


def add_to(commands: Any) -> None:
    """Add the commands to the subparsers."""
    deploy = _command(commands, "deploy", "build a stage and deploy it to your AWS account")
    deploy.add_argument("--package", type=Path, help="a directory with a finished build, instead of building")
    deploy.add_argument(
        "--lose-table",
        action="append",
        default=[],
        metavar="LOGICAL_ID",
        help="allow that this table is replaced or removed, which is otherwise refused",
    )
    deploy.add_argument(
        "--tables",
        nargs=2,
        metavar=("CONVERSATIONS", "CONNECTIONS"),
        help="names of existing tables that the stage uses from now on, such as those that a destroyed stage left",
    )
    deploy.add_argument(
        "--new-history",
        action="store_true",
        help="begin a new history: the data went back in time, and clients must load it again",
    )
    rollback = _command(commands, "rollback", "deploy the release before the present one")
    rollback.add_argument("--to", metavar="RELEASE", help="the number or version of another kept release")
    restore = _command(commands, "restore", "restore a stage to a point in time")
    restore.add_argument("--at", type=_time, metavar="TIME", help="the point in time, as 2026-11-29T12:30:00Z")
    restore.add_argument(
        "--force", action="store_true", help="restore although the old table is gone, so that nothing is replayed"
    )
    restore.add_argument("--abandon", action="store_true", help="end an unfinished restore, and lift the fence")
    destroy = _command(commands, "destroy", "remove a stage from your AWS account")
    for command in (deploy, rollback, restore, destroy):
        command.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    token = _command(commands, "token", "print a token for trying out a stage that has its own secret")
    token.add_argument("participant", help="the participant's id, such as alice")
    token.add_argument("--name", help="the participant's display name")
    token.add_argument("--ttl", type=int, default=HOUR, help=f"lifetime in seconds (default: {HOUR})")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None or at.microsecond:
        raise argparse.ArgumentTypeError("a time needs whole seconds and a time zone, as 2026-11-29T12:30:00Z")
    return at


def _command(commands: Any, name: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=description)
    parser.add_argument("--stage", default="dev", help="a stage of .chalice/config.json (default: dev)")
    parser.add_argument("--region", help="AWS region (default: AWS_REGION or the profile's)")
    return parser
