"""Partitions for the contract tests, and where MiniStack is known to differ."""

from __future__ import annotations

import uuid

import pytest

from tests.dynamodb.contract.differences import DIFFERENCES
from tests.dynamodb.targets import Target


@pytest.fixture
def pk() -> str:
    """A partition that no other test uses."""
    return uuid.uuid4().hex


@pytest.fixture(autouse=True)
def _known_differences(request: pytest.FixtureRequest, target: Target) -> None:
    """Expect MiniStack to fail where it is known to differ, and nowhere else."""
    if target.name == "ministack":
        name = request.node.name.replace("ministack-", "").replace("[ministack]", "").replace("-ministack", "")
        reason = DIFFERENCES.get(name)
        if reason is not None:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
