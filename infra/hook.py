"""The setting `CHAT_HOOK` of a stage: the name or ARN of the Lambda function that is asked before a message."""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.errors import InfraError

DEFAULT_BOUNDARY = "chat-boundary"
BOUNDARY_PREFIX = "chat-"
"""With which the names of all resources begin that the default boundary allows."""
_FUNCTION = re.compile(
    r"(arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:)?(?P<name>[A-Za-z0-9_-]{1,64})(:[A-Za-z0-9$_-]{1,128})?"
)
"""The name or ARN of a function, perhaps with a version or an alias."""


def hook_of(environment: Mapping[str, str]) -> str | None:
    """Return the hook of a stage with these variables, or None."""
    return environment.get("CHAT_HOOK") or None


def check_hook(context: str, function: str | None, boundary: str) -> None:
    """Raise InfraError if the functions could not invoke this hook: each message would meet its failure."""
    if not function:
        return
    found = _FUNCTION.fullmatch(function)
    if found is None:
        raise InfraError(
            f"{context}: CHAT_HOOK must be the name or the ARN of a Lambda function, such as chat-hook:live"
        )
    if boundary == DEFAULT_BOUNDARY and not found["name"].startswith(BOUNDARY_PREFIX):
        raise InfraError(
            f"{context}: CHAT_HOOK must name a function that begins with {BOUNDARY_PREFIX}, because the policy"
            f" {boundary} allows no other. Rename it, or set infra.permissions_boundary to a policy of your own"
        )
