"""A function in processes of AWS's own runtime: its environment, its failures, and its number of processes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.bundle.function import Function
from local.gateway.functions import FunctionFailed, PayloadTooLarge
from tests.bundle.conftest import Context, ToyBundle
from tests.local.instance import eventually, is_alive

Make = Callable[[str], ToyBundle]
Errors = Callable[[], str]

TOY = """
import json, os, sys, time

def echo(event, context):
    return {"event": event, "id": context.aws_request_id, "remaining": context.get_remaining_time_in_millis(),
            "arn": context.invoked_function_arn, "pid": os.getpid()}

def inspect(event, context):
    return {"environment": dict(os.environ), "path": sys.path, "cwd": os.getcwd()}

def fails(event, context):
    raise LookupError("no " + event["what"])

def not_json(event, context):
    return {1, 2}

def large(event, context):
    return "x" * event["size"]

def exits(event, context):
    if event.get("exit"):
        os._exit(3)
    return os.getpid()

def hangs(event, context):
    if event.get("hang"):
        time.sleep(60)
    return os.getpid()

def waits(event, context):
    open(event["started"] + "/" + str(os.getpid()), "w").close()
    while not os.path.exists(event["gate"]):
        time.sleep(0.01)
    return os.getpid()

def prints(event, context):
    for line in event["lines"]:
        print(line, flush=True)
    sys.stdout.write("no end of")
    sys.stdout.flush()
    sys.stderr.write(" a line\\n")

def starts_a_thread(event, context):
    import threading
    def count():
        while True:
            with open(event["file"], "a") as file:
                file.write("x")
            time.sleep(0.01)
    if event["start"]:
        threading.Thread(target=count, daemon=True).start()
    while not os.path.exists(event["file"]):
        time.sleep(0.01)

def writes(event, context):
    with open("written", "w") as file:
        file.write("x")
