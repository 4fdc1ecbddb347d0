"""`python -m local --bundle`: an instance whose functions run as Lambda runs them, and that leaves nothing."""

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

from tests.local.instance import ROOT, Instance, Instances, call, eventually, get, is_alive


@pytest.fixture
def instances() -> Iterator[Instances]:
    """Starts instances, and ends what a test left running."""
    with Instances() as started:
        yield started


@pytest.fixture
def stage_directory(built_directory: Path, tmp_path: Path) -> Path:
    """A copy of the built stage, for a test to change."""
    return Path(shutil.copytree(built_directory, tmp_path / "stage"))


def processes_below(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    listed = run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    children = [child for child, parent in pairs if parent == pid]
    return children + [below for child in children for below in processes_below(child)]


def token(directory: Path, *arguments: str) -> str:
    command = [executable, "-m", "local", "token", "alice", "--bundle", str(directory), *arguments]
    return run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_it_serves_what_was_packaged_with_a_secret_of_its_own_and_records_what_was_allowed(
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
    children = processes_below(instance.process.pid)
    assert instance.stop() < 10
    assert instance.process.returncode == 0
    assert instance.rest_of_output()[0] == ""
    assert not [pid for pid in children if is_alive(pid)]
    recorded = json.loads(record.read_text())
    assert recorded["denied"] == []
    functions = {each["function"] for each in recorded["calls"]}
    assert functions == {"APIHandler", "Worker"}, "nobody else was asked for anything, and the queue is looked at"


def test_a_person_is_told_how_to_get_more_tokens_for_it(instances: Instances, stage_directory: Path) -> None:
    process = instances.spawn("--bundle", str(stage_directory), "--port", "0")
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        said += line
    assert f"as it was packaged into {stage_directory}" in said
    assert f"token dave --name Dave --bundle {stage_directory}" in said
    assert f"listen --as bob --port {said.split('127.0.0.1:')[1].split()[0]}" in said


def test_however_it_ends_no_function_is_left(instances: Instances, stage_directory: Path) -> None:
    instance = instances.start("--bundle", str(stage_directory))
    call("POST", f"{instance.ready['http_url']}/tickets", token(stage_directory))
    children = processes_below(instance.process.pid)
    names = [Path(f"/proc/{pid}/cmdline") for pid in children]
    if names[0].exists():
        assert sum(b"awslambdaric" in each.read_bytes() for each in names) == 2
    os.kill(instance.process.pid, signal.SIGKILL)
    eventually(lambda: not [pid for pid in children if is_alive(pid)], "functions, keeper and store have ended")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--bundle", "nowhere"), "nowhere is no built stage"),
        (("--bundle", "build", "--reload"), "--reload and --app-dir go without it"),
        (("--bundle", "build", "--app-dir", "/tmp"), "--reload and --app-dir go without it"),  # noqa: S108
        (("--environments", "2"), "belong to --bundle"),
        (("--bundle", "build", "--environments", "0"), "a number from 1 on"),
        (("token", "alice", "--bundle", "nowhere"), "nowhere is no built stage"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    instances: Instances, arguments: tuple[str, ...], sentence: str
) -> None:
    status, said = instances.failure(*arguments)
    assert status == 1
    assert sentence in said
    assert "Traceback" not in said


def test_a_store_that_is_not_on_this_machine_is_refused(instances: Instances, stage_directory: Path) -> None:
    far = "https://dynamodb.eu-west-1.amazonaws.com"
    status, said = instances.failure("--bundle", str(stage_directory), "--store", far)
    assert (status, "--bundle wants a store on this machine" in said) == (1, True)


def test_a_bundle_that_cannot_start_is_not_announced(instances: Instances, stage_directory: Path) -> None:
    template = stage_directory / "template.json"
    template.write_text(template.read_text().replace('"Handler": "app.app"', '"Handler": "app.nobody"'))
    status, said = instances.failure("--bundle", str(stage_directory), "--port", "0")
    assert status == 1
    assert "function APIHandler could not start: Runtime.HandlerNotFound" in said
    assert "The app is not well" in said


def test_settings_of_the_shell_go_before_the_templates(instances: Instances, stage_directory: Path) -> None:
    instance: Instance = instances.start("--bundle", str(stage_directory), CHAT_VERSION="of the shell")
    assert get(f"{instance.ready['http_url']}/health")[1]["version"] == "of the shell"


def test_a_policy_that_is_too_narrow_shows(instances: Instances, stage_directory: Path) -> None:
    template = json.loads((stage_directory / "template.json").read_text())
    for policy in template["Resources"]["ApiHandlerRole"]["Properties"]["Policies"]:
        policy["PolicyDocument"]["Statement"] = [
            each for each in policy["PolicyDocument"]["Statement"] if each["Sid"] != "UseConversations"
        ]
    (stage_directory / "template.json").write_text(json.dumps(template))
    status, said = instances.failure("--bundle", str(stage_directory), "--port", "0")
    assert status == 1
    assert "the policy of APIHandler does not allow dynamodb:GetItem on" in said
