"""What a person can do when the stack is in a state from which it cannot go on, or ended in one."""

from __future__ import annotations

from infra.deploy.stack import Stack
from infra.errors import InfraError


def require_updatable(stack: Stack, status: str) -> None:
    """Raises InfraError if the stack is busy, or stuck."""
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        resources = ", ".join(stack.in_progress()) or "nothing that it names"
        raise InfraError(
            f"The stack {stack.name} is busy: {status}, at work on {resources}. Somebody else is deploying, or an"
            " earlier command was interrupted: wait until CloudFormation has finished, then try again"
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        stuck = [f"    {each.logical_id}: {each.reason or each.status}" for each in stack.last_failures()]
        raise InfraError(
            "\n".join(
                [
                    f"The stack {stack.name} is stuck: an update failed, and could not be undone either:",
                    *stuck,
                    "Put right what these say, then:",
                    f"    aws cloudformation continue-update-rollback --stack-name {stack.name}",
                    "and deploy again when it has ended in UPDATE_ROLLBACK_COMPLETE",
                ]
            )
        )
    if status == "DELETE_FAILED":
        raise InfraError(
            f"The stack {stack.name} could not be deleted completely ({status}): make destroy goes on with that"
        )


def after_failure(stage: str, status: str) -> str:
    """What to do after a deployment that ended in this status."""
    command = f"make deploy STAGE={stage}"
    if status == "ROLLBACK_COMPLETE":
        return f"Nothing of the stage runs. Put right what it says and run {command}, which deletes the rest first"
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return f"Everything runs as before. Put right what it says and run {command}"
    return f"The stack needs a look: run {command}, which says what state it is in and what helps"
