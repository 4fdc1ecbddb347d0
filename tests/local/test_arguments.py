"""The options of the command line, before and after a command."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from local.arguments import DEFAULTS, with_defaults
from local.cli import parser
from local.errors import LocalError
from local.settings import HTTP_PORT


def parsed(*arguments: str) -> argparse.Namespace:
    return with_defaults(parser().parse_args(arguments))


@pytest.mark.parametrize(
    ("command", "option", "name", "value"),
    [
        (("store",), ("--data", "d"), "data", Path("d")),
        (("store",), ("--store-port", "9"), "store_port", 9),
        (("store",), ("--synchronous", "full"), "synchronous", "full"),
        (("store",), ("--json",), "json", True),
        (("listen", "--as", "bob"), ("--port", "9"), "port", 9),
        (("listen", "--as", "bob"), ("--ws-port", "9"), "ws_port", 9),
        (("token", "bob"), ("--bundle", "b"), "bundle", Path("b")),
    ],
)
def test_option_means_the_same_before_and_after_a_command(
    command: tuple[str, ...], option: tuple[str, ...], name: str, value: object
) -> None:
    before, after = parsed(*option, *command), parsed(*command, *option)
    assert getattr(before, name) == getattr(after, name) == value
    assert vars(before) == vars(after)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("--reload", "token", "bob"), "--reload"),
        (("--json", "token", "bob"), "--json"),
        (("--store-port", "9", "listen", "--as", "bob"), "--store-port"),
        (("--port", "9", "store"), "--port"),
        (("--data", "d", "backup", "d", "e"), "--data"),
        (("--until-input-ends", "store"), "--until-input-ends"),
    ],
)
def test_option_that_a_command_does_not_have_is_rejected_by_name(arguments: tuple[str, ...], option: str) -> None:
    with pytest.raises(LocalError, match=f"does not have {option}"):
        parsed(*arguments)


def test_later_value_of_an_option_wins() -> None:
    assert parsed("--port", "8", "listen", "--as", "bob", "--port", "9").port == 9


def test_options_that_are_not_given_have_their_defaults() -> None:
    assert parsed("listen", "--as", "bob").port == parsed().port == HTTP_PORT
    assert parsed("store").data is None
    assert parsed("token", "bob").display_name is None
    assert parsed().synchronous == "normal"


def test_every_option_of_a_run_has_a_default() -> None:
    options = {action.dest for action in parser()._actions if action.option_strings and action.dest != "help"}
    assert options == DEFAULTS.keys()
