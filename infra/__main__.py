"""The command line: `python -m infra package|deploy|rollback|restore|destroy|token`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from infra.build import SBOM, Package, package
from infra.deploy import options as deployment_options
from infra.errors import InfraError
from infra.runtime import Architecture

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m infra", description="Build a stage for AWS, deploy it and remove it."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packaging = commands.add_parser("package", help="build the Lambda bundle and the CloudFormation template")
    packaging.add_argument("--stage", default="dev", help="a stage of .chalice/config.json (default: dev)")
    packaging.add_argument(
        "--architecture",
        choices=get_args(Architecture),
        help="build for this architecture instead of the stage's, to try it locally",
    )
    packaging.add_argument("--out", type=Path, help="output directory, which is replaced (default: build/STAGE)")
    deployment_options.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        _run(options)
    except InfraError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            "Interrupted. CloudFormation continues what it has started; repeat the command to see it.\n"
        )
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    if options.command == "package":
        _package(options)
        return
    from infra.deploy import commands  # noqa: PLC0415 — building requires neither the SDK nor the network

    handlers = {
        "deploy": commands.deploy,
        "rollback": commands.rollback,
        "restore": commands.restore,
        "destroy": commands.destroy,
        "token": commands.token,
    }
    handlers[options.command](ROOT, options)


def _package(options: argparse.Namespace) -> None:
    out = options.out or ROOT / "build" / options.stage
    sys.stdout.write(summary(package(ROOT, options.stage, out, options.architecture)))


def summary(built: Package) -> str:
    """Describe the build for people."""
    bundle, stage = built.bundle, built.stage
    unpacked = sum(bundle.sizes.values())
    lines = [
        f"{stage.full_name} {built.version} for python{built.runtime.python} on {stage.architecture}",
        f"  {_display_path(bundle.path)}  {_mb(bundle.size)}"
        f" ({_mb(unpacked)} unpacked, {len(bundle.sizes)} files)",
        *(f"      {name:<20} {_mb(size)}" for name, size in bundle.by_package().items()),
        f"  {_display_path(built.template)}  {built.template.stat().st_size / 1e3:.0f} kB",
        f"  {_display_path(built.template.with_name(SBOM))}  the bill of materials",
    ]
    if placeholders := stage.placeholder_settings():
        lines.append(
            f"  Example values to replace in .chalice/config.json before deploying: {', '.join(placeholders)}"
        )
    lines += [f"  Warning: {warning}" for warning in built.warnings()]
    return "\n".join(lines) + "\n"


def _display_path(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _mb(size: int) -> str:
    return f"{size / 1e6:6.2f} MB"


if __name__ == "__main__":
    sys.exit(main())
