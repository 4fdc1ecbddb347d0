"""The history id of a build is the first one of its table; a deployment binds that of the stage."""

from __future__ import annotations

from pathlib import Path

from chalicelib.core.kernel.history_id import HistoryId
from infra.deploy.state import StageState, bind_state
from infra.stage import read_stage
from infra.template import functions

ROOT = Path(__file__).parents[2]


def test_functions_get_the_number_of_the_stage_and_the_name_of_the_table() -> None:
    build = {**functions.fragment(read_stage(ROOT, "dev")), "Outputs": {}}
    for state, number in ((StageState(), 0), (StageState(history=1_800_000_000), 1_800_000_000)):
        variables = bind_state(build, state)["Globals"]["Function"]["Environment"]["Variables"]
        assert variables["CHAT_HISTORY_ID"] == {"Fn::Sub": f"{number}.${{ConversationsTable}}"}
        resolved = variables["CHAT_HISTORY_ID"]["Fn::Sub"].replace("${ConversationsTable}", "chat-dev-Table-1A2B")
        assert HistoryId.parse(resolved) == HistoryId(number, "chat-dev-Table-1A2B")
