"""The history id of a stage: its setting and the name of the conversations table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.core.kernel.history_id import HistoryId
from infra.stage import InfraSettings, read_stage
from infra.template import functions

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [0, 7, 10**15 - 1])
def test_functions_get_the_number_of_the_stage_and_the_name_of_the_table(number: int) -> None:
    stage = replace(read_stage(ROOT, "dev"), infra=InfraSettings(history=number))
    variables = functions.fragment(stage)["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["CHAT_HISTORY_ID"] == {"Fn::Sub": f"{number}.${{ConversationsTable}}"}
    resolved = variables["CHAT_HISTORY_ID"]["Fn::Sub"].replace("${ConversationsTable}", "chat-dev-Table-1A2B")
    assert HistoryId.parse(resolved) == HistoryId(number, "chat-dev-Table-1A2B")


@pytest.mark.parametrize("number", [-1, 10**15])
def test_number_outside_its_range_is_rejected(number: int) -> None:
    with pytest.raises(ValueError, match="history"):
        InfraSettings(history=number)
