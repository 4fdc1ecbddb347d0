"""`python -m local` as a process: its ready line, its errors, its exit status, and a complete shutdown."""

from __future__ import annotations

import shutil
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from local.errors import LocalError
from local.gateway import Apis, Gateway, RestApi, Route, load_gateway_responses
from local.health import check_health
from tests.local.instance import TIMEOUT, Instances, eventually, get, is_alive


def test_ready_line_is_json_and_sigterm_stops_everything_within_5_seconds(
    instances: Instances, toy_app: Path
) -> None:
    instance = instances.start("--app-dir", str(toy_app))
    ready = instance.ready
    status, health = get(f"{ready['http_url']}/health")
    assert (status, health["status"], health["pid"]) == (200, "ok", instance.process.pid)
    assert health["management"] == ready["management_url"]
    assert ready["pid"] == instance.process.pid
    assert health["exempt"] > 10_000, "full garbage collections would visit all loaded modules"
    assert answers_get(ready["store_url"])
    status, config = get(f"{ready['web_url']}config.json")
    assert (status, config["http_url"], config["ws_url"]) == (200, ready["http_url"], ready["ws_url"])
    assert ready["web_page"] in ("ready", "absent")

    with connect(ready["ws_url"]) as client:
        assert instance.stop() < 5
        with pytest.raises(ConnectionClosed) as closing:
            client.recv(timeout=5)
    assert closing.value.rcvd is not None
    assert closing.value.rcvd.code == 1001
    assert instance.process.returncode == 0
    rest, errors = instance.rest_of_output()
    assert rest == ""
    assert "a line on stdout\n" in errors
    assert "a line in the app's log" in errors
    assert "Traceback" not in errors


def test_ctrl_c_stops_an_instance_with_status_0(instances: Instances, toy_app: Path) -> None:
    instance = instances.start("--app-dir", str(toy_app))
    instance.process.send_signal(signal.SIGINT)
    assert instance.process.wait(5) == 0
    assert "Traceback" not in instance.rest_of_output()[1]


def test_end_of_standard_input_stops_an_instance_with_that_option(instances: Instances, toy_app: Path) -> None:
    # Standard input is /dev/null here: at its end from the beginning.
    process = instances.spawn("--app-dir", str(toy_app), "--port", "0", "--until-input-ends")
    assert process.wait(TIMEOUT) == 0


def test_deleted_data_directory_stops_the_instance_with_status_1(
    instances: Instances, toy_app: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    instance = instances.start("--app-dir", str(toy_app), "--data", str(data))
    shutil.rmtree(data)
    assert instance.process.wait(5) == 1
    errors = instance.rest_of_output()[1]
    assert f"{data / 'dynamodb.sqlite'} was deleted or replaced by another program" in errors
    assert "Traceback" not in errors


def test_data_directory_is_copied_while_it_is_in_use(instances: Instances, toy_app: Path, tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "copy"
    instances.start("--app-dir", str(toy_app), "--data", str(data))
    process = instances.spawn("backup", str(data), str(target))
    assert process.communicate(timeout=TIMEOUT)[0] == f"{data} was copied to {target}.\n"
    assert process.returncode == 0
    instances.start("--app-dir", str(toy_app), "--data", str(target))

    status, errors = instances.failure("backup", str(data), str(target))
    assert (status, errors.startswith(f"{target} is not empty")) == (1, True)


def test_writes_are_synced_at_each_commit_with_that_option(
    instances: Instances, toy_app: Path, tmp_path: Path
) -> None:
    instance = instances.start(
        "--app-dir", str(toy_app), "--data", str(tmp_path / "data"), "--synchronous", "full"
    )
    assert get(f"{instance.ready['http_url']}/health")[0] == 200


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--port", "Port {} is in use"),
        ("--ws-port", "Port {} is in use"),
        ("--store-port", "The store's port {} on 127.0.0.1 cannot be used"),
    ],
)
def test_port_in_use_is_reported_with_its_number(
    instances: Instances, toy_app: Path, option: str, message: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        # Without numbers, the other ports would be those after this one, which may be in use, too.
        free = (
            ("--port", "0") if option != "--port" else ("--ws-port", "0", "--store-port", "0", "--web-port", "0")
        )
        code, errors = instances.failure("--app-dir", str(toy_app), option, str(taken), *free)
    assert code == 1
    assert message.format(taken) in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--store", "dynamodb.local:8000"), "--store must be a URL such as"),
        (("--store", "http://127.0.0.1:8002", "--data", "x"), "--data configures the built-in store"),
        (("--port", "65536"), "A port must be an integer from 0 to 65535"),
        (("backup", "/nowhere", "/nothing"), "There is no database in /nowhere"),
        (("--port", "0", "--app-dir", "/nowhere"), "/nowhere has no app.py"),
    ],
)
def test_invalid_option_is_reported_in_one_sentence(
    instances: Instances, arguments: tuple[str, ...], message: str
) -> None:
    code, errors = instances.failure(*arguments)
    assert (code, errors.startswith(message), errors.count("\n")) == (1, True, 1), errors


