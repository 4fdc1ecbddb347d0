"""Log lines: one JSON object each, with ids, and never with content, tokens, query strings or messages of errors.

On Lambda, `install` gives all log records this form. In development, the same records go to the installed handler
as sentences for people.

A record of this project has a name (`event`) and `fields`, passed to `logging` as `extra`. Of a library's record
only the template is kept, because its arguments can contain what a client sent.
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
"""The logger of lines that are already formatted (`metrics.py`)."""
_LEVELS = {logging.WARNING: "WARN", logging.CRITICAL: "FATAL"}
"""Lambda's names of levels, where they differ from Python's (Lambda developer guide, "Log-level filtering")."""
_CHAIN = 8
"""The maximum number of errors of a chain: more would be a cycle."""
_logger = logging.getLogger(__name__)


def log_failure(error: BaseException, **fields: str) -> None:
    """Log a failure: the type and place of each error of the chain, without the messages. Does not raise.

    A message can contain what a client sent; types and places cannot.
    """
    try:
        errors = [_describe_error(cause) for cause in _chain(error)]
    except Exception:  # noqa: BLE001 — the client must get its response even if the error cannot be inspected
        errors = [type(error).__name__]
    invocation = context.current()
    ids = {} if invocation is None else invocation.ids
    details = " ".join(f"{name}={value}" for name, value in {**ids, **fields}.items())
    extra = {"event": "failure", "fields": {"errors": errors, **fields}}
    with contextlib.suppress(Exception):  # the installed handler may raise, and that must not fail the request
        _logger.error("failure: %s (%s)", " < ".join(errors), details, extra=extra)


def log_refused_credential(diagnosis: str) -> None:
    """Log why a credential was refused, for the developer of a client; the client only receives 401."""
    extra = {"event": "credential_refused", "fields": {"diagnosis": diagnosis}}
    with contextlib.suppress(Exception):
        _logger.warning("credential refused: %s", diagnosis, extra=extra)


def log_endpoint(change: str, endpoint_id: str) -> None:
    """Log that a service changed an endpoint; the invocation names the service."""
    extra = {"event": "endpoint", "fields": {"change": change, "endpoint_id": endpoint_id}}
    with contextlib.suppress(Exception):
        _logger.warning("endpoint %s: %s", endpoint_id, change, extra=extra)


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < _CHAIN:
        chain.append(cause)
        cause = cause.__cause__
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
    """Return the error code of an AWS service, which the type does not show."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return f"({code})" if isinstance(code, str) else ""


# ---- on Lambda -----------------------------------------------------------------------------------------


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object without line breaks."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object: time, level, event, invocation and fields."""
        if record.name == METRICS:
            return record.getMessage()
        fields: Mapping[str, Any] | None = getattr(record, "fields", None)
        line: dict[str, Any] = {
            "timestamp": rfc3339(int(record.created * 1000)),
            "level": _LEVELS.get(record.levelno, record.levelname),
            "event": getattr(record, "event", "log"),
            **_invocation_fields(),
        }
        # Set by Lambda's own filter: the id of the invocation in the platform's lines.
        if request := getattr(record, "aws_request_id", None):
            line["lambda_request_id"] = request
        line |= _library_fields(record) if fields is None else fields
        return json.dumps(line, separators=(",", ":"), default=_type_name)


def _invocation_fields() -> dict[str, Any]:
    invocation = context.current()
    if invocation is None:
        return {}
    cold = {"cold_start": True} if invocation.cold_start else {}
    return {"function": invocation.function, **invocation.ids, **cold}


def _library_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of a record without `fields`."""
    is_own = record.name.partition(".")[0] == "chalicelib"
    found: dict[str, Any] = {
        "logger": record.name,
        "message": record.getMessage() if is_own else str(record.msg),
        "at": f"{record.filename}:{record.lineno}",
    }
    if record.exc_info and record.exc_info[1] is not None:
        found["errors"] = [_describe_error(error) for error in _chain(record.exc_info[1])]
    return found


def _type_name(value: object) -> str:
    """Return the replacement of a value that JSON cannot encode. Its text could contain anything."""
    return type(value).__name__


class StdoutHandler(logging.Handler):
    """Writes each record as one line, in one call. Never raises: a log line must not fail a request."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """`stream` defaults to the stdout of the time of writing."""
        super().__init__()
        self._stream = stream
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            stream = self._stream or sys.stdout
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:  # noqa: BLE001, S110 — there is no other place to report it
            pass


def install() -> None:
    """Format all log records of this process, including those of libraries and Python's warnings.

    Nothing below `WARNING` is written, whatever level the function has: debug lines of the SDK contain requests.
    """
    root = logging.getLogger()
    handler = StdoutHandler()
    for other in list(root.handlers):
        for log_filter in other.filters:
            handler.addFilter(log_filter)
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
    """Log a warning by its type and place: its text may quote a value. By default it would go to stderr."""
    fields = {"kind": category.__name__, "at": f"{filename.rpartition('/')[2]}:{lineno}"}
    _logger.warning("Python warning: %s", fields, extra={"event": "warning", "fields": fields})
