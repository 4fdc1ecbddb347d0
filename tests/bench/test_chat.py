"""A short run against the real server, over real sockets."""

import pytest

from bench import __main__ as command
from bench import chat

TINY = chat.Scale(clients=(3,), seconds=0.5, max_messages=12)


def test_people_chat_with_the_real_server_and_nothing_is_lost() -> None:
    shown: list[str] = []
    progress: list[str] = []

    assert chat.report(TINY, shown.append, progress.append)

    assert progress == ["3 people: done"]
    lines = shown[0].splitlines()
    closed, fixed = ([cell.strip() for cell in line.split("|")] for line in lines[2:])
    assert closed[2] == "closed, 3"
    assert fixed[2].endswith("/s")
    for cells in (closed, fixed):
        assert cells[8] == "0 / 0 / 0"
        # Socket, head, membership, rate, transaction, recipients: and more only where senders collide.
        assert float(cells[7]) >= 6


def test_an_unknown_word_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["nonsense"])

    assert ended.value.code == 2
    assert "append" in capsys.readouterr().err
