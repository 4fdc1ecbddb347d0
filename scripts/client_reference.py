"""Write the reference of the Python client, `clients/python/API.md`, from its docstrings.

python -m scripts.client_reference
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "clients" / "python" / "API.md"
MODULES = ("serverless_chat", "serverless_chat.blocking")
HEAD = "# Reference\n\nGenerated from the docstrings by `python -m scripts.client_reference`.\n"


def reference() -> str:
    """Return the text of the reference."""
    sys.path.insert(0, str(ROOT / "clients" / "python" / "src"))
    parts = [HEAD]
    for name in MODULES:
        module = importlib.import_module(name)
        parts.append(f"\n## `{name}`\n\n{inspect.cleandoc(module.__doc__ or '')}\n")
        for public in getattr(module, "__all__", ("Chat", "Room")):
            parts += _class(public, getattr(module, public))
    return "".join(parts)


def _class(name: str, kind: type) -> Iterator[str]:
    yield f"\n### `{name}{_signature(kind)}`\n\n{_doc(kind)}\n"
    for member, value in vars(kind).items():
        if member.startswith("_"):
            continue
        if isinstance(value, property):
            yield f"\n#### `{name}.{member}`\n\n{_doc(value)}\n"
        elif inspect.isfunction(value):
            is_async = "await " if inspect.iscoroutinefunction(value) else ""
            yield f"\n#### `{is_async}{name}.{member}{_signature(value)}`\n\n{_doc(value)}\n"


def _signature(value: Callable[..., object]) -> str:
    try:
        signature = inspect.signature(value)
    except ValueError:
        return ""
    parameters = [
        found.replace(annotation=_as_written(found.annotation)) for found in signature.parameters.values()
    ]
    shown = signature.replace(parameters=parameters, return_annotation=_as_written(signature.return_annotation))
    text = re.sub(r"\(self(?:, )?", "(", str(shown))
    return re.sub(r"<[^>]*>", "…", text)


class _Written(str):
    """An annotation as the source has it, without the quotes of a string."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _as_written(annotation: object) -> object:
    annotation = getattr(annotation, "__forward_arg__", annotation)  # of a named tuple
    return _Written(annotation) if isinstance(annotation, str) else annotation


def _doc(value: object) -> str:
    return inspect.cleandoc(getattr(value, "__doc__", None) or "")


if __name__ == "__main__":
    TARGET.write_text(reference(), "utf-8")
