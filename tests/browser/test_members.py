"""Members, invites, consent and blocks, by the page of one user and the page of the other."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

from playwright.sync_api import Page, Route, expect

from tests.browser.acting import open_menu
from tests.browser.conftest import OpenPage
from tests.browser.lasting import LASTING
from tests.browser.selection import whole_only
from tests.browser.watching import Watch
from tests.support.client import TestClient

People = Callable[[str], TestClient]
NOTE_TEXTS = """(() => {
  globalThis.seen = [];
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (options) {
    const root = attach.call(this, options);
    const note = () => seen.push(root.textContent);
    new MutationObserver(note).observe(root, { childList: true, characterData: true, subtree: true });
    return root;
  };
})()"""
"""A script that notes each text of the page."""


@contextlib.contextmanager
def refusing(page: Page, pattern: str) -> Iterator[None]:
    """Let the server refuse the requests of a page to an address."""
    error = {"error": {"code": "INTERNAL", "message": "a defect"}}
    headers = {"access-control-allow-origin": "*"}
    page.route(pattern, lambda route: route.fulfill(status=500, json=error, headers=headers))
    yield
    page.unroute(pattern)


def expect_hidden(page: Page, text: str) -> None:
    """Expect that a text is nowhere on the page, names for screen readers included."""
    expect(page.get_by_text(text)).to_have_count(0)
    expect(page.get_by_role("article", name=re.compile(text))).to_have_count(0)


def test_owner_creates_a_group_changes_roles_mutes_bans_and_reads_the_audit(
    open_page: OpenPage, watch: Watch
) -> None:
    alice, bob = open_page("alice-p1"), open_page("bob-p1")
    alice.get_by_role("button", name="New conversation").click()
    alice.get_by_role("textbox", name="Title", exact=True).fill("Planning")
    alice.get_by_role("textbox", name="People").fill("bob-p1, carol-p1")
    alice.get_by_role("button", name="Create").click()
    bob.get_by_role("button", name="Planning").click()
    expect(alice.get_by_text("3 members")).to_be_visible()

    alice.get_by_role("button", name="Members", exact=True).click()
    open_menu(alice, "bob-p1", "Moderator")
    expect(alice.get_by_role("listitem").filter(has_text="bob-p1").get_by_text("Moderator")).to_be_visible()
    open_menu(alice, "bob-p1", "Mute for an hour")
    expect(bob.get_by_text("You are muted until")).to_be_visible()
    open_menu(alice, "bob-p1", "Unmute")
    expect(bob.get_by_role("textbox", name="Message Planning")).to_be_visible()

    alice.get_by_role("textbox", name="Title", exact=True).fill("Planning 2027")
    alice.get_by_role("button", name="Save").click()
    expect(bob.get_by_role("heading", name="Planning 2027")).to_be_visible()
    expect(bob.get_by_text("changed the title to “Planning 2027”")).to_be_visible()

    policy = alice.get_by_role("combobox")
    watch.expect("Failed to load")
    with refusing(alice, "**/conversations/*"):
        policy.select_option("open")
        expect(alice.locator(".toast")).to_contain_text("That did not work.")
        expect(policy).to_have_value("invite")
    policy.select_option("open")
    expect(policy).to_have_value("open")

    open_menu(alice, "carol-p1", "Ban")
    alice.get_by_role("dialog").get_by_role("button", name="Ban").click()
    expect(bob.get_by_text("banned carol-p1")).to_be_visible()
    alice.get_by_role("button", name="Banned").click()
    alice.get_by_role("button", name="Lift the ban").click()
    expect(alice.get_by_text("No one is banned.")).to_be_visible()
    alice.get_by_role("dialog").get_by_role("button", name="Close").click()
    alice.get_by_role("button", name="Audit log").click()
    expect(
        alice.get_by_role("dialog").get_by_role("listitem").filter(has_text="lifted the ban of")
    ).to_be_visible()


def test_owner_adds_and_removes_a_person_who_can_decline_and_leave(people: People, open_page: OpenPage) -> None:
    crew = people("alice-p4").create_conversation("Crew", [people("carol-p4")])
    alice, bob = open_page("alice-p4", f"/c/{crew}"), open_page("bob-p4")
    expect(bob.get_by_text("No conversations yet")).to_be_visible()
    alice.get_by_role("button", name="Members", exact=True).click()

    def add() -> None:
        alice.get_by_role("complementary").get_by_role("button", name="Add").click()
        alice.get_by_role("textbox", name="Participant id").fill("bob-p4")
        alice.get_by_role("textbox", name="Name", exact=True).fill("Bob")
        alice.get_by_role("dialog").get_by_role("button", name="Add").click()

    add()
    bob.get_by_role("button", name="Crew").click()
    expect(bob.get_by_role("textbox", name="Message Crew")).to_be_visible()
    bob.get_by_role("button", name="Members", exact=True).click()
    bob.get_by_role("button", name="Leave").click()
    bob.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(bob.get_by_text("No conversations yet")).to_be_visible()
    expect(alice.get_by_text("bob-p4 left").or_(alice.get_by_text("Bob left"))).to_be_visible()

    add()
    waiting = alice.get_by_role("listitem").filter(has=alice.get_by_role("button", name="Withdraw"))
    expect(waiting).to_contain_text("Bob")
    bob.get_by_role("region", name="Invitations").get_by_role("button", name="Decline").click()
    expect(bob.get_by_role("region", name="Invitations")).to_have_count(0)
    expect(bob.get_by_text("No conversations yet")).to_be_visible()

    carol = open_page("carol-p4", f"/c/{crew}")
    expect(carol.get_by_role("textbox", name="Message Crew")).to_be_visible()
    open_menu(alice, "Carol", "Remove")
    alice.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(carol.get_by_text("This conversation is not available any more.")).to_be_visible()
    expect(carol.get_by_role("button", name="Crew")).to_have_count(0)


def test_invite_link_opens_a_page_that_joins(people: People, open_page: OpenPage, watch: Watch) -> None:
    alice_client = people("alice-p2")
    club = alice_client.create_conversation("Club")
    alice = open_page("alice-p2", f"/c/{club}")
    alice.get_by_role("button", name="Members", exact=True).click()
    alice.get_by_role("button", name="Invite links").click()
    alice.get_by_role("button", name="Create a link").click()
    link = alice.get_by_role("textbox", name=re.compile("shown only once")).input_value()
    bob = open_page("bob-p2", link.split("#")[1])
    bob.get_by_role("button", name="Join").click()
    expect(bob.get_by_role("heading", name="Club", level=1)).to_be_visible()
    expect(bob).to_have_url(re.compile(f"#/c/{club}$"))
    expect(alice.get_by_text("1 use ")).to_be_visible()
    watch.expect("404")
    carol = open_page("carol-p2", link.split("#")[1][:-3] + "xyz")
    carol.get_by_role("button", name="Join").click()
    expect(carol.get_by_role("alert")).to_contain_text("This invite is not valid")


def test_person_who_left_must_accept_and_a_blocked_adder_is_hidden(
    people: People, open_page: OpenPage, watch: Watch
) -> None:
    alice_client, bob_client = people("alice-p3"), people("bob-p3")
    circle = alice_client.create_conversation("Circle", [bob_client])
    bob_client.leave(circle)
    bob = open_page("bob-p3", script=LASTING)
    expect(bob.get_by_text("No conversations yet")).to_be_visible()
    alice_client.add_participant(circle, bob_client)
    invitation = bob.get_by_role("region", name="Invitations")
    expect(invitation).to_contain_text("Invited by Alice")
    invitation.get_by_role("button", name="Accept").click()
    expect(bob.get_by_role("textbox", name="Message Circle")).to_be_visible()
    expect(invitation).to_have_count(0)

    unwelcome = alice_client.post_message(circle, "an unwelcome text")["sequence_id"]
    expect(bob.locator(".entry").get_by_text("an unwelcome text")).to_be_visible()
    bob_client.post_message(circle, "my answer", reply_to=unwelcome)
    bob.get_by_role("button", name="Members", exact=True).click()
    open_menu(bob, "Alice", "Block")
    expect_hidden(bob, "unwelcome")
    alice_client.post_message(circle, "another unwelcome text")
    spoken = bob.locator(".frame > [aria-live=polite].visually-hidden")
    expect(spoken).to_have_text("Alice: Message of a blocked participant")
    expect(bob.get_by_role("button", name=re.compile("^Circle"))).to_contain_text("Alice: Message of a blocked")
    expect_hidden(bob, "unwelcome")

    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    bob.route("**/me/blocks*", hold)
    bob.reload()
    expect(bob.get_by_role("textbox", name=re.compile("^Message "))).to_be_visible()
    expect(bob.get_by_text("my answer")).to_have_count(0)
    expect_hidden(bob, "unwelcome")
    for route in held:
        route.continue_()
    bob.unroute("**/me/blocks*")
    expect(bob.get_by_text("my answer").first).to_be_visible()
    expect_hidden(bob, "unwelcome")
    bob.get_by_role("button", name="Show", exact=True).first.click()
    expect(bob.locator(".message-text").get_by_text("an unwelcome text")).to_be_visible()

    bob.get_by_role("button", name="Settings").click()
    bob.get_by_role("menuitem", name="Blocked participants").click()
    watch.expect("Failed to load")
    with refusing(bob, "**/me/blocks*"):
        bob.get_by_role("button", name="Unblock").click()
        failure = bob.get_by_role("dialog").locator(".toast").filter(has_text="That did not work.")
        expect(failure).to_be_visible()
        expect(bob.get_by_role("dialog").get_by_role("listitem")).to_contain_text("alice-p3")
        failure.get_by_role("button", name="Dismiss").click()
        expect(failure).to_have_count(0)
    bob.get_by_role("button", name="Unblock").click()
    expect(bob.get_by_text("You have not blocked anyone.")).to_be_visible()
    expect(bob.locator(".message-text").get_by_text("another unwelcome text")).to_be_visible()


@whole_only
def test_nothing_is_shown_until_the_blocks_are_known_also_if_the_first_request_fails(
    people: People, open_page: OpenPage, watch: Watch
) -> None:
    alice, bob = people("alice-p5"), people("bob-p5")
    circle = alice.create_conversation("Circle", [bob])
    alice.post_message(circle, "an unwelcome text")
    bob.put(f"/me/blocks?participant_id={alice.id}").expect(204)
    watch.expect("Failed to load")
    failed: list[Route] = []

    def fail_once(route: Route) -> None:
        failed.append(route)
        if len(failed) == 1:
            route.abort()
        else:
            route.continue_()

    page = open_page(
        "bob-p5", f"/c/{circle}", script=NOTE_TEXTS, prepare=lambda page: page.route("**/me/blocks*", fail_once)
    )
    expect(page.get_by_text("Message of a blocked participant").first).to_be_visible()
    assert len(failed) > 1
    assert page.evaluate("seen.filter((text) => text.includes('unwelcome'))") == []
