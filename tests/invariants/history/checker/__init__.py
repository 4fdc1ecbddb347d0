"""Checks a history against the laws. Pure: it sees only what clients saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.invariants.history.checker import (
    answers,
    changes,
    erasure,
    live,
    log,
    moderation,
    pages,
    privacy,
    retention,
    state,
)
from tests.invariants.history.checker.knowledge import Knowledge
from tests.invariants.history.checker.violation import Violation
from tests.invariants.history.records import History

RULES: tuple[Callable[[Knowledge], Iterable[Violation]], ...] = (
    answers.check,
    log.check,
    pages.check,
    changes.check,
    live.check,
    privacy.check,
    state.check,
    moderation.check,
    retention.check,
    erasure.check,
)


def check(history: History) -> list[Violation]:
    """Return all violations of a history."""
    knowledge = Knowledge(history)
    return [violation for rule in RULES for violation in rule(knowledge)]
