"""Attribute docstrings: the strings below the fields of a class. Python does not keep them, so the source is read.

pydantic can do this as well, but only when it creates the class, where a cold start would pay for it.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from functools import cache
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


@cache
def _own_docstrings(described: type) -> dict[str, str]:
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(_bodies(described.__module__)[described.__qualname__])
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@cache
def _bodies(module: str) -> dict[str, list[ast.stmt]]:
    """Return the bodies of the classes of a module by their qualified names."""
    found: dict[str, list[ast.stmt]] = {}

    def add(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                found[prefix + child.name] = child.body
                add(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                add(child, f"{prefix}{child.name}.<locals>.")
            else:
                add(child, prefix)

    add(ast.parse(inspect.getsource(sys.modules[module])), "")
    return found
