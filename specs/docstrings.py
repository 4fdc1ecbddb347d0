"""Attribute docstrings: the strings below the fields of a class. Python does not keep them, so the source is read.

pydantic can do this as well, but only when it creates the class, where a cold start would pay for it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

from pydantic import BaseModel

T = TypeVar("T", bound=type)
_described_by: dict[Any, Any] = {}


def described_by(model: Any) -> Callable[[T], T]:
    """Describe the fields of a TypedDict that have no docstring by those of `model` with the same name."""

    def decorate(described: T) -> T:
        _described_by[described] = model
        return described

    return decorate


def attribute_docstrings(described: Any) -> dict[str, str]:
    """Return the docstrings of the fields of a model or TypedDict by name, including those of its bases."""
    found: dict[str, str] = {}
    if described in _described_by:
        found |= attribute_docstrings(_described_by[described])
    for base in getattr(described, "__orig_bases__", described.__bases__):
        if isinstance(base, type) and base not in (object, dict, BaseModel):
            found |= attribute_docstrings(base)
    return found | _own_docstrings(described)


def _own_docstrings(described: type) -> dict[str, str]:
    source = ast.parse(textwrap.dedent(inspect.getsource(described)))
    (body,) = (statement.body for statement in source.body if isinstance(statement, ast.ClassDef))
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
