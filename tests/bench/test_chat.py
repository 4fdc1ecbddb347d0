"""A short run against the real server, over real sockets."""

import pytest

from bench import __main__ as command
from bench import chat

TINY = chat.Scale(clients=(3,), seconds=0.5, max_messages=12)


def test_run_against_the_real_server_has_no_violations() -> None:
    shown: list[str] = []
    progress: list[str] = []

    assert chat.report(TINY, shown.append, progress.append)

    assert progress == ["3 clients: done"]
    lines = shown[0].splitlines()
    closed, fixed = ([cell.strip() for cell in line.split("|")] for line in lines[2:])
    assert closed[2] == "closed, 3"
    assert fixed[2].endswith("/s")
    for cells in (closed, fixed):
        assert cells[8] == "0 / 0 / 0"
        # Connection, head, membership, rate limit, transaction, recipients; more only for conflicts.
        assert float(cells[7]) >= 6


def test_unknown_benchmark_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["nonsense"])

    assert ended.value.code == 2
    assert "append" in capsys.readouterr().err
