"""Deploying from GitHub Actions: the role, the workflow, and the recipe for another stage."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.stage import read_stage
from infra.template import compose
from tests.infra.checkouts import ROOT
from tests.infra.judge import judge
from tests.support.deployer import FILES

Json = dict[str, Any]
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text()
WORKFLOW = (ROOT / ".github" / "workflows" / "deploy.yml").read_text()


@pytest.fixture
def role_template() -> Json:
    found: Json = json.loads((ROOT / "infra" / "iam" / "github-role.json").read_text())
    return found


def test_role_template_has_no_lint_findings(role_template: Json, shared: Path) -> None:
    assert judge(role_template, shared / "verdicts").findings == []


def test_only_the_environment_of_the_repository_can_assume_the_role(role_template: Json) -> None:
    (trust,) = role_template["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {
                "Fn::Sub": "repo:${Repository}:environment:${Environment}"
            },
        }
    }
    for name in ("Repository", "Environment"):
        pattern = role_template["Parameters"][name]["AllowedPattern"]
        assert not re.fullmatch(pattern, "owner/*") and not re.fullmatch(pattern, "*")


def test_role_has_the_policies_of_a_deployer_and_no_others(role_template: Json) -> None:
    attached = role_template["Resources"]["Role"]["Properties"]["ManagedPolicyArns"]
    names = [item["Fn::Sub"].rpartition("/")[2] for item in attached]
    assert names == [f"chat-{file.stem}" for file in FILES]
    assert "Policies" not in role_template["Resources"]["Role"]["Properties"]


def test_role_is_out_of_reach_of_the_deployer(role_template: Json) -> None:
    # The deployer may change the trust of roles with names that begin with "chat-".
    assert "RoleName" not in role_template["Resources"]["Role"]["Properties"]
    (stack,) = set(re.findall(r"--stack-name (\S+)", DEPLOYMENT.partition("## Deploying from GitHub")[2]))
    assert not stack.startswith("chat-")


def test_workflow_deploys_by_the_command_of_a_developer() -> None:
    assert 'run: make deploy STAGE="$STAGE" YES=1' in WORKFLOW
    assert "id-token: write" in WORKFLOW and "environment: ${{ inputs.stage }}" in WORKFLOW
    assert "cancel-in-progress: false" in WORKFLOW
    assert not re.search(r"secrets\.|aws-secret-access-key", WORKFLOW)
    # An input in a command would be run as part of it.
    assert not re.search(r"run:.*\$\{\{", WORKFLOW)


def test_recipe_for_another_stage_is_complete(project: Path) -> None:
    (block,) = re.findall(r'```json\n("staging": \{.*?\n\})\n```', DEPLOYMENT, re.DOTALL)
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    config["stages"] |= json.loads("{" + block + "}")
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    stage = read_stage(project, "staging")
    assert stage.placeholder_settings() == [], "the example can be deployed as soon as its values are real"
    fragment = compose.fragment_to_merge(stage)
    assert fragment["Resources"]["RestAPI"]["Properties"]["Name"] == "chat-staging-http"
    assert fragment["Resources"]["ConversationsTable"]["DeletionPolicy"] == "Delete"
