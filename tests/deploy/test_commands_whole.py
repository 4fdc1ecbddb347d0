"""`make deploy` and `make destroy` as processes, from an empty account to an empty account."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import closing
from pathlib import Path

from infra.deploy.refusals import REFUSALS, REFUSALS_OF_THE_APPLICATION
from tests.bundle.build import built_stage, shared_directory
from tests.deploy.account import everything, physical
from tests.deploy.builds import LIMIT, broken
from tests.deploy.terminal import INTERRUPT, Desk, Ran
from tests.support.client import HttpClient
from tests.support.deployer import accesses, allowed, is_allowed, requests
from tests.support.ministack import REGION, MiniStack

BUCKET = "chat-artefacts-000000000000-eu-west-1-an"
PARAMETER = "/chat/dev/jwt-secret"
CONFIRM_DEPLOY = "Continue? [y/N] "
CONFIRM_DESTROY = "Type chat-dev to destroy it: "


def test_stage_is_deployed_updated_and_destroyed_by_the_commands(empty: MiniStack, tmp_path: Path) -> None:
    """A single test, because each command starts from the state that the previous one left."""
    desk = Desk.of(tmp_path, empty)
    built = built_stage(shared_directory(tmp_path.parent) / "bundle")
    bad = a_broken_build(built, tmp_path / "broken")
    untouched = everything(empty)

    nothing_is_destroyed_where_nothing_is(desk)
    interrupted_at_the_question(desk, built)
    declined(desk, built)
    assert everything(empty) == {**untouched, "buckets": {BUCKET}, "uploads": everything(empty)["uploads"]}
    a_first_creation_that_fails(desk, bad)
    from_nothing_to_a_first_message(desk)
    http_url = nothing_to_change(desk, built)
    before = physical(empty)
    an_update_that_fails(desk, bad)
    assert physical(empty) == before
    a_rollback(desk, built, tmp_path)
    assert physical(empty) == before
    a_token_is_accepted(desk, http_url)
    not_destroyed_without_its_name(desk)
    assert physical(empty) == before
    destroyed(desk)
    stays = {"roles": {before["GatewayLogRole"]}, "buckets": {BUCKET}}
    assert {kind: found - untouched[kind] for kind, found in everything(empty).items()} == {
        kind: stays.get(kind, set()) for kind in untouched
    }
    all_was_allowed(empty)


def a_broken_build(built: Path, place: Path) -> Path:
    shutil.copytree(built, place)
    template = place / "template.json"
    template.write_text(json.dumps(broken(json.loads(template.read_text()))))
    return place


def nothing_is_destroyed_where_nothing_is(desk: Desk) -> None:
    done = desk.runs("destroy", "--yes")
    assert (done.code, done.err) == (0, "")
    assert done.lines[1] == "There is no stack chat-dev; its uploads and secret, if any, are deleted"
    assert "Deleted 0 uploaded files of the stage" in done.lines


def interrupted_at_the_question(desk: Desk, built: Path) -> None:
    stopped = desk.types(INTERRUPT, "deploy", "--package", str(built), asked=CONFIRM_DEPLOY)
    assert stopped.code == 130
    assert stopped.err.startswith("Interrupted.")


def declined(desk: Desk, built: Path) -> None:
    """Only the uploads remain, which the next deployment uses."""
    done = desk.types("n\n", "deploy", "--package", str(built), asked=CONFIRM_DEPLOY)
    assert (done.code, done.err) == (1, "No changes were made\n")
    assert "Creating the stack chat-dev makes these changes:" in done.lines
    assert sum(line.endswith(" exists") for line in done.lines) == 2, "the uploads of the interrupted deployment"


def a_first_creation_that_fails(desk: Desk, bad: Path) -> None:
    done = desk.runs("deploy", "--yes", "--package", str(bad))
    assert done.code == 1
    ended, cause, *_, advice = done.err.splitlines()
    assert ended == "The stack chat-dev ended in ROLLBACK_COMPLETE"
    assert cause.startswith("Root cause: BadAlarm (AWS::CloudWatch::Alarm): ") and "MetricName" in cause
    assert "run make deploy STAGE=dev" in advice
    assert any(line.startswith("  CREATE_FAILED ") and "BadAlarm" in line for line in done.lines)


def from_nothing_to_a_first_message(desk: Desk) -> None:
    """Package and deploy, with the region as an option."""
    done = desk.runs("make", "deploy", "STAGE=dev", "YES=1", f"ARGS=--region {REGION}", AWS_REGION=None)
    assert (done.code, done.err) == (0, ""), done.err
    target = f"account 000000000000, region {REGION} at {desk.ministack.url}"
    assert done.lines[0].startswith(f"Deploying stage dev as chat-dev to {target}, as arn:aws:")
    assert done.lines[1].startswith("Built ")
    assert "Stack chat-dev could not be created last time (ROLLBACK_COMPLETE): deleting it" in done.lines
    assert [line for line in done.lines if line.startswith("  ok  ")] == [
        "  ok  GET /health is 200 and returns this version",
        *(f"  ok  {refusal.description}" for refusal in REFUSALS),
        "  ok  a WebSocket without a token is rejected with 401",
        "  ok  a WebSocket with an invalid token is rejected with 401",
        *(f"  ok  {refusal.description}" for refusal in REFUSALS_OF_THE_APPLICATION),
        "  ok  a message is sent, acknowledged, received and deleted",
    ]
    assert the_url(done).startswith(desk.ministack.url)
    s3, ssm = desk.ministack.client("s3"), desk.ministack.client("ssm")
    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    secret = ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"]
    assert secret not in done.out


def the_url(done: Ran) -> str:
    assert (done.code, done.err) == (0, ""), done.err
    return next(line.split()[1] for line in done.lines if line.startswith("HTTP "))


def nothing_to_change(desk: Desk, built: Path) -> str:
    """Deploy the same build, made elsewhere; return the stage's URL."""
    done = desk.runs("deploy", "--yes", "--package", str(built))
    assert "No changes: the stack matches the template" in done.lines
    assert not any("uploaded" in line or "Created parameter" in line for line in done.lines)
    return the_url(done)


