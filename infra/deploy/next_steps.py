"""Next steps for the user when the stack is in a state that prevents a deployment, or ended in one."""

from __future__ import annotations

from infra.deploy.stack import Stack
from infra.errors import InfraError


def require_updatable(stack: Stack, status: str) -> None:
    """Raise InfraError if the stack is busy or needs a manual fix."""
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        resources = ", ".join(stack.in_progress()) or "no listed resource"
        raise InfraError(
            f"The stack {stack.name} is busy: {status}, in progress: {resources}. Another deployment is running,"
            " or an earlier command was interrupted: wait until CloudFormation has finished, then try again"
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        stuck = [
            f"    {failure.logical_id}: {failure.reason or failure.status}" for failure in stack.last_failures()
        ]
        raise InfraError(
            "\n".join(
                [
                    f"The stack {stack.name} is stuck: an update failed, and its rollback failed too:",
                    *stuck,
                    "Fix the causes, then run:",
                    f"    aws cloudformation continue-update-rollback --stack-name {stack.name}",
                    "and deploy again after it has ended in UPDATE_ROLLBACK_COMPLETE",
                ]
            )
        )
    if status == "DELETE_FAILED":
        raise InfraError(f"The stack {stack.name} was only partly deleted ({status}): continue with make destroy")


def after_failure(stage: str, status: str) -> str:
    """Return the next step after a deployment that ended in this status."""
    command = f"make deploy STAGE={stage}"
    if status == "ROLLBACK_COMPLETE":
        return f"Nothing of the stage is running. Fix the cause and run {command}, which first deletes the remains"
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return f"The previous version is running. Fix the cause and run {command}"
    return f"Run {command} again: it reports the state of the stack and the next step"
