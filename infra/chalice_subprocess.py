"""Run Chalice in a subprocess, because it imports `app.py`: validate the configuration and package the app.

Called as `python -m infra.chalice_subprocess PROJECT STAGE OUT MERGE`; writes `deployment.zip` and `sam.json` to
OUT. `chalice package` alone skips the validation of `chalice deploy`.
"""

from __future__ import annotations

import sys

from chalice.cli.factory import CLIFactory
from chalice.deploy.validate import validate_configuration


def package(project: str, stage: str, out: str, merge_template: str) -> None:
    """Validate, then do the same as `chalice package --stage STAGE --merge-template MERGE OUT`."""
    factory = CLIFactory(project)
    config = factory.create_config_obj(stage)
    validate_configuration(config)
    options = factory.create_package_options()
    packager = factory.create_app_packager(config, options, "cloudformation", "json", merge_template)
    packager.package_app(config, out, stage)


if __name__ == "__main__":
    package(*sys.argv[1:])
