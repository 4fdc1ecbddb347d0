"""Keys do not leave a modal dialog, and after its end the focus is where it was before."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.states import SCENES
from tests.browser.states.model import Stages
from tests.support.client import TestClient

People = Callable[[str], TestClient]
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


def open_panel(page: Page, button: str) -> None:
    """Open a dialog of the panel beside the messages."""
    panel = page.get_by_role("complementary")
    if not panel.is_visible():
        page.get_by_role("button", name="Members", exact=True).click()
    panel.get_by_role("button", name=button).click()


@whole_only
def test_second_click_does_nothing_while_the_first_one_is_answered(people: People, open_page: OpenPage) -> None:
    club = people("alice-q2").create_conversation("Club")
    page = open_page("alice-q2", f"/c/{club}")
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    open_panel(page, "Invite links")
    posts.clear()
    page.get_by_role("button", name="Create a link").dblclick()
    expect(page.get_by_role("textbox", name="Copy the link now")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("Escape")
    open_panel(page, "Add")
    page.get_by_role("textbox", name="Participant id").fill("bob-q2")
    page.get_by_role("dialog").get_by_role("button", name="Add").dblclick()
    expect(page.get_by_text("2 members")).to_be_visible()
    assert len(posts) == 2, posts
    expect(page.locator(".toast")).to_have_count(0)


@whole_only
def test_late_answer_to_an_earlier_request_brings_nothing_back(people: People, open_page: OpenPage) -> None:
    club = people("alice-q3").create_conversation("Club")
    page = open_page("alice-q3", f"/c/{club}")
    late: list[tuple[Route, APIResponse]] = []

    def hold_first(route: Route) -> None:
        if route.request.method == "GET" and not late:
            late.append((route, route.fetch()))
        else:
            route.continue_()

    page.route("**/invites*", hold_first)
    open_panel(page, "Invite links")
    page.get_by_role("button", name="Create a link").click()
    rows = page.get_by_role("dialog").get_by_role("listitem")
    expect(rows).to_have_count(1)
    route, answer = late[0]
    with page.expect_response("**/invites*"):
        route.fulfill(response=answer)
    expect(page.get_by_text("There are no valid links.")).to_have_count(0)
    expect(rows).to_have_count(1)


@whole_only
def test_report_of_a_message_that_cannot_be_shown_says_so(people: People, open_page: OpenPage) -> None:
    alice, bob = people("alice-q4"), people("bob-q4")
    forum = alice.create_conversation("Forum", [bob])
    insult = bob.post_message(forum, "an insult")["sequence_id"]
    alice.post(f"/conversations/{forum}/messages/{insult}/report", {"reason": "It is rude."})
    page = open_page("alice-q4", f"/c/{forum}")

    def elsewhere(route: Route) -> None:
        answer = route.fetch()
        (report,) = answer.json()["reports"]
        route.fulfill(response=answer, json={"reports": [{**report, "sequence_id": 9_999}]})

    page.route("**/reports?*", elsewhere)
    open_panel(page, "Reports")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("The original message is not available.")
