"""Request models, and how pydantic's errors become ValidationFailed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from chalicelib.core.kernel.errors import Problem, ValidationFailed
from chalicelib.core.kernel.limits import Limits

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

R = TypeVar("R", bound=BaseModel)


class Request(BaseModel):
    """The base of request models: frozen, without unknown fields, and without conversion: `"5"` is not a number.

    Models are built on first use, because each function needs few of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


def validated(model: type[R], value: Any, limits: Limits) -> R:
    """Return `value` as an instance of `model`. Raises ValidationFailed.

    The error names the field and the rule, never the value.
    """
    try:
        return model.model_validate(value, context=limits)
    except ValidationError as error:
        raise ValidationFailed(details=_problems(error)) from None


def _problems(error: ValidationError) -> list[Problem]:
    """Return the first 20 problems, each with the dotted path of its field."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"path": ".".join(path_segment(step) for step in problem["loc"]), "problem": _text(problem)}
        for problem in found[:20]
    ]


def _text(problem: ErrorDetails) -> str:
    """Return the rule that a field violates: pydantic's text, but for those that only make sense to its users."""
    return "unknown field" if problem["type"] == "extra_forbidden" else problem["msg"]


def path_segment(step: str | int) -> str:
    """Return one step of a path, short and in ASCII: a client may have sent any name."""
    return str(step)[:64].encode("ascii", "backslashreplace").decode()
