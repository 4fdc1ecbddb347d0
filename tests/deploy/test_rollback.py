"""Releases in the artefact bucket, and the rollback to one of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.deploy.artefacts import Artefacts, Build
from infra.deploy.console import Console
from infra.deploy.releases import KEPT, Release, Releases
from infra.deploy.rollback import Rollback
from infra.deploy.state import read_state
from infra.errors import InfraError
from infra.stage import InfraSettings, Stage
from tests.deploy.fakes import TRIAL, Aws, FakeCloudFormation, FakeS3, build, stack_event

UPDATED = [stack_event("UPDATE_COMPLETE")]


class Bucket:
    """The releases of the stage in an account of fakes, without a stack."""

    def __init__(self) -> None:
        self.aws = Aws(s3=FakeS3({}))
        self.present = 0

    def releases(self, stage: Stage = TRIAL) -> Releases:
        return Releases(Artefacts(self.aws.account, stage, self.aws.console()), stage)

    def deploy(self, found: Build, stage: Stage = TRIAL) -> Release:
        """Deploy a build as a deployment does."""
        release = self.begin(found, stage)
        self.present = release.number
        self.releases(stage).confirm(release)
        return release

    def begin(self, found: Build, stage: Stage = TRIAL) -> Release:
        """Begin a deployment that is killed before its end."""
        Artefacts(self.aws.account, stage, self.aws.console()).upload(found)
        return self.releases(stage).begin(found, self.present)

    def rollback(self, to: str | None = None) -> str:
        """Roll back, and return the version."""
        release = self.releases().target(self.present, to)
        self.present = release.number
        self.releases().confirm(release)
        return release.version


def versions(count: int) -> list[Build]:
    return [build(str(number), f"zip {number}".encode()) for number in range(1, count + 1)]


def test_each_rollback_goes_one_release_further_back() -> None:
    bucket = Bucket()
    for found in versions(4):
        bucket.deploy(found)
    assert [bucket.rollback(), bucket.rollback(), bucket.rollback()] == ["3", "2", "1"]
    with pytest.raises(InfraError, match=r"No release before 1 is kept\. Kept are:\n    release 2: 2, deployed"):
        bucket.rollback()


def test_rollback_after_a_new_deployment_returns_to_the_build_that_ran_before_it() -> None:
    bucket = Bucket()
    for found in versions(3):
        bucket.deploy(found)
    assert [bucket.rollback(), bucket.rollback()] == ["2", "1"]
    bucket.deploy(build("4"))
    assert bucket.rollback() == "1", "not to 3, from which the stage was rolled back"


@pytest.mark.parametrize("wanted", ["3", "version-3"])
def test_rollback_returns_to_the_release_that_is_named(wanted: str) -> None:
    bucket = Bucket()
    for number in range(1, 5):
        bucket.deploy(build(f"version-{number}"))
    assert bucket.rollback(wanted) == "version-3"
    with pytest.raises(InfraError, match=r"There is no release 9\. Kept are:"):
        bucket.rollback("9")


def test_five_successful_releases_are_kept_with_their_bundles_and_the_present_one() -> None:
    bucket = Bucket()
    builds = versions(KEPT + 2)
    for found in builds:
        bucket.deploy(found)
    assert [release.version for release in bucket.releases().all()] == ["3", "4", "5", "6", "7"]
    objects = bucket.aws.s3.objects or {}
    assert {data for key, data in objects.items() if key.endswith(".zip")} == {f.bundle for f in builds[2:]}
    assert bucket.rollback("3") == "3"
    bucket.deploy(build("8", b"zip 3"))
    assert [release.version for release in bucket.releases().all()] == ["4", "5", "6", "7", "8"]
    assert b"zip 3" in (bucket.aws.s3.objects or {}).values(), "another release uses the bundle"


def test_release_that_is_deployed_again_without_changes_is_the_same() -> None:
    bucket = Bucket()
    first = bucket.deploy(build("1"))
    assert bucket.deploy(build("1")) == replace(first, successful=True)
    changed = bucket.deploy(build("1"), replace(TRIAL, infra=InfraSettings(log_retention_days=30)))
    assert (changed.number, changed.previous) == (2, 1)


def test_killed_deployment_is_no_release_to_return_to() -> None:
    bucket = Bucket()
    bucket.deploy(build("1"))
    killed = bucket.begin(build("2"))
    assert bucket.present == 1, "killed before the stack was updated"
    assert bucket.begin(build("2")) == killed, "a repetition continues"
    with pytest.raises(InfraError, match="There is no release 2"):
        bucket.rollback("2")
    bucket.present = killed.number  # killed after it
    assert bucket.begin(build("2")) == killed, "a repetition continues"
    assert bucket.begin(build("3")).previous == 1
    assert bucket.rollback() == "1"


def test_rollback_without_a_known_release_names_the_others() -> None:
    bucket = Bucket()
    with pytest.raises(InfraError, match=r"not among the kept releases.*Kept are: none"):
        bucket.rollback()


def test_settings_that_this_checkout_does_not_know_are_ignored() -> None:
    release = Bucket().deploy(build("1"))
    newer = {**release.stage, "infra": {**release.stage["infra"], "invented_later": 1}}
    assert replace(release, stage=newer).restored_stage() == TRIAL


def rollback(aws: Aws, stage: Stage, to: str | None = None, console: Console | None = None) -> None:
    console = console or aws.console()
    Rollback(aws.account, stage, console, smoke_timeout=0, stack=aws._stack(console)).run(to)


def deployed_twice() -> tuple[Aws, Release]:
    """An account whose stage was deployed twice, and had another setting the first time; and the first release."""
    bucket = Bucket()
    first = bucket.deploy(build("1", b"zip 1"), replace(TRIAL, environment={"CHAT_JWKS_URL": "https://id.test/k"}))
    bucket.deploy(build("2", b"zip 2"))
    bucket.aws.cloudformation = FakeCloudFormation("UPDATE_COMPLETE", batches=[UPDATED])
    source = json.loads(json.dumps(build("2").template))
    source["Outputs"] = {"Release": {"Value": "2"}}
    variables = source["Globals"]["Function"]["Environment"]["Variables"]
    variables |= {
        "CHAT_CONVERSATIONS_TABLE": "chat-a",
        "CHAT_CONNECTIONS_TABLE": "chat-b",
        "CHAT_HISTORY_ID": "7.chat-a",
    }
    bucket.aws.cloudformation.source = source
    return bucket.aws, first


def submitted(aws: Aws) -> Any:
    """Return the template of the last change set."""
    key = aws.cloudformation.submitted[-1].partition("-an/")[2]
    assert aws.s3.objects is not None
    return json.loads(aws.s3.objects[key])


def test_rollback_keeps_the_tables_and_the_history_of_the_stage() -> None:
    aws, first = deployed_twice()
    with pytest.raises(KeyError, match="HttpUrl"):  # the fake stack has no outputs
        rollback(aws, TRIAL)
    state = read_state(submitted(aws))
    assert (state.history, state.release) == (7, first.number)
    assert state.tables == {"ConversationsTable": "chat-a", "ConnectionsTable": "chat-b"}
    (function,) = submitted(aws)["Resources"].values()
    assert function["Properties"]["CodeUri"]["Key"] == first.bundle
    assert "CHAT_JWKS_URL" in str(first.stage) and aws.ssm.parameters == {}, "with the settings of that release"
    assert aws.cloudformation.done == ["compare UPDATE", "execute"]


def test_rollback_shows_the_change_set_and_asks() -> None:
    aws, first = deployed_twice()
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.extend([*aws.output, question])
        return "n"

    with pytest.raises(InfraError, match="No changes were made"):
        rollback(aws, TRIAL, console=aws.console(yes=False, ask=ask))
    assert f"Rolling back from release 2 to {first.line()}" in asked
    assert "Updating the stack chat-try makes these changes:" in asked
    assert aws.cloudformation.done == ["compare UPDATE", "forget"]


def test_rollback_of_a_missing_stage_is_an_error() -> None:
    with pytest.raises(InfraError, match="There is no stack chat-try to roll back"):
        rollback(Aws(), TRIAL)
