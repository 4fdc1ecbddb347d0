"""Asking the hook about actions of participants before they are committed.

The answer to each action is `allow`, `change` or `refuse`. A hook that does not answer in time, fails, or answers
with anything else has not decided: the setting `CHAT_HOOK_FAILURE` decides then. It is not asked about actions of
a service for itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.errors import ChatError, RefusedByHook, Unavailable
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.kernel.text import has_forbidden_characters, is_visible
from chalicelib.core.ports.hooks import Hook, HookFailed

VERSION = 1
"""That of the requests; a new one if an existing hook could misunderstand them."""
MAX_REASON_LENGTH = 200
_FIELDS = {"allow": {"decision"}, "change": {"decision", "changes"}, "refuse": {"decision", "reason"}}
"""The fields that an answer may have, by its decision."""
_logger = logging.getLogger(__name__)


class Question(NamedTuple):
    """An action that the hook is asked about."""

    action: Mapping[str, Any]
    """The fields that the hook sees."""
    request: Any
    """The request of the participant, which is executed if the hook allows it."""
    change: Callable[[Mapping[str, Any]], Any]
    """Returns the request with changes of the hook. Raises ChatError if a participant could not have made it."""


class Screening:
    """Asks the hook."""

    def __init__(self, hook: Hook, *, allows_on_failure: bool, runtime: Runtime) -> None:
        self._hook = hook
        self._allows_on_failure = allows_on_failure
        self._timeout = runtime.timing.hook
        self._observer = runtime.observer

    def screened(self, question: Question) -> Any:
        """Return the request to execute. Raises RefusedByHook, or Unavailable if a failure refuses."""
        (answer,) = self.ask([question])
        if isinstance(answer, ChatError):
            raise answer
        return answer

    def ask(self, questions: Sequence[Question]) -> list[Any]:
        """Return for each action the request to execute, or the error that refuses it. The hook is called once."""
        if not questions:
            return []
        try:
            answers = self._answers(questions)
        except HookFailed as failure:
            self._record(failure)
            return [self._undecided(question) for question in questions]
        return [self._decided(question, answer) for question, answer in zip(questions, answers, strict=True)]

    def _answers(self, questions: Sequence[Question]) -> list[Any]:
        request = {"version": VERSION, "actions": [question.action for question in questions]}
        response = self._hook.ask(request, self._timeout)
        answers = response.get("answers") if isinstance(response, dict) else None
        if not isinstance(answers, list) or len(answers) != len(questions):
            raise HookFailed("the response has not one answer for each action")
        return answers

    def _decided(self, question: Question, answer: Any) -> Any:
        try:
            return _decision(question, answer)
        except HookFailed as failure:
            self._record(failure)
            return self._undecided(question)

    def _undecided(self, question: Question) -> Any:
        """Return the result of an action that the hook has not decided."""
        if self._allows_on_failure:
            return question.request
        return Unavailable(retry_after=retry_after(), is_failure=False)

    def _record(self, failure: HookFailed) -> None:
        self._observer.count(Metric.HOOK_FAILURES)
        _logger.warning("the hook failed: %s", failure, extra={"event": "hook_failed"})


def _decision(question: Question, answer: Any) -> Any:
    """Return the request to execute, or the error that refuses it. Raises HookFailed for an invalid answer."""
    decision = answer.get("decision") if isinstance(answer, dict) else None
    fields = _FIELDS.get(decision) if isinstance(decision, str) else None
    if fields is None or not answer.keys() <= fields:
        raise HookFailed("an answer is not allow, change or refuse with its fields")
    match decision:
        case "allow":
            return question.request
        case "refuse":
            return RefusedByHook(_reason(answer.get("reason")))
    changes = answer.get("changes")
    if not isinstance(changes, dict):
        raise HookFailed("an answer has no object of changes")
    try:
        return question.change(changes)
    except Unavailable as unavailable:
        # The hook has decided. It is the store that failed, and the action must not be committed as it was sent.
        return unavailable
    except ChatError as error:
        raise HookFailed(f"the changes of a {question.action['type']} are invalid ({error.code})") from None


def _reason(reason: Any) -> str | None:
    """Return the beginning of a reason; None if there is none. Raises HookFailed."""
    if reason is None or reason == "":
        return None
    if not isinstance(reason, str) or has_forbidden_characters(reason) or not is_visible(reason):
        raise HookFailed("a reason is not a visible text")
    return reason[:MAX_REASON_LENGTH]
