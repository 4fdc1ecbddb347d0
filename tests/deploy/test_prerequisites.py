"""The checks of an account before a deployment."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from infra.deploy.prerequisites import Prerequisites
from infra.errors import InfraError
from infra.stage import InfraSettings, Stage
from tests.deploy.fakes import BUILD, TRIAL, Aws, FakeAccountSettings

FOREIGN = "arn:aws:iam::123456789012:role/of-another-team"


def check(aws: Aws, stage: Stage = TRIAL, *, reserved: int = 0, deployed: dict[str, str] | None = None) -> None:
    template = copy.deepcopy(BUILD.template)
    template["Resources"]["Api"]["Properties"]["ReservedConcurrentExecutions"] = reserved
    Prerequisites(aws.account, stage, aws.console()).check(template, deployed or {})


def test_concurrency_of_the_account_is_reported() -> None:
    aws = Aws(settings=FakeAccountSettings(concurrency=1_000, unreserved=900))
    check(aws)
    assert aws.output == ["Lambda allows 1000 concurrent executions here, 900 of them unreserved"]


def test_new_account_gets_a_warning_and_can_be_used() -> None:
    aws = Aws(settings=FakeAccountSettings(concurrency=10, unreserved=10))
    check(aws)
    assert aws.output[1].startswith("!!! 10 concurrent executions are enough to try the stage out")


@pytest.mark.parametrize(("unreserved", "available"), [(10, 0), (100, 0), (150, 50)])
def test_reservation_that_the_account_does_not_allow_is_refused(unreserved: int, available: int) -> None:
    aws = Aws(settings=FakeAccountSettings(unreserved, unreserved))
    with pytest.raises(
        InfraError, match=f"reserves 51 concurrent executions, and this account can reserve {available}:"
    ):
        check(aws, reserved=51)
    check(aws, reserved=available)


def test_reservation_of_an_existing_stack_is_not_counted_twice() -> None:
    check(Aws(settings=FakeAccountSettings(1_000, 100)), reserved=900, deployed={"Api": "a-function"})


def test_missing_boundary_stops_the_deployment() -> None:
    aws = Aws(settings=FakeAccountSettings(policies=set()))
    with pytest.raises(InfraError, match=r"arn:aws:iam::123456789012:policy/chat-boundary does not exist"):
        aws.deployment().run(BUILD)
    assert aws.cloudformation.done == [] and aws.s3.called == []


def test_stage_without_a_boundary_needs_none() -> None:
    stage = replace(TRIAL, infra=InfraSettings(permissions_boundary=""))
    check(Aws(settings=FakeAccountSettings(policies=set())), stage)


def test_replaced_log_role_of_the_account_gets_a_warning() -> None:
    aws = Aws(settings=FakeAccountSettings(log_role=FOREIGN))
    check(aws)
    assert aws.output[-1].startswith(f"!!! API Gateway writes the logs of this account and region with {FOREIGN}.")


@pytest.mark.parametrize(
    ("stage", "deployed"),
    [
        (replace(TRIAL, infra=InfraSettings(account_log_role=False)), {}),
        (TRIAL, {"GatewayAccount": "the-account"}),
    ],
    ids=["managed elsewhere", "set by this stack"],
)
def test_log_role_that_stays_gets_no_warning(stage: Stage, deployed: dict[str, str]) -> None:
    aws = Aws(settings=FakeAccountSettings(log_role=FOREIGN))
    check(aws, stage, deployed=deployed)
    assert not any("!!!" in line for line in aws.output)
