"""The command, the profile that it is given, and the document that it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.costs.__main__ import main
from infra.costs.profile import read_profile
from infra.errors import InfraError
from tests.infra.checkouts import ROOT
from tests.infra.costs.people import USUAL

DOCUMENT = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")


def test_a_file_replaces_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "quiet.json"
    path.write_text('{"usage": {"messages": 2}, "technical": {"init_ms": 100}}')
    changed = read_profile(path)
    assert (changed.usage.messages, changed.technical.init_ms) == (2, 100)
    assert changed.usage.model_copy(update={"messages": USUAL.usage.messages}) == USUAL.usage


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"usage": {"mesages": 2}}', "usage.mesages"),
        ('{"usage": {"messages": -1}}', "usage.messages"),
        ('{"usage": 3}', "usage"),
        ("[]", "must hold an object"),
        ("{", "cannot be read"),
    ],
)
def test_a_wrong_profile_is_explained(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(InfraError) as refused:
        read_profile(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_the_command_ends_with_an_error_where_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--profile", str(tmp_path / "none.json")]) == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("users", ["-1", "many"])
def test_the_command_refuses_what_is_no_number_of_users(users: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"--users={users}"])
    assert "must be a whole number from 0 on" in capsys.readouterr().err


def test_the_command_prints_the_numbers_of_users_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--users", "5000"]) == 0
    printed = capsys.readouterr().out
    assert "5,000 users" in printed
    assert "1,000 users" not in printed
    assert "|" not in printed


def test_the_document_holds_what_the_program_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--markdown"]) == 0
    _, _, rest = DOCUMENT.partition("<!-- printed by `python -m infra.costs --markdown` -->\n")
    stands, _, _ = rest.partition("<!-- end -->")
    assert stands.strip() == capsys.readouterr().out.strip(), "put what it prints into docs/costs.md"
