"""Functions of two releases that take turns: tests of what a release and the one before do to the same data."""

from __future__ import annotations

from typing import Any, cast

from local.bundle.function import Function, MixedFunction


def test_releases_take_turns() -> None:
    def release(name: str) -> Function:
        return cast(Function, lambda event, context: (name, event, context))

    mixed = MixedFunction(release("present"), release("other"))
    context: Any = object()
    answers = [mixed({"number": number}, context) for number in range(4)]
    assert [name for name, *_ in answers] == ["present", "other", "present", "other"]
    assert answers[3] == ("other", {"number": 3}, context)
