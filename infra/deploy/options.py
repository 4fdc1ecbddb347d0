"""The options of `deploy`, `destroy` and `token`, apart from what needs the SDK: building does without."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

HOUR = 3600


def add_to(commands: Any) -> None:
    """Add the three commands to a parser's."""
    deploy = _command(commands, "deploy", "build a stage and put it into your AWS account")
    deploy.add_argument("--package", type=Path, help="a directory with a finished build, instead of building")
    deploy.add_argument(
        "--lose-table",
        action="append",
        default=[],
        metavar="LOGICAL_ID",
        help="let this table be replaced or removed, which is otherwise refused",
    )
    destroy = _command(commands, "destroy", "remove a stage from your AWS account")
    for each in (deploy, destroy):
        each.add_argument("--yes", action="store_true", help="do not ask")
    token = _command(commands, "token", "print a token for trying out a stage that has a secret of its own")
    token.add_argument("participant", help="the participant's id, such as alice")
    token.add_argument("--name", help="the participant's name")
    token.add_argument("--ttl", type=int, default=HOUR, help=f"seconds that it is good for ({HOUR})")


def _command(commands: Any, name: str, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what)
    parser.add_argument("--stage", default="dev", help="a stage of .chalice/config.json (dev)")
    parser.add_argument("--region", help="instead of AWS_REGION or the profile's")
    return parser