def an_update_that_fails(desk: Desk, bad: Path) -> None:
    done = desk.runs("deploy", "--yes", "--package", str(bad))
    assert done.code == 1
    assert done.err.splitlines()[0] == "The stack chat-dev ended in UPDATE_ROLLBACK_COMPLETE"
    assert "Root cause: BadAlarm (AWS::CloudWatch::Alarm): " in done.err
    assert "The previous version is running" in done.err


def a_rollback(desk: Desk, built: Path, place: Path) -> None:
    """Deploy another build, return to the one before, and then find no earlier one."""
    other = place / "other"
    shutil.copytree(built, other)
    template = json.loads((other / "template.json").read_text())
    template["Globals"]["Function"]["Environment"]["Variables"] |= {LIMIT: "60", "CHAT_VERSION": "2+other"}
    (other / "template.json").write_text(json.dumps(template))
    assert desk.runs("deploy", "--yes", "--package", str(other)).code == 0
    declined_one = desk.types("n\n", "rollback", asked=CONFIRM_DEPLOY)
    assert (declined_one.code, declined_one.err) == (1, "No changes were made\n")
    done = desk.types("y\n", "make", "rollback", "STAGE=dev", asked=CONFIRM_DEPLOY)
    assert (done.code, done.err) == (0, ""), done.err
    numbers = re.search(r"^Rolling back from release (\d+) to release (\d+): ", done.out, re.MULTILINE)
    assert numbers is not None
    present, before = numbers.groups()
    assert "  ok  GET /health is 200 and returns this version" in done.lines
    earlier = desk.runs("make", "rollback", "STAGE=dev", "YES=1")
    assert earlier.code != 0
    kept = f"Kept are:\n    release {present}: 2+other, deployed"
    assert f"No release before {before} is kept. {kept}" in earlier.err, "the failed ones are not kept"
    again = desk.runs("make", "rollback", "STAGE=dev", "YES=1", f"TO={present}")
    assert (again.code, again.err) == (0, ""), again.err
    back = desk.runs("rollback", "--yes", "--to", before)
    assert (back.code, back.err) == (0, ""), back.err


def a_token_is_accepted(desk: Desk, http_url: str) -> None:
    token = desk.runs("token", "alice", "--name", "Alice")
    assert (token.code, token.err) == (0, "")
    with closing(HttpClient(http_url)) as http:
        made = http.request("POST", "/conversations", {"title": "longer than seven"}, token=token.out.strip())
        made.expect(201)


def not_destroyed_without_its_name(desk: Desk) -> None:
    done = desk.types("y\n", "destroy", asked=CONFIRM_DESTROY)
    assert (done.code, done.err) == (1, "Nothing was destroyed\n")


def destroyed(desk: Desk) -> None:
    done = desk.types("chat-dev\n", "make", "destroy", "STAGE=dev", asked=CONFIRM_DESTROY)
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^Deleted \d+ uploaded files of the stage\r?$", done.out, re.MULTILINE)
    assert f"Deleted parameter {PARAMETER}" in done.lines
    assert f"  the bucket {BUCKET}, which all stages of the account share" in done.lines


def all_was_allowed(ministack: MiniStack) -> None:
    """The deployer's policy allows exactly what these commands called, for the services that they use."""
    asked = {access for request in requests(ministack.asked) for access in accesses(request, "chat-dev")}
    global_services = {"iam"}
    regions = {request.region for request in requests(ministack.asked) if request.service not in global_services}
    assert regions == {REGION}
    assert {item for item in asked if not is_allowed(item, {})} == set()
    services = {item.action.partition(":")[0] for item in asked}
    assert services == {"apigateway", "cloudformation", "iam", "lambda", "s3", "ssm", "sts"}
    own = {"cloudformation", "s3", "ssm", "sts"}  # CloudFormation uses the others, too
    assert {action for action in allowed() if action.partition(":")[0] in own} == {
        item.action for item in asked if item.action.partition(":")[0] in own
    } | {"cloudformation:DescribeEvents"}, "the last one explains a failed validation, which MiniStack does not do"
