"""`python -m local --bundle`: an instance whose functions run as on Lambda, and its complete shutdown."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from sys import executable

import pytest

from tests.local.instance import ROOT, Instances, call, eventually, get, is_alive


@pytest.fixture
def instances() -> Iterator[Instances]:
    """Starts instances and stops those that a test leaves running."""
    with Instances() as instances:
        yield instances


@pytest.fixture
def stage_directory(built_directory: Path, tmp_path: Path) -> Path:
    """A copy of the built stage that a test can change."""
    return Path(shutil.copytree(built_directory, tmp_path / "stage"))


def descendants(pid: int) -> list[int]:
    """Return the process ids of all descendants of a process."""
    listed = run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    children = [child for child, parent in pairs if parent == pid]
    return children + [descendant for child in children for descendant in descendants(child)]


def token(directory: Path, *arguments: str) -> str:
    command = [executable, "-m", "local", "token", "alice", "--bundle", str(directory), *arguments]
    return run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_instance_serves_the_bundle_with_its_own_secret_and_records_permissions(
    instances: Instances, stage_directory: Path, tmp_path: Path
) -> None:
    record = tmp_path / "record.json"
    instance = instances.start("--bundle", str(stage_directory), "--iam-record", str(record))
    url = instance.ready["http_url"]
    assert instance.ready["ws_url"].endswith("/dev")
    status, health = get(f"{url}/health")
    assert (status, health["status"]) == (200, "ok")
    assert health["version"] != "development"
    assert call("POST", f"{url}/tickets", token(stage_directory))[0] == 201
    assert get(f"{url}/conversations", "x.y.z")[0] == 401
    secret = stage_directory / "jwt-secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(secret.read_text()) >= 32
    children = descendants(instance.process.pid)
    assert instance.stop() < 10
    assert instance.process.returncode == 0
    assert instance.rest_of_output()[0] == ""
    assert not [pid for pid in children if is_alive(pid)]
    recorded = json.loads(record.read_text())
    assert recorded["denied"] == []
    functions = {call["function"] for call in recorded["calls"]}
    assert functions == {"APIHandler", "Auth", "Worker"}, "only the API was called, and the worker polls the queue"


def test_banner_names_the_bundle_in_its_commands(instances: Instances, stage_directory: Path) -> None:
    """The same start shows that settings of the shell override those of the template."""
    process = instances.spawn("--bundle", str(stage_directory), "--port", "0", CHAT_VERSION="from the shell")
    assert process.stdout is not None
    output = ""
    while "Ctrl-C" not in output:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        output += line
    assert f"from the bundle in {stage_directory}" in output
    assert f"token dave --name Dave --bundle {stage_directory}" in output
    port = output.split("HTTP        http://127.0.0.1:")[1].split()[0]
    assert f"listen --as bob --port {port}" in output
    assert get(f"http://127.0.0.1:{port}/health")[1]["version"] == "from the shell"


def test_sigkill_leaves_no_function_process(instances: Instances, stage_directory: Path) -> None:
    instance = instances.start("--bundle", str(stage_directory))
    call("POST", f"{instance.ready['http_url']}/tickets", token(stage_directory))
    children = descendants(instance.process.pid)
    command_lines = [Path(f"/proc/{pid}/cmdline") for pid in children]
    if command_lines[0].exists():
        assert sum(b"awslambdaric" in path.read_bytes() for path in command_lines) == 2
    os.kill(instance.process.pid, signal.SIGKILL)
    eventually(lambda: not [pid for pid in children if is_alive(pid)], "functions, group leader and store exit")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--bundle", "nowhere", "--port", "0"), "nowhere is not a built stage"),
        (("--bundle", "build", "--reload"), "cannot be combined with --reload or --app-dir"),
        (("--bundle", "build", "--app-dir", "/tmp"), "cannot be combined with --reload or --app-dir"),  # noqa: S108
        (("--environments", "2"), "require --bundle"),
        (("--bundle", "build", "--environments", "0"), "must be a positive integer"),
        (("token", "alice", "--bundle", "nowhere"), "nowhere is not a built stage"),
    ],
)
def test_invalid_options_are_reported_in_one_sentence(
    instances: Instances, arguments: tuple[str, ...], sentence: str
) -> None:
    status, errors = instances.failure(*arguments)
    assert status == 1
    assert sentence in errors
    assert "Traceback" not in errors


def test_remote_store_is_rejected(instances: Instances, stage_directory: Path) -> None:
    remote = "https://dynamodb.eu-west-1.amazonaws.com"
    status, errors = instances.failure("--bundle", str(stage_directory), "--store", remote, "--port", "0")
    assert (status, "--bundle requires a store on this machine" in errors) == (1, True)


def test_bundle_that_cannot_start_is_reported_and_not_announced(
    instances: Instances, stage_directory: Path
) -> None:
    template = stage_directory / "template.json"
    template.write_text(template.read_text().replace('"Handler": "app.app"', '"Handler": "app.missing"'))
    status, errors = instances.failure("--bundle", str(stage_directory), "--port", "0")
    assert status == 1
    assert "function APIHandler could not start: Runtime.HandlerNotFound" in errors
    assert "The app is unhealthy" in errors


def test_missing_permission_is_logged(instances: Instances, stage_directory: Path) -> None:
    template = json.loads((stage_directory / "template.json").read_text())
    for policy in template["Resources"]["ApiHandlerRole"]["Properties"]["Policies"]:
        statements = policy["PolicyDocument"]["Statement"]
        policy["PolicyDocument"]["Statement"] = [
            statement for statement in statements if statement["Sid"] != "UseConversations"
        ]
    (stage_directory / "template.json").write_text(json.dumps(template))
    status, errors = instances.failure("--bundle", str(stage_directory), "--port", "0")
    assert status == 1
    assert "the policy of APIHandler does not allow dynamodb:GetItem on" in errors
