"""Log lines: complete, machine-readable, and without content from clients."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.kernel.errors import Unavailable
from chalicelib.observability import context, logs
from chalicelib.observability.context import Invocation

Json = dict[str, Any]
MARK = "s3cr3t"
SECRETS = st.text(st.characters(codec="utf-8"), max_size=30).map(lambda text: f"{text}{MARK}\n{text}")


class Written(logging.Handler):
    """The lines of a logger as they are in the log of a function."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = io.StringIO()
        self._lines = logs.StdoutHandler(self.stream)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.handle(record)

    def lines(self) -> list[Json]:
        text = self.stream.getvalue()
        assert not text or text.endswith("\n")
        return [json.loads(line) for line in text.split("\n")[:-1]]


@pytest.fixture
def written() -> Iterator[Written]:
    written = Written()
    logging.getLogger().addHandler(written)
    yield written
    logging.getLogger().removeHandler(written)


@pytest.fixture
def within() -> Iterator[Invocation]:
    this = Invocation("message", cold_start=True, request_id="Xux7cExqliAFojw=", connection_id="Xux7aeaAFiACHZQ=")
    token = context.enter(this)
    yield this
    context.leave(token)


def test_failure_has_the_ids_of_the_invocation_and_the_type_and_place_of_the_error(
    written: Written, within: Invocation
) -> None:
    context.observer.bind(conversation_id="conv_1", participant_id="auth0|alice")
    try:
        try:
            raise OSError(MARK)
        except OSError as cause:
            raise Unavailable(MARK) from cause
    except Unavailable as error:
        logs.log_failure(error, check="health")
    (line,) = written.lines()
    outer, inner = line.pop("errors")
    assert outer.startswith("Unavailable at test_logs.py:")
    assert inner.startswith("OSError at test_logs.py:")
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
    assert line == {
        "level": "ERROR",
        "event": "failure",
        "function": "message",
        "request_id": "Xux7cExqliAFojw=",
        "connection_id": "Xux7aeaAFiACHZQ=",
        "conversation_id": "conv_1",
        "participant_id": "auth0|alice",
        "cold_start": True,
        "check": "health",
    }


def test_only_the_first_invocation_has_cold_start(written: Written) -> None:
    token = context.enter(Invocation("message", request_id=None))
    logs.log_failure(ValueError())
    context.leave(token)
    (line,) = written.lines()
    assert not {"cold_start", "request_id"} & set(line)


@given(SECRETS)
def test_lines_never_have_content_from_clients(secret: str) -> None:
    written = Written()
    library, ours = logging.getLogger("botocore.hooks"), logging.getLogger("chalicelib.observability.logs")
    for logger in (library, ours):
        logger.addHandler(written)
    try:
        try:
            raise KeyError(secret) from ValueError(secret)
        except KeyError as error:
            logs.log_failure(error)
            library.warning("Caught an exception for %s", secret, exc_info=True)
        library.error("dropping %r, as %s", secret, {"token": secret}, stack_info=True)
        ours.warning("sentence for people: %s", secret, extra={"event": "e", "fields": {"value": Opaque(secret)}})
        warnings_shown(secret)
    finally:
        for logger in (library, ours):
            logger.removeHandler(written)
    lines = written.lines()
    assert [line["event"] for line in lines] == ["failure", "log", "log", "e", "warning"]
    assert MARK not in written.stream.getvalue()
    assert lines[1]["message"] == "Caught an exception for %s"
    assert lines[1]["errors"][0].startswith("KeyError at test_logs.py:")
    assert lines[3]["value"] == "Opaque"
    assert (lines[4]["kind"], lines[4]["at"].partition(":")[0]) == ("UserWarning", "test_logs.py")


class Opaque:
    """An object that JSON cannot encode, with its own text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def warnings_shown(text: str) -> None:
    """Show a warning as after `install`."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = logs._show_warning
        warnings.warn(text, UserWarning, stacklevel=1)


def test_levels_have_the_names_of_lambda(written: Written) -> None:
    for level in (logging.WARNING, logging.ERROR, logging.CRITICAL):
        logging.getLogger("chalicelib.x").log(level, "hello")
    assert [line["level"] for line in written.lines()] == ["WARN", "ERROR", "FATAL"]


def test_lines_of_concurrent_threads_are_complete() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as sink:
        handler = logs.StdoutHandler(sink)
        start = threading.Barrier(16)

        def talk(number: int) -> None:
            start.wait()
            for count in range(200):
                extra = {"event": "e", "fields": {"thread": number, "count": count, "text": "grüß\n" * 20}}
                record = logging.getLogger("x").makeRecord("x", 40, "f", 1, "m", (), None, extra=extra)
                handler.handle(record)

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(16)]
        received: list[bytes] = []
        with os.fdopen(read, "rb") as source:
            reader = threading.Thread(target=lambda: received.append(source.read()))
            reader.start()
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            sink.close()
            reader.join()
    lines = [json.loads(line) for line in received[0].splitlines()]
    told = [(line["thread"], line["count"]) for line in lines]
    assert sorted(told) == [(number, count) for number in range(16) for count in range(200)]


class Full(io.StringIO):
    """A stream that takes nothing."""

    def write(self, _: str) -> int:
        raise OSError("no space left")


def test_line_that_cannot_be_written_raises_nothing() -> None:
    handler = logs.StdoutHandler(Full())
    handler.handle(logging.makeLogRecord({"msg": "x", "levelno": 40, "levelname": "ERROR"}))
    whole = Written()
    whole.handle(logging.makeLogRecord({"msg": "%d", "args": ("no number",), "name": "chalicelib.x"}))
    assert whole.lines() == []


def test_error_that_cannot_be_inspected_is_logged_by_its_type(written: Written) -> None:
    class Shy(Exception):
        @property
        def response(self) -> Any:
            raise RuntimeError(MARK)

    logs.log_failure(Shy())
    (line,) = written.lines()
    assert line["errors"] == ["Shy"]


def test_cyclic_causes_are_cut(written: Written) -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    logs.log_failure(first)
    (line,) = written.lines()
    assert line["errors"][:3] == ["ValueError", "KeyError", "ValueError"]
