"""Keys do not leave a modal dialog, and after its end the focus is where it was before."""

from __future__ import annotations

from typing import cast

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.states import SCENES
from tests.browser.states.model import Stages

NOTE_OPENERS = """(() => {
  const show = HTMLDialogElement.prototype.showModal;
  HTMLDialogElement.prototype.showModal = function () {
    globalThis.opener = this.getRootNode().activeElement;
    return show.call(this);
  };
})()"""
"""A script that notes which element has the focus when a dialog opens."""
_PLACES = """() => {
  const dialog = document.querySelector("serverless-chat").shadowRoot.querySelector("dialog");
  const places = [...dialog.querySelectorAll("button, input, select, textarea")];
  globalThis.places = places.filter((place) => !place.disabled);
  return globalThis.places.length;
}"""
_PLACE = """() => {
  const active = document.querySelector("serverless-chat").shadowRoot.activeElement;
  if (!active) return "nowhere";
  return active.closest("dialog") ? String(places.indexOf(active)) : "outside: " + active.outerHTML.slice(0, 200);
}"""
_IS_BACK = """() => {
  const active = document.querySelector("serverless-chat").shadowRoot.activeElement;
  return active !== null && (active === opener || active === opener.closest("article"));
}"""


def assert_tab_stays(page: Page, state: str) -> None:
    """Assert that Tab moves through the open dialog in the order of its elements, again and again."""
    count = cast("int", page.evaluate(_PLACES))
    order = []
    for _ in range(2 * (count + 2)):
        page.keyboard.press("Tab")
        order.append(cast("str", page.evaluate(_PLACE)))
    # Between the last and the first element, the focus is in the browser's interface, or on a part that scrolls.
    places = [place for place in order if place not in ("nowhere", "-1")]
    rounds = [str(number) for number in range(count)] * 4
    start = rounds.index(places[0]) if places[0] in rounds else 0
    assert len(places) >= count, f"{state}: {order}"
    assert places == rounds[start : start + len(places)], f"{state}: {order}"


@whole_only
@pytest.mark.parametrize("scene_name", ["everything", "assembly", "direct", "newcomer"])
def test_keys_stay_in_a_dialog_and_the_focus_returns(stages: Stages, scene_name: str) -> None:
    scene = SCENES[scene_name]
    visit = scene.open(stages(f"d{scene_name}"))
    page = visit.page
    page.evaluate(NOTE_OPENERS)
    visited = 0
    for state, way in scene.states.items():
        steps = way(visit)
        next(steps)
        is_dialog = page.locator("dialog[open]").count() > 0
        if is_dialog:
            visited += 1
            assert_tab_stays(page, state)
        next(steps, None)
        if is_dialog:
            page.locator("dialog").wait_for(state="detached")
            assert page.evaluate(_IS_BACK), f"{state}: {page.evaluate('opener?.outerHTML')}"
    assert visited


@whole_only
def test_selection_that_ends_beside_a_dialog_does_not_close_it(open_page: OpenPage) -> None:
    page = open_page("alice-q1")
    page.get_by_role("button", name="New conversation").click()
    title = page.get_by_role("textbox", name="Title", exact=True)
    title.fill("A long title")
    box = title.bounding_box()
    assert box
    page.mouse.move(box["x"] + 60, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(5, 300)
    page.mouse.up()
    expect(title).to_have_value("A long title")
    page.mouse.click(5, 300)
    expect(title).to_have_count(0)
