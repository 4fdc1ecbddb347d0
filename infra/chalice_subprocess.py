"""Chalice's part, in a process of its own, as it imports `app.py`: checks the configuration and packages the app.

Called as `python -m infra.chalice_subprocess PROJECT STAGE OUT MERGE`; leaves `deployment.zip` and `sam.json` in
OUT. `chalice package` alone would skip the checks that `chalice deploy` makes.
"""

from __future__ import annotations

import sys

from chalice.cli.factory import CLIFactory
from chalice.deploy.validate import validate_configuration


def package(project: str, stage: str, out: str, merge_template: str) -> None:
    """What `chalice package --stage STAGE --merge-template MERGE OUT` does, after Chalice's own checks."""
    factory = CLIFactory(project)
    config = factory.create_config_obj(stage)
    validate_configuration(config)
    options = factory.create_package_options()
    packager = factory.create_app_packager(config, options, "cloudformation", "json", merge_template)
    packager.package_app(config, out, stage)


if __name__ == "__main__":
    package(*sys.argv[1:])
