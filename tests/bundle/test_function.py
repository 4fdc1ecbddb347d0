"""A function in processes of AWS's own runtime: what it is given, how it fails, how many there are of it."""

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
from tests.bundle.conftest import Context, Workshop
from tests.local.instance import eventually, is_alive

Make = Callable[[str], Workshop]
Errors = Callable[[], str]

TOY = """
import json, os, sys, time

def echo(event, context):
    return {"event": event, "id": context.aws_request_id, "left": context.get_remaining_time_in_millis(),
            "arn": context.invoked_function_arn, "pid": os.getpid()}

def where(event, context):
    return {"environment": dict(os.environ), "path": sys.path, "cwd": os.getcwd()}

def fails(event, context):
    raise LookupError("no " + event["what"])

def not_json(event, context):
    return {1, 2}

def large(event, context):
    return "x" * event["size"]

def leaves(event, context):
    if event.get("leave"):
        os._exit(3)
    return os.getpid()

def hangs(event, context):
    if event.get("hang"):
        time.sleep(60)
    return os.getpid()

def waits(event, context):
    open(event["begun"] + "/" + str(os.getpid()), "w").close()
    while not os.path.exists(event["gate"]):
        time.sleep(0.01)
    return os.getpid()

def says(event, context):
    for each in event["lines"]:
        print(each, flush=True)
    sys.stdout.write("no end of")
    sys.stdout.flush()
    sys.stderr.write(" a line\\n")

def leaves_a_thread(event, context):
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


def test_an_event_and_its_context_arrive_and_the_answer_comes_back(workshop: Make) -> None:
    function = workshop(TOY).function("toy.echo", timeout=25)
    answer = function({"body": 'é "\\ 💬'}, Context("6f1c0d0e-0000-4000-8000-000000000002"))
    assert answer["event"] == {"body": 'é "\\ 💬'}
    assert answer["id"] == "6f1c0d0e-0000-4000-8000-000000000002"
    assert 20_000 < answer["left"] <= 25_000
    assert answer["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:Toy"


def test_one_process_takes_one_event_after_the_other(workshop: Make) -> None:
    function = workshop(TOY).function("toy.echo")
    assert function.pids() == []
    pids = {function({}, Context())["pid"] for _ in range(20)}
    assert function.pids() == sorted(pids)
    assert len(pids) == 1


def test_the_environment_holds_what_lambda_and_the_template_set_and_nothing_of_ours(
    workshop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_SOMETHING_OF_OURS", "x")
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    made = workshop(TOY)
    answer = made.function("toy.where", variables={"CHAT_STAGE": "dev"})({}, Context())
    environment = answer["environment"]
    # LC_CTYPE: Python itself, where the C locale has no UTF-8. _X_AMZN_TRACE_ID: the runtime, for each event.
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
    task = str(made.machine.bundle.task_root)
    assert answer["cwd"] == task
    assert answer["path"][:2] == [task, str(made.machine.runtime.packages)]
    assert [path for path in answer["path"][1:] if "site-packages" in path] == [answer["path"][1]]
    assert list(Path(environment["HOME"]).iterdir()) == []


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("toy.nobody", "Runtime.HandlerNotFound", "nobody"),
        ("nothing.at_all", "Runtime.ImportModuleError", "nothing"),
    ],
)
def test_a_function_that_cannot_start_says_why_each_time(
    workshop: Make, errors: Errors, handler: str, kind: str, message: str
) -> None:
    function = workshop(TOY).function(handler)
    for _ in range(2):
        with pytest.raises(FunctionFailed) as failed:
            call(function)
        assert failed.value.error_type == kind
        assert message in failed.value.error_message
    assert f"function Toy could not start: {kind}" in errors()
    assert function.pids() == []


def test_a_process_that_ends_while_it_starts_says_so(workshop: Make, errors: Errors) -> None:
    function = workshop("import os\nos._exit(5)\n").function("toy.echo")
    with pytest.raises(FunctionFailed) as failed:
        call(function)
    assert failed.value.error_type == "Runtime.ExitError"
    assert "could not start: its process exited with status 5" in errors()


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [("toy.fails", "LookupError", "no luck"), ("toy.not_json", "Runtime.MarshalError", "set")],
)
def test_what_a_handler_raises_is_the_functions_failure_and_the_next_event_is_handled(
    workshop: Make, handler: str, kind: str, message: str
) -> None:
    function = workshop(TOY).function(handler)
    for _ in range(2):
        with pytest.raises(FunctionFailed) as failed:
            call(function, what="luck")
        assert failed.value.error_type == kind
        assert message in failed.value.error_message
    assert len(function.pids()) == 1


def test_a_process_that_ends_in_the_middle_is_replaced(workshop: Make, errors: Errors) -> None:
    function = workshop(TOY).function("toy.leaves")
    first = call(function)
    with pytest.raises(FunctionFailed) as failed:
        call(function, leave=True)
    assert failed.value.error_type == "Runtime.ExitError"
    assert "function Toy did not answer: its process exited with status 3" in errors()
    assert call(function) != first


def test_a_process_that_ended_between_events_is_replaced_unnoticed(workshop: Make) -> None:
    function = workshop(TOY).function("toy.leaves")
    first = call(function)
    assert isinstance(first, int)
    os.kill(first, 9)
    eventually(lambda: not is_alive(first), "it has ended")
    second = call(function)
    assert second != first
    assert function.pids() == [second]


def test_a_function_that_takes_too_long_is_killed_and_replaced(workshop: Make, errors: Errors) -> None:
    function = workshop(TOY).function("toy.hangs", timeout=1)
    first = call(function)
    assert isinstance(first, int)
    with pytest.raises(FunctionFailed) as failed:
        call(function, hang=True)
    assert failed.value.error_type == "Sandbox.Timedout"
    assert "function Toy timed out after 1.00 seconds" in errors()
    assert not is_alive(first)
    assert call(function) != first


def test_more_events_than_environments_wait_in_line_and_none_is_refused(workshop: Make, tmp_path: Path) -> None:
    function = workshop(TOY).function("toy.waits", environments=2)
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    begun.mkdir()
    with ThreadPoolExecutor(5) as threads:
        answers = [threads.submit(call, function, begun=str(begun), gate=str(gate)) for _ in range(5)]
        eventually(lambda: len(list(begun.iterdir())) == 2, "two are at work")
        assert len(function.pids()) == 2
        gate.touch()
        pids = [each.result() for each in answers]
    assert len(pids) == 5
    assert set(pids) == set(function.pids())


def test_events_in_line_are_handled_although_the_first_one_fails(workshop: Make) -> None:
    function = workshop(TOY).function("toy.hangs", timeout=1, environments=1)
    with ThreadPoolExecutor(2) as threads:
        lost = threads.submit(call, function, hang=True)
        eventually(lambda: function.pids() != [], "it is at work")
        assert isinstance(threads.submit(call, function).result(), int)
        with pytest.raises(FunctionFailed):
            lost.result()


def test_an_answer_of_6_mb_is_too_large_and_so_is_an_event(workshop: Make) -> None:
    made = workshop(TOY)
    limit = made.machine.gateway_settings.max_payload_bytes
    function = made.function("toy.large")
    assert call(function, size=limit - 2) == "x" * (limit - 2)
    with pytest.raises(FunctionFailed) as failed:
        call(function, size=limit - 1)
    assert failed.value.error_type == "Function.ResponseSizeTooLarge"
    with pytest.raises(PayloadTooLarge):
        call(function, size=1, filler="x" * limit)
    assert call(function, size=1) == "x"


def test_lines_of_json_stay_as_they_are_and_others_say_whose_they_are(workshop: Make) -> None:
    made = workshop(TOY)
    line = json.dumps({"event": "message", "text": "é"})
    function = made.function("toy.says")
    call(function, lines=[line, "plain", "", "{broken"])
    function.close()
    made.machine.process_group.stop()
    made.machine.output.stop()
    assert made.said.getvalue().splitlines() == [line, "Toy: plain", "{broken", "Toy: no end of a line"]


def test_between_events_a_function_is_frozen(workshop: Make, tmp_path: Path) -> None:
    function = workshop(TOY).function("toy.leaves_a_thread")
    file = tmp_path / "count"
    call(function, file=str(file), start=True)
    (pid,) = function.pids()
    state = Path(f"/proc/{pid}/stat")
    if not state.exists():
        pytest.skip("looks into /proc")
    eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "it is stopped")
    before = file.stat().st_size

    def has_gone_on() -> bool:
        call(function, file=str(file), start=False)
        return file.stat().st_size > before

    eventually(has_gone_on, "the thread goes on during other events")


def test_the_bundle_is_read_only_and_what_root_writes_all_the_same_is_found(workshop: Make) -> None:
    made = workshop(TOY)
    disk = made.machine.bundle
    modes = {path.name: path.stat().st_mode & 0o777 for path in (disk.task_root, *disk.task_root.rglob("*"))}
    assert modes == {"task": 0o555, "toy.py": 0o444}
    assert disk.changes() == []
    if os.geteuid() == 0:
        call(made.function("toy.writes"))
        assert "written" in disk.changes()  # and the bytecode that Python could not have written either
    else:
        with pytest.raises(FunctionFailed) as failed:
            call(made.function("toy.writes"))
        assert failed.value.error_type == "PermissionError"


def test_at_its_end_waiting_and_running_events_fail_and_no_process_is_left(
    workshop: Make, errors: Errors, tmp_path: Path
) -> None:
    function = workshop(TOY).function("toy.waits", environments=1)
    with ThreadPoolExecutor(2) as threads:
        answers = [
            threads.submit(call, function, begun=str(tmp_path), gate=str(tmp_path / "never")) for _ in range(2)
        ]
        eventually(lambda: any(each.name.isdigit() for each in tmp_path.iterdir()), "one is at work")
        (pid,) = function.pids()
        threading.Thread(target=function.close).start()
        for answer in answers:
            with pytest.raises(FunctionFailed):
                answer.result()
    assert not is_alive(pid)
    assert errors() == ""  # that was no failure
