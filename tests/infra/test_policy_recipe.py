"""The shell commands of docs/deployment.md that create the policies, run with a program in place of `aws`."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from tests.infra.checkouts import ROOT

ACCOUNT = "123456789012"
# It writes the options of each `create-policy` to a file, and answers as the account.
AWS = f"""#!/bin/sh
case "$1 $2" in
  "sts get-caller-identity") echo {ACCOUNT} ;;
  "iam create-policy") printf '%s\\0' "$4" "$6" >> "$CALLS" ;;
  *) exit 2 ;;
esac
"""


def test_commands_create_three_policies_of_this_account(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "deployment.md").read_text()
    (script,) = (block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "create-policy " in block)
    program = tmp_path / "aws"
    program.write_text(AWS)
    program.chmod(0o755)
    calls = tmp_path / "calls"
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "CALLS": str(calls)}
    subprocess.run(["sh", "-eu", "-c", script], cwd=ROOT, env=environment, check=True)
    *values, _ = calls.read_text().split("\0")
    created = dict(zip(values[::2], values[1::2], strict=True))
    assert set(created) == {"chat-deployer-commands", "chat-deployer-resources", "chat-boundary"}
    for name, document in created.items():
        assert "ACCOUNT" not in document and ACCOUNT in document
        source = ROOT / "infra" / "iam" / f"{name.removeprefix('chat-')}.json"
        assert json.loads(document) == json.loads(source.read_text().replace("ACCOUNT", ACCOUNT))
