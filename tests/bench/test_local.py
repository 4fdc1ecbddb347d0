"""The closed loop against the local cloud: a short run, and the load generator's own rules."""

import json
import socket
import threading
from pathlib import Path

import pytest

from bench import abuse, local, overload
from bench.chat_clients import ClientFailed
from bench.checkout import running_chat
from bench.people import People
from bench.server import ServerFailed
from bench.targets import Targets
from local.settings import ROOT

TINY = local.Scale(people=(3,), runs=1, warm_up_seconds=0.1, seconds=0.5)


def test_short_run_loses_nothing() -> None:
    shown: list[str] = []
    progress: list[str] = []
    targets = Targets()

    assert local.report(TINY, shown.append, progress.append, targets)

    cells = [cell.strip() for cell in shown[0].splitlines()[2].split("|")]
    assert (cells[1], cells[2]) == ("3", "this")
    assert float(cells[3]) > 0
    assert cells[6] == cells[8] == "0"  # dropped pushes, violations
    assert len(progress) == 1
    assert [target.is_met for target in targets.results if target.name.startswith("dropped")] == [True]


def test_overload_loses_nothing() -> None:
    shown: list[str] = []
    scale = overload.Scale(
        people=2, factor=3, seconds=0.3, fill_seconds=0.1, recovery_seconds=0.3, idle_seconds=0.0, runs=1
    )

    assert overload.report(scale, shown.append, lambda text: None, Targets())

    cells = [cell.strip() for cell in shown[0].splitlines()[2].split("|")]
    assert float(cells[2]) > float(cells[1]) > 0  # offered, peak
    assert cells[10] == "0"  # violations


def test_lost_pushes_and_missing_messages_are_counted() -> None:
    with running_chat(ROOT) as chat:
        people = People(chat.http_url, chat.ws_url, chat.tokens(["ann", "ben"]))
        try:
            results = people.chat(0.2)
            people.wait_for_pushes(len(results.acked), 10)
            pushed = people.pushed()
            assert all(set(results.acked.values()) <= set(numbers) for numbers in pushed)
            assert people.conversation.violations(results.acked) == 0
            assert people.conversation.violations(results.acked | {"ann:999": 999}) == 1
        finally:
            people.close()


def test_chat_that_does_not_start_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/bin/false")
    with pytest.raises(ServerFailed, match="did not start"), running_chat(tmp_path):
        pass


def test_rejected_handshake_ends_the_run() -> None:
    answers = [
        b"HTTP/1.1 201 Created\r\nContent-Length: 24\r\n\r\n" + json.dumps({"conversation_id": "c"}).encode(),
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
    ]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                client, _ = listener.accept()
                with client:
                    client.recv(65_536)
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(ClientFailed, match="403"):
            People(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/local", {"ann": "t"})
        thread.join()


def test_attacker_costs_honest_people_no_message() -> None:
    shown: list[str] = []
    progress: list[str] = []
    scale = abuse.Scale(people=5, interval=0.25, seconds_before=0.5, seconds=2.0, warm_up=0.1)

    assert abuse.report(scale, shown.append, progress.append, targets := Targets())

    alone, attacked = ([cell.strip() for cell in line.split("|")] for line in shown[0].splitlines()[2:])
    assert (int(alone[2]), int(attacked[2])) == (10, 40)
    assert alone[4] == attacked[4] == "0"  # refused
    assert [target.bound for target in targets.results] == [2.0, 0.0]
    kinds = ("http 200", "handshake 101", *(f"frame {kind}" for kind in ("hello", "send", "invalid")))
    assert all(f"{kind}: " in progress[0] for kind in kinds), progress
