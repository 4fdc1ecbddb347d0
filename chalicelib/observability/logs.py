"""Log lines: one whole JSON object each, with ids, never with texts, tokens, query strings or errors' messages.

What is logged anywhere gets this form on Lambda, by `install`. In development the same records go to whatever
handler is there, where they are sentences for people.

A line of ours has a name (`event`) and `fields`, given to `logging` as `extra`. Of what a library logs, only the
template is kept: what it would fill in can hold what a client sent.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import warnings
from collections.abc import Mapping
from typing import Any, TextIO

from chalicelib.core.kernel.clock import rfc3339
from chalicelib.observability import context

METRICS = "chalicelib.metrics"
"""The logger of lines that have their form already (`metrics.py`)."""
_LEVELS = {logging.WARNING: "WARN", logging.CRITICAL: "FATAL"}
"""Where Lambda's names for levels are not Python's (Lambda developer guide, "Log-level filtering")."""
_CHAIN = 8
"""Errors of a chain that are told: more would be a loop."""
_logger = logging.getLogger(__name__)


def log_failure(error: BaseException, **fields: str) -> None:
    """Log what went wrong on our side: the kind and place of each error of the chain, not its message.

    A message can hold what a client sent; kinds and places cannot. Does not raise.
    """
    try:
        errors = [_describe_error(each) for each in _chain(error)]
    except Exception:  # noqa: BLE001 — an error that cannot even be looked at must not cost the client its answer
        errors = [type(error).__name__]
    invocation = context.current()
    known = {} if invocation is None else invocation.ids
    said = " ".join(f"{name}={value}" for name, value in {**known, **fields}.items())
    extra = {"event": "failure", "fields": {"errors": errors, **fields}}
    with contextlib.suppress(Exception):  # whatever handler is there: a line is not worth a message
        _logger.error("failure: %s (%s)", " < ".join(errors), said, extra=extra)


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    seen: BaseException | None = error
    while seen is not None and len(chain) < _CHAIN:
        chain.append(seen)
        seen = seen.__cause__
    return chain


def _describe_error(error: BaseException) -> str:
    traceback = error.__traceback__
    if traceback is None:
        return f"{type(error).__name__}{_code(error)}"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    file = traceback.tb_frame.f_code.co_filename.rpartition("/")[2]
    return f"{type(error).__name__}{_code(error)} at {file}:{traceback.tb_lineno}"


def _code(error: BaseException) -> str:
    """The error code of an AWS service, which its kind does not tell."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return f"({code})" if isinstance(code, str) else ""


# ---- on Lambda -----------------------------------------------------------------------------------------


class JsonFormatter(logging.Formatter):
    """Makes one JSON object of a record, without a line break in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The object: when, how bad, what, in which invocation, and what else there is to say."""
        if record.name == METRICS:
            return record.getMessage()
        fields: Mapping[str, Any] | None = getattr(record, "fields", None)
        line: dict[str, Any] = {
            "timestamp": rfc3339(int(record.created * 1000)),
            "level": _LEVELS.get(record.levelno, record.levelname),
            "event": getattr(record, "event", "log"),
            **_where(),
        }
        # What Lambda's own filter puts at a record: the invocation in the lines of the platform.
        if request := getattr(record, "aws_request_id", None):
            line["lambda_request_id"] = request
        line |= _library_fields(record) if fields is None else fields
        return json.dumps(line, separators=(",", ":"), default=_type_name)


def _where() -> dict[str, Any]:
    invocation = context.current()
    if invocation is None:
        return {}
    cold = {"cold_start": True} if invocation.cold_start else {}
    return {"function": invocation.function, **invocation.ids, **cold}


def _library_fields(record: logging.LogRecord) -> dict[str, Any]:
    """What is said of a record that is no event of ours."""
    ours = record.name.partition(".")[0] == "chalicelib"
    said: dict[str, Any] = {
        "logger": record.name,
        "message": record.getMessage() if ours else str(record.msg),
        "at": f"{record.filename}:{record.lineno}",
    }
    if record.exc_info and record.exc_info[1] is not None:
        said["errors"] = [_describe_error(each) for each in _chain(record.exc_info[1])]
    return said


def _type_name(value: object) -> str:
    """What stands for a value that JSON does not know: it may be anything, so not its text."""
    return type(value).__name__


class StdoutHandler(logging.Handler):
    """Writes each record as one line, in one piece. Never raises: a line is not worth a message."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """`stream` is where to write; without one, what stdout is by then."""
        super().__init__()
        self._stream = stream
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write it."""
        try:
            stream = self._stream or sys.stdout
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:  # noqa: BLE001, S110 — and where could it be told?
            pass


def install() -> None:
    """Give all lines of this process that form, those of libraries and Python's warnings as well.

    Below `WARNING` nothing is written, whatever level the function is set to: the SDK's own debugging lines
    hold whole requests.
    """
    root = logging.getLogger()
    handler = StdoutHandler()
    for other in list(root.handlers):
        for each in other.filters:
            handler.addFilter(each)
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    warnings.showwarning = _show_warning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning of Python's, by its kind and place: its text may quote a value. Else it were lines on stderr."""
    fields = {"kind": category.__name__, "at": f"{filename.rpartition('/')[2]}:{lineno}"}
    _logger.warning("a warning of Python's: %s", fields, extra={"event": "warning", "fields": fields})
