"""The commands `deploy`, `rollback`, `destroy` and `token` of `python -m infra`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.build import package
from infra.deploy.account import this_account
from infra.deploy.artefacts import read_build
from infra.deploy.console import Console
from infra.deploy.deployment import Deployment, Overrides
from infra.deploy.error_messages import explaining_errors
from infra.deploy.rollback import Rollback
from infra.deploy.teardown import Teardown
from infra.deploy.tokens import token_command, token_for
from infra.errors import InfraError
from infra.stage import read_stage


def deploy(root: Path, options: argparse.Namespace) -> None:
    """Build and deploy a stage. Raises InfraError."""
    console = Console.for_terminal(yes=options.yes)
    console.require_confirmation("Deploying")
    stage = read_stage(root, options.stage)
    account = this_account(options.region)
    console.write(f"Deploying stage {stage.name} as {stage.full_name} to {account}")
    directory = options.package or root / "build" / stage.name
    if options.package is None:
        built = package(root, stage.name, directory)
        console.write(f"Built {built.version}: {built.bundle.size / 1e6:.2f} MB")
        for warning in built.warnings():
            console.write(f"Warning: {warning}")
    build = read_build(directory, stage)
    with explaining_errors():
        tables = None if options.tables is None else (options.tables[0], options.tables[1])
        Deployment(
            account, stage, console, overrides=Overrides(options.lose_table, tables, options.new_history)
        ).run(build)
    if stage.secret_parameters:
        console.write(f"To get a token: {token_command(stage, options.region)}")


def rollback(root: Path, options: argparse.Namespace) -> None:
    """Deploy the release before the present one, or the one that is named. Raises InfraError."""
    console = Console.for_terminal(yes=options.yes)
    console.require_confirmation("Rolling back")
    stage = read_stage(root, options.stage)
    account = this_account(options.region)
    console.write(f"Rolling back stage {stage.name}, {stage.full_name}, in {account}")
    with explaining_errors():
        Rollback(account, stage, console).run(options.to)


def restore(root: Path, options: argparse.Namespace) -> None:
    """Restore a stage to a point in time. Raises InfraError."""
    from infra.deploy.restore import Restore  # noqa: PLC0415 — loads the application

    console = Console.for_terminal(yes=options.yes)
    if (options.at is None) != options.abandon:
        raise InfraError("Name the point in time with --at TIME, or end an unfinished restore with --abandon")
    stage = read_stage(root, options.stage)
    account = this_account(options.region)
    console.write(f"Restoring stage {stage.name}, {stage.full_name}, in {account}")
    with explaining_errors():
        command = Restore(account, stage, console)
        if options.abandon:
            command.abandon()
        else:
            command.run(options.at, force=options.force)


def destroy(root: Path, options: argparse.Namespace) -> None:
    """Remove a stage. Raises InfraError."""
    console = Console.for_terminal(yes=options.yes)
    console.require_confirmation("Destroying")
    stage = read_stage(root, options.stage)
    account = this_account(options.region)
    console.write(f"Removing stage {stage.name}, {stage.full_name}, from {account}")
    with explaining_errors():
        Teardown(account, stage, console).run()


def token(root: Path, options: argparse.Namespace) -> None:
    """Print a token. Raises InfraError."""
    stage = read_stage(root, options.stage)
    account = this_account(options.region)
    with explaining_errors():
        minted = token_for(account, stage, options.participant, options.name, options.ttl)
    sys.stdout.write(f"{minted}\n")