"""


def call(function: Function, **event: object) -> object:
    return function(event, Context())


def test_function_receives_event_and_context_and_returns_a_response(toy_bundle: Make) -> None:
    function = toy_bundle(TOY).function("toy.echo", timeout=25)
    response = function({"body": 'é "\\ 💬'}, Context("6f1c0d0e-0000-4000-8000-000000000002"))
    assert response["event"] == {"body": 'é "\\ 💬'}
    assert response["id"] == "6f1c0d0e-0000-4000-8000-000000000002"
    assert 20_000 < response["remaining"] <= 25_000
    assert response["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:Toy"


def test_sequential_events_use_one_process(toy_bundle: Make) -> None:
    function = toy_bundle(TOY).function("toy.echo")
    assert function.pids() == []
    pids = {function({}, Context())["pid"] for _ in range(20)}
    assert function.pids() == sorted(pids)
    assert len(pids) == 1


def test_environment_has_exactly_the_variables_of_lambda_and_the_template(
    toy_bundle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_OF_THE_SHELL", "x")
    monkeypatch.setenv("AWS_PROFILE", "x")
    toy = toy_bundle(TOY)
    response = toy.function("toy.inspect", variables={"CHAT_STAGE": "dev"})({}, Context())
    environment = response["environment"]
    # Python sets LC_CTYPE if the C locale has no UTF-8; the runtime sets _X_AMZN_TRACE_ID for each event.
    assert environment.keys() - {"LC_CTYPE"} == {
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "CHAT_STAGE",
        "HOME",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "PATH",
        "PYTHONPATH",
        "TZ",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
    assert environment["AWS_ACCESS_KEY_ID"] == environment["AWS_LAMBDA_FUNCTION_NAME"] == "Toy"
    task_root = str(toy.shared.bundle.task_root)
    assert response["cwd"] == task_root
    assert response["path"][:2] == [task_root, str(toy.shared.runtime.packages)]
    assert [path for path in response["path"][1:] if "site-packages" in path] == [response["path"][1]]
    assert list(Path(environment["HOME"]).iterdir()) == []


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("toy.missing", "Runtime.HandlerNotFound", "missing"),
        ("missing.handler", "Runtime.ImportModuleError", "missing"),
    ],
)
def test_function_that_cannot_start_fails_every_event_with_the_cause(
    toy_bundle: Make, errors: Errors, handler: str, kind: str, message: str
) -> None:
    function = toy_bundle(TOY).function(handler)
    for _ in range(2):
        with pytest.raises(FunctionFailed) as failed:
            call(function)
        assert failed.value.error_type == kind
        assert message in failed.value.error_message
    assert f"function Toy could not start: {kind}" in errors()
    assert function.pids() == []


def test_exit_during_startup_is_reported(toy_bundle: Make, errors: Errors) -> None:
    function = toy_bundle("import os\nos._exit(5)\n").function("toy.echo")
    with pytest.raises(FunctionFailed) as failed:
        call(function)
    assert failed.value.error_type == "Runtime.ExitError"
    assert "could not start: its process exited with status 5" in errors()


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [("toy.fails", "LookupError", "no luck"), ("toy.not_json", "Runtime.MarshalError", "set")],
)
def test_handler_exception_fails_one_event_and_keeps_the_process(
    toy_bundle: Make, handler: str, kind: str, message: str
) -> None:
    function = toy_bundle(TOY).function(handler)
    for _ in range(2):
        with pytest.raises(FunctionFailed) as failed:
            call(function, what="luck")
        assert failed.value.error_type == kind
        assert message in failed.value.error_message
    assert len(function.pids()) == 1


def test_process_that_exits_during_an_event_is_replaced(toy_bundle: Make, errors: Errors) -> None:
    function = toy_bundle(TOY).function("toy.exits")
    first = call(function)
    with pytest.raises(FunctionFailed) as failed:
        call(function, exit=True)
    assert failed.value.error_type == "Runtime.ExitError"
    assert "function Toy did not respond: its process exited with status 3" in errors()
    assert call(function) != first


def test_process_that_exits_between_events_is_replaced_without_an_error(toy_bundle: Make) -> None:
    function = toy_bundle(TOY).function("toy.exits")
    first = call(function)
    assert isinstance(first, int)
    os.kill(first, 9)
    eventually(lambda: not is_alive(first), "the process has exited")
    second = call(function)
    assert second != first
    assert function.pids() == [second]


def test_function_that_times_out_is_killed_and_replaced(toy_bundle: Make, errors: Errors) -> None:
    function = toy_bundle(TOY).function("toy.hangs", timeout=1)
    first = call(function)
    assert isinstance(first, int)
    with pytest.raises(FunctionFailed) as failed:
        call(function, hang=True)
    assert failed.value.error_type == "Sandbox.Timedout"
    assert "function Toy timed out after 1.00 seconds" in errors()
    assert not is_alive(first)
    assert call(function) != first


def test_events_beyond_the_environment_limit_wait(toy_bundle: Make, tmp_path: Path) -> None:
    function = toy_bundle(TOY).function("toy.waits", environments=2)
    started, gate = tmp_path / "started", tmp_path / "gate"
    started.mkdir()
    with ThreadPoolExecutor(5) as threads:
        calls = [threads.submit(call, function, started=str(started), gate=str(gate)) for _ in range(5)]
        eventually(lambda: len(list(started.iterdir())) == 2, "two events are being handled")
        assert len(function.pids()) == 2
        gate.touch()
        pids = [future.result() for future in calls]
    assert len(pids) == 5
    assert set(pids) == set(function.pids())


def test_waiting_event_is_handled_after_a_failure(toy_bundle: Make) -> None:
    function = toy_bundle(TOY).function("toy.hangs", timeout=1, environments=1)
    with ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(call, function, hang=True)
        eventually(lambda: function.pids() != [], "the event is being handled")
        assert isinstance(threads.submit(call, function).result(), int)
        with pytest.raises(FunctionFailed):
            hanging.result()


def test_response_and_event_over_6_mb_are_rejected(toy_bundle: Make) -> None:
    toy = toy_bundle(TOY)
    limit = toy.shared.gateway_settings.max_payload_bytes
    function = toy.function("toy.large")
    assert call(function, size=limit - 2) == "x" * (limit - 2)
    with pytest.raises(FunctionFailed) as failed:
        call(function, size=limit - 1)
    assert failed.value.error_type == "Function.ResponseSizeTooLarge"
    with pytest.raises(PayloadTooLarge):
        call(function, size=1, filler="x" * limit)
    assert call(function, size=1) == "x"


def test_json_output_is_passed_through_and_other_lines_are_prefixed(toy_bundle: Make) -> None:
    toy = toy_bundle(TOY)
    line = json.dumps({"event": "message", "text": "é"})
    function = toy.function("toy.prints")
    call(function, lines=[line, "plain", "", "{broken"])
    function.close()
    toy.shared.process_group.stop()
    toy.shared.output.stop()
    assert toy.output.getvalue().splitlines() == [line, "Toy: plain", "{broken", "Toy: no end of a line"]


def test_process_is_frozen_between_events(toy_bundle: Make, tmp_path: Path) -> None:
    function = toy_bundle(TOY).function("toy.starts_a_thread")
    file = tmp_path / "count"
    call(function, file=str(file), start=True)
    (pid,) = function.pids()
    state = Path(f"/proc/{pid}/stat")
    if not state.exists():
        pytest.skip("requires /proc")
    eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "the process is stopped")
    before = file.stat().st_size

    def thread_has_run() -> bool:
        call(function, file=str(file), start=False)
        return file.stat().st_size > before

    eventually(thread_has_run, "the thread runs during other events")


def test_bundle_is_read_only_and_writes_by_root_are_detected(toy_bundle: Make) -> None:
    toy = toy_bundle(TOY)
    bundle = toy.shared.bundle
    modes = {path.name: path.stat().st_mode & 0o777 for path in (bundle.task_root, *bundle.task_root.rglob("*"))}
    assert modes == {"task": 0o555, "toy.py": 0o444}
    assert bundle.changes() == []
    if os.geteuid() == 0:
        call(toy.function("toy.writes"))
        assert "written" in bundle.changes()  # and bytecode, which Python writes as root only
    else:
        with pytest.raises(FunctionFailed) as failed:
            call(toy.function("toy.writes"))
        assert failed.value.error_type == "PermissionError"


def test_close_fails_running_and_waiting_events_and_leaves_no_process(
    toy_bundle: Make, errors: Errors, tmp_path: Path
) -> None:
    function = toy_bundle(TOY).function("toy.waits", environments=1)
    with ThreadPoolExecutor(2) as threads:
        calls = [
            threads.submit(call, function, started=str(tmp_path), gate=str(tmp_path / "never")) for _ in range(2)
        ]
        eventually(lambda: any(path.name.isdigit() for path in tmp_path.iterdir()), "an event is being handled")
        (pid,) = function.pids()
        threading.Thread(target=function.close).start()
        for future in calls:
            with pytest.raises(FunctionFailed):
                future.result()
    assert not is_alive(pid)
    assert errors() == ""  # a shutdown is not logged as an error
