"""Every state of the page: axe finds no violation, everything has a name, and no component is left out."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.browser.axe import violations
from tests.browser.names import unnamed
from tests.browser.selection import whole_only
from tests.browser.states import SAMPLE, SAMPLED, SCENES
from tests.browser.states.marks import Marks, own_marks
from tests.browser.states.model import Stages

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WITHOUT_MARKS = {"element", "LiveRegion"}
"""Components that have nothing of their own to be seen: one shows the others, the other is for screen readers."""
NOT_VISITED = {
    "yesterday": "it takes a day",
    "expired": "retention takes a day; the element is that of a deleted message",
    "directConversation": "an invitation to a direct conversation needs a chat with `CHAT_ADDING=consent`",
    "storageFull": "a toast, for which the disk would have to be full",
    "originalUnavailable": "a toast, for which a message would have to be missing in the log",
}
"""The texts that no state shows, with the reasons."""


def test_axe_finds_no_violation_in_ten_states(stages: Stages) -> None:
    found: dict[str, list[str]] = {}
    visited = SAMPLED.visit(stages("x"), SAMPLE.__contains__)
    for number, (state, page) in enumerate(visited):
        theme = THEMES[number % 2]
        page.emulate_media(color_scheme=theme)
        found[f"{state}, {theme}"] = violations(page)
    assert len(found) == 10
    assert not any(found.values()), found


def test_every_component_can_be_told_from_the_others() -> None:
    marks = own_marks()
    assert {name for name, (classes, texts) in marks.items() if not classes and not texts} == WITHOUT_MARKS
    assert Marks(set(), set()).unseen_components() == marks.keys()
    seen = Marks({"invitation-title"}, {"Remove Bob from the conversation?", "Waiting for consent"})
    assert marks.keys() - seen.unseen_components() == {"Invitations", "PendingMembers"}


@whole_only
@pytest.mark.parametrize("scene_name", SCENES)
def test_every_state_is_accessible(stages: Stages, scene_name: str) -> None:
    found: dict[str, list[str]] = {}
    for state, page in SCENES[scene_name].visit(stages(scene_name)):
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            found[f"{state}, {theme}"] = violations(page)
        found[f"{state}, names"] = unnamed(page)
    assert {state: problems for state, problems in found.items() if problems} == {}


@whole_only
def test_every_component_class_and_text_is_in_a_state(stages: Stages) -> None:
    seen = Marks(set(), set())
    for scene_name, scene in SCENES.items():
        for _, page in scene.visit(stages(f"all{scene_name}")):
            seen.add(Marks.on(page))
    assert seen.unseen_components() == WITHOUT_MARKS
    assert seen.unseen_classes() == set()
    assert seen.unseen_texts() == NOT_VISITED.keys()
