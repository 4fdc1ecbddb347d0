"""What every HTTP route takes and answers, said once: `rest.py` acts by it, the OpenAPI document is made of it.

Answers are named, not imported: their types (`core/wire.py`) are of no use at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from chalicelib.core.kernel.errors import ChatError

Responses = Mapping[int, str | None]
"""By status, the first being the usual one: the name of a type in `core/wire.py`, None for no body."""


class Route(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    responses: Responses
    query: type[BaseModel]
    body: type[BaseModel] | None
    """None: whatever body there is, it is not looked at."""
    errors: Sequence[type[ChatError]]
    """What it can answer beyond what every route can: `specs/openapi.py` has those."""
    view: Callable[..., Any]
    public: bool = False
    """Whether it needs no credential."""


ROUTES: list[Route] = []
"""All routes, in the order of their declaration; filled when `rest.py` is imported."""