def test_unknown_setting_is_reported(instances: Instances, toy_app: Path) -> None:
    code, errors = instances.failure("--app-dir", str(toy_app), "--port", "0", CHAT_LIMIT_CONVERSATION="9")
    assert code == 1
    assert errors.splitlines()[-1].startswith("The app's settings are invalid: ")
    assert "Traceback" not in errors


def test_invalid_endpoint_in_the_settings_is_reported(instances: Instances, toy_app: Path) -> None:
    settings = {"CHAT_EVENTS": "on", "CHAT_ENDPOINTS": '[{"event_bus": "product", "notify": true}]'}
    code, errors = instances.failure("--app-dir", str(toy_app), "--port", "0", **settings)
    assert code == 1
    message = "The app's settings are invalid: CHAT_ENDPOINTS: entry 1 must have a url for notify"
    assert errors.splitlines()[-1].startswith(message)
    assert "Traceback" not in errors


def test_app_that_cannot_be_imported_is_reported_with_its_traceback(instances: Instances, toy_app: Path) -> None:
    (toy_app / "app.py").write_text("import nothing_of_the_sort\n", encoding="utf-8")
    code, errors = instances.failure("--app-dir", str(toy_app), "--port", "0")
    assert code == 1
    assert f'File "{toy_app / "app.py"}", line 1' in errors
    assert errors.splitlines()[-1].endswith("ModuleNotFoundError: No module named 'nothing_of_the_sort'")


@pytest.mark.parametrize(("status", "patience"), [(503, 0), (500, 60)])
def test_unhealthy_app_is_reported(status: int, patience: float) -> None:
    responses = load_gateway_responses()
    unwell = RestApi(lambda _event, _context: {"statusCode": status}, (Route("/health", "GET"),), responses)
    with Gateway(Apis(rest=unwell)) as gateway, pytest.raises(LocalError, match=f"answers {status}"):
        check_health(gateway.http_url, patience)


def test_app_that_becomes_healthy_in_time_is_accepted() -> None:
    states = iter([503, 503, 200])
    gets_well = RestApi(
        lambda _event, _context: {"statusCode": next(states)},
        (Route("/health", "GET"),),
        load_gateway_responses(),
    )
    with Gateway(Apis(rest=gets_well)) as gateway:
        check_health(gateway.http_url)
    assert list(states) == []


def test_missing_response_is_reported() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(LocalError, match="got no response"):
            check_health(f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_missing_store_is_reported_with_its_url(instances: Instances, toy_app: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound, but not listening
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code, errors = instances.failure("--app-dir", str(toy_app), "--port", "0", "--store", url)
    assert code == 1
    assert errors.splitlines()[-1].startswith(f"No DynamoDB endpoint answers at {url}")
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("key", "region", "message"),
    [("a key", None, "needs a region"), (None, "eu-west-1", "needs AWS credentials")],
)
def test_store_elsewhere_is_never_called_with_dummy_credentials(
    instances: Instances, toy_app: Path, tmp_path: Path, key: str | None, region: str | None, message: str
) -> None:
    nowhere = str(tmp_path / "nothing")
    code, errors = instances.failure(
        # An address of this machine, but not one of those that count as local.
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


def test_instance_uses_a_running_store_and_leaves_it_running(instances: Instances, toy_app: Path) -> None:
    store = instances.start("store", "--store-port", "0")
    url = store.ready["store_url"]
    instance = instances.start("--app-dir", str(toy_app), "--store", url, CHAT_EVENTS="on")
    assert instance.ready["store_url"] == url
    assert get(f"{instance.ready['http_url']}/health")[0] == 200
    instance.stop()
    assert "events are off: they need the built-in store" in instance.rest_of_output()[1]
    assert answers_get(url)
    assert store.stop() < 5
    assert not answers_get(url)


def test_reload_restarts_the_server_on_its_ports_and_keeps_the_store(instances: Instances, toy_app: Path) -> None:
    instance = instances.start("--app-dir", str(toy_app), "--reload")
    store_url = instance.ready["store_url"]
    health_url = f"{instance.ready['http_url']}/health"
    first = get(health_url)[1]["pid"]
    source = toy_app / "app.py"
    text = source.read_text(encoding="utf-8")

    source.write_text("not Python", encoding="utf-8")
    eventually(lambda: not is_alive(first), "the server with the old source stops")
    assert instance.process.poll() is None
    source.write_text(text, encoding="utf-8")
    eventually(lambda: answers(health_url), "the server starts with the repaired source")
    second = get(health_url)[1]["pid"]
    assert second not in (first, instance.process.pid)
    assert answers_get(store_url)

    instance.process.kill()
    eventually(lambda: not is_alive(second), "the server stops with the launcher")


def answers(url: str) -> bool:
    try:
        return get(url)[0] == 200
    except OSError:
        return False


def answers_get(store_url: str) -> bool:
    """Return whether the store answers, as DynamoDB's endpoints answer a GET request."""
    try:
        with urllib.request.urlopen(store_url, timeout=TIMEOUT) as response:  # noqa: S310  (http on this machine)
            return bool(response.read().startswith(b"healthy"))
    except OSError:
        return False


def test_banner_is_printed_without_json_and_requests_are_logged_with_verbose(
    instances: Instances, toy_app: Path
) -> None:
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
