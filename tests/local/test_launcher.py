"""`python -m local` as a process: its ready line, its error messages, and its complete shutdown."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from local.errors import LocalError
from local.gateway import Apis, Gateway, RestApi, Route, load_gateway_responses
from local.launcher import check_health
from tests.local.instance import Instances, eventually, get, is_alive


def test_ready_line_is_json_and_sigterm_stops_everything_within_5_seconds(
    instances: Instances, toy_app: Path
) -> None:
    instance = instances.start("--app-dir", str(toy_app))
    ready = instance.ready
    status, health = get(f"{ready['http_url']}/health")
    assert (status, health["status"], health["pid"]) == (200, "ok", instance.process.pid)
    assert health["management"] == ready["management_url"]
    assert ready["pid"] == instance.process.pid
    assert is_alive(ready["store_pid"])

    with connect(ready["ws_url"]) as client:
        assert instance.stop() < 5
        with pytest.raises(ConnectionClosed) as closing:
            client.recv(timeout=5)
    assert closing.value.rcvd is not None
    assert closing.value.rcvd.code == 1001
    assert instance.process.returncode == 0
    assert not is_alive(ready["store_pid"])
    rest, errors = instance.rest_of_output()
    assert rest == ""
    assert "a line on stdout\n" in errors
    assert "a line in the app's log" in errors
    assert "Traceback" not in errors


def test_ctrl_c_stops_the_store_after_the_gateway(instances: Instances, toy_app: Path) -> None:
    instance = instances.start("--app-dir", str(toy_app))
    assert os.getpgid(instance.ready["store_pid"]) != os.getpgid(instance.process.pid)
    instance.process.send_signal(signal.SIGINT)
    assert instance.process.wait(5) == 0
    assert not is_alive(instance.ready["store_pid"])
    assert "Traceback" not in instance.rest_of_output()[1]


def test_sigkill_leaves_no_store_behind(instances: Instances, toy_app: Path) -> None:
    instance = instances.start("--app-dir", str(toy_app))
    instance.process.kill()
    store = instance.ready["store_pid"]
    eventually(lambda: not is_alive(store), "the store exits after its launcher", 5)


def test_end_of_standard_input_stops_the_instance_if_requested(instances: Instances, toy_app: Path) -> None:
    # Standard input is /dev/null here, so its end is reached at once.
    process = instances.spawn("--app-dir", str(toy_app), "--port", "0", "--until-input-ends")
    assert process.wait(15) == 0


def test_store_that_exits_stops_the_instance_with_one_sentence(instances: Instances, toy_app: Path) -> None:
    instance = instances.start("--app-dir", str(toy_app))
    os.kill(instance.ready["store_pid"], signal.SIGKILL)
    assert instance.process.wait(5) == 1
    errors = instance.rest_of_output()[1]
    assert "The store (MiniStack, process" in errors
    assert "exited with code -9" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("option", "message"),
    [("--port", "Port {} is in use"), ("--ws-port", "Port {} is in use"), ("--store-port", "port {} on")],
)
def test_port_in_use_is_named_in_the_error(instances: Instances, toy_app: Path, option: str, message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        others = () if option == "--port" else ("--port", "0")
        code, errors = instances.failure("--app-dir", str(toy_app), option, str(taken), *others)
    assert code == 1
    assert message.format(taken) in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--store", "dynamodb.local:8000"), "--store must be a URL such as"),
        (("--store", "http://127.0.0.1:8002", "--data", "somewhere"), "--data configures the built-in store"),
        (("--port", "65536"), "A port must be an integer from 0 to 65535"),
        (("--port", "0", "--app-dir", "/nowhere"), "/nowhere has no app.py"),
    ],
)
def test_invalid_option_is_reported_in_one_sentence(
    instances: Instances, arguments: tuple[str, ...], message: str
) -> None:
    code, errors = instances.failure(*arguments)
    assert (code, errors.startswith(message), errors.count("\n")) == (1, True, 1), errors


def test_invalid_setting_is_reported_with_the_message_of_the_app(instances: Instances, toy_app: Path) -> None:
    code, errors = instances.failure("--app-dir", str(toy_app), "--port", "0", CHAT_LIMIT_CONVERSATION="9")
    assert code == 1
    assert errors.splitlines()[-1].startswith("The app's settings are invalid: unknown setting CHAT_LIMIT_C")
    assert "Traceback" not in errors


def test_import_error_of_the_app_is_reported_with_a_traceback(instances: Instances, toy_app: Path) -> None:
    (toy_app / "app.py").write_text("import missing_module\n", encoding="utf-8")
    code, errors = instances.failure("--app-dir", str(toy_app), "--port", "0")
    assert code == 1
    assert f'File "{toy_app / "app.py"}", line 1' in errors
    assert errors.splitlines()[-1].endswith("ModuleNotFoundError: No module named 'missing_module'")


@pytest.mark.parametrize(("status", "timeout"), [(503, 0), (500, 60)])
def test_unhealthy_app_fails_the_health_check(status: int, timeout: float) -> None:
    responses = load_gateway_responses()
    unhealthy = RestApi(lambda _event, _context: {"statusCode": status}, (Route("/health", "GET"),), responses)
    with Gateway(Apis(rest=unhealthy)) as gateway, pytest.raises(LocalError, match=f"answers {status}"):
        check_health(gateway.http_url, timeout)


def test_health_check_waits_for_an_unavailable_app() -> None:
    states = iter([503, 503, 200])
    recovering = RestApi(
        lambda _event, _context: {"statusCode": next(states)},
        (Route("/health", "GET"),),
        load_gateway_responses(),
    )
    with Gateway(Apis(rest=recovering)) as gateway:
        check_health(gateway.http_url)
    assert list(states) == []


def test_health_check_fails_without_a_response() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(LocalError, match="got no response"):
            check_health(f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_unreachable_store_is_reported_in_one_sentence(instances: Instances, toy_app: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound but not listening, so that no other process can use the port
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code, errors = instances.failure("--app-dir", str(toy_app), "--port", "0", "--store", url)
    assert code == 1
    assert errors.splitlines()[-1].startswith(f"No DynamoDB endpoint answers at {url}")
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("key", "region", "message"),
    [("a key", None, "needs a region"), (None, "eu-west-1", "needs AWS credentials")],
)
def test_remote_store_never_receives_dummy_credentials(
    instances: Instances, toy_app: Path, tmp_path: Path, key: str | None, region: str | None, message: str
) -> None:
    nowhere = str(tmp_path / "nothing")
    code, errors = instances.failure(
        # An address of this machine that does not count as loopback.
        *("--app-dir", str(toy_app), "--port", "0", "--store", "http://127.0.0.2:9"),
        AWS_ACCESS_KEY_ID=key,
        AWS_SECRET_ACCESS_KEY=key,
        AWS_SESSION_TOKEN=None,
        AWS_PROFILE=None,
        AWS_DEFAULT_REGION=region,
        AWS_SHARED_CREDENTIALS_FILE=nowhere,
        AWS_CONFIG_FILE=nowhere,
        AWS_EC2_METADATA_DISABLED="true",
    )
    assert code == 1
    assert message in errors.splitlines()[-1]


def test_instance_uses_an_external_store_and_leaves_it_running(instances: Instances, toy_app: Path) -> None:
    store = instances.start("store", "--store-port", "0")
    url = store.ready["store_url"]
    instance = instances.start("--app-dir", str(toy_app), "--store", url)
    assert (instance.ready["store_url"], instance.ready["store_pid"]) == (url, None)
    assert get(f"{instance.ready['http_url']}/health")[0] == 200
    instance.stop()
    assert is_alive(store.ready["store_pid"])
    assert store.stop() < 5
    assert not is_alive(store.ready["store_pid"])


def test_reload_restarts_the_server_on_its_ports_and_keeps_the_store(instances: Instances, toy_app: Path) -> None:
    instance = instances.start("--app-dir", str(toy_app), "--reload")
    health_url = f"{instance.ready['http_url']}/health"
    first = get(health_url)[1]["pid"]
    source = toy_app / "app.py"
    text = source.read_text(encoding="utf-8")

    source.write_text("this is no Python", encoding="utf-8")
    eventually(lambda: not is_alive(first), "the server with the old source exits")
    assert instance.process.poll() is None
    source.write_text(text, encoding="utf-8")
    eventually(lambda: _answers(health_url), "the server starts with the repaired source")
    second = get(health_url)[1]["pid"]
    assert second not in (first, instance.process.pid)
    assert is_alive(instance.ready["store_pid"])

    instance.process.kill()
    pids = [second, instance.ready["store_pid"]]
    eventually(lambda: not any(is_alive(pid) for pid in pids), "server and store exit after the launcher", 5)


def _answers(url: str) -> bool:
    try:
        return get(url)[0] == 200
    except OSError:
        return False


def test_without_json_prints_a_banner_and_verbose_logs_requests(instances: Instances, toy_app: Path) -> None:
    process = instances.spawn("--app-dir", str(toy_app), "--port", "0", "--verbose")
    assert process.stdout is not None
    lines = []
    while (line := process.stdout.readline()) and "Press Ctrl-C to stop." not in line:
        lines.append(line.strip())
    text = "\n".join(lines)
    for part in ("http://127.0.0.1:", "ws://127.0.0.1:", "ALICE=ey", "BOB=ey", "CAROL=ey", "listen --as bob"):
        assert part in text
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert "rest GET /health 200" in process.communicate()[1]
