"""The declaration of HTTP routes. `rest/` serves them, and the OpenAPI document describes them.

Responses are declared by name, because their types (`specs/wire/`) are not deployed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from chalicelib.core.kernel.errors import ChatError

Responses = Mapping[int, str | None]
"""By status, the usual one first: the name of a type in `specs/wire/`, None for no body."""


class Route(NamedTuple):
    """A method of a path."""

    method: str
    path: str
    responses: Responses
    query: type[BaseModel]
    body: type[BaseModel] | None
    """None: a body is ignored."""
    errors: Sequence[type[ChatError]]
    """The errors of this route, besides those of all routes (`specs/openapi.py`)."""
    view: Callable[..., Any]
    callers: Literal["participants", "services", "anyone"]
    """`participants`: also services that act for one; `anyone`: the route needs no credential."""

    @property
    def public(self) -> bool:
        """Whether the route needs no credential."""
        return self.callers == "anyone"


ROUTES: list[Route] = []
"""All routes in the order of their declaration. Importing the package `rest` fills it."""
