"""Moderation as both sides see it: the owner or moderator, and the member."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.acting import field, message, new_tab, open_action, open_menu
from tests.browser.conftest import OpenPage
from tests.browser.lasting import LASTING
from tests.browser.selection import whole_only
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]
pytestmark = whole_only
ENDED = "This conversation is not available any more."


def test_banned_person_loses_the_conversation_at_once_and_cannot_return(
    people: People, open_page: OpenPage, watch: Watch
) -> None:
    owner, bob_client = people("alice-o1"), people("bob-o1")
    club = owner.create_conversation("Club", [bob_client, people("carol-o1")])
    invite = owner.create_invite(club)["invite"]
    watch.expect("Failed to load")
    alice = open_page("alice-o1", f"/c/{club}")
    bob = open_page("bob-o1", f"/c/{club}")
    field(bob).press_sequentially("a draft")
    alice.get_by_role("button", name="Members", exact=True).click()
    open_menu(alice, "Bob", "Ban")
    alice.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(field(bob)).to_be_editable()
    open_menu(alice, "Bob", "Ban")
    alice.get_by_role("dialog").get_by_role("button", name="Ban").click()
    expect(bob.get_by_text(ENDED)).to_be_visible()
    expect(field(bob)).to_have_count(0)
    expect(bob.get_by_role("button", name=re.compile("^Club"))).to_have_count(0)
    expect(alice.get_by_text("Alice banned Bob")).to_be_visible()
    owner.post_message(club, "not for Bob")
    expect(message(alice, "not for Bob")).to_be_visible()
    expect(bob.get_by_text("not for Bob")).to_have_count(0)

    back = open_page("bob-o1", f"/join/{club}/{invite}")
    back.get_by_role("button", name="Join").click()
    expect(back.get_by_role("alert")).to_be_visible()
    expect(back.get_by_role("heading", name="Club", level=1)).to_have_count(0)

    alice.get_by_role("button", name="Banned").click()
    alice.get_by_role("button", name="Lift the ban").click()
    expect(alice.get_by_text("No one is banned.")).to_be_visible()
    back.get_by_role("button", name="Join").click()
    expect(back.get_by_role("heading", name="Club", level=1)).to_be_visible()
    expect(message(back, "not for Bob")).to_be_visible()


def test_moderator_deletes_the_message_of_another_and_the_audit_says_so(
    people: People, open_page: OpenPage
) -> None:
    owner, bob, carol = people("alice-o2"), people("bob-o2"), people("carol-o2")
    forum = owner.create_conversation("Forum", [bob, carol])
    owner.set_role(forum, carol, "moderator")
    bob.post_message(forum, "an insult")
    pages = {name: open_page(f"{name}-o2", f"/c/{forum}") for name in ("alice", "bob", "carol")}
    owner.post_message(forum, "a rule of the owner")
    rule = message(pages["bob"], "a rule")
    rule.hover()
    rule.get_by_role("button", name="More actions").click()
    expect(pages["bob"].get_by_role("menuitem", name="Report")).to_be_visible()
    expect(pages["bob"].get_by_role("menuitem", name="Delete")).to_have_count(0)
    expect(pages["bob"].get_by_role("menuitem", name="Edit")).to_have_count(0)

    open_action(pages["carol"], "an insult", "Delete")
    pages["carol"].get_by_role("dialog").get_by_role("button", name="Delete").click()
    for page in pages.values():
        expect(page.get_by_text("This message was deleted.")).to_be_visible()
        expect(page.get_by_text("an insult")).to_have_count(0)

    alice = pages["alice"]
    alice.get_by_role("button", name="Members", exact=True).click()
    alice.get_by_role("button", name="Audit log").click()
    entries = alice.get_by_role("dialog").get_by_role("listitem")
    expect(entries).to_contain_text(
        ["Alice changed the role of Carol: Moderator", "Carol deleted a message of Bob"]
    )
    pages["carol"].get_by_role("button", name="Members", exact=True).click()
    expect(pages["carol"].get_by_role("button", name="Banned")).to_be_visible()
    expect(pages["carol"].get_by_role("button", name="Audit log")).to_have_count(0)  # for owners only


def test_audit_lists_every_right_that_was_used_page_by_page(people: People, open_page: OpenPage) -> None:
    owner, bob = people("alice-o3"), people("bob-o3")
    forum = owner.create_conversation("Forum", [bob])
    for _ in range(30):
        owner.mute(forum, bob)
        owner.mute(forum, bob, 0)
    owner.update_conversation(forum, title="A forum")
    link = owner.create_invite(forum)
    people("dora-o3").join(forum, link["invite"])
    owner.delete(f"/conversations/{forum}/invites/{link['invite_id']}").expect(204)
    owner.ban(forum, bob)
    owner.unban(forum, bob)
    alice = open_page("alice-o3", f"/c/{forum}")
    alice.get_by_role("button", name="Members", exact=True).click()
    alice.get_by_role("button", name="Audit log").click()
    dialog = alice.get_by_role("dialog")
    entries = dialog.get_by_role("listitem")
    expect(entries).to_have_count(50)
    expect(entries.first).to_contain_text("Alice muted bob-o3")
    dialog.get_by_role("button", name="Show more").click()
    texts = [
        "Alice unmuted bob-o3",
        "Alice changed the settings",
        "Alice created an invite link",
        "Dora joined by an invite link",
        "Alice revoked an invite link",
        "Alice banned bob-o3",
        "Alice lifted the ban of bob-o3",
    ]
    expect(entries).to_have_count(60 + len(texts) - 1)
    for number, text in enumerate(texts, start=59):
        expect(entries.nth(number)).to_contain_text(text)
    expect(dialog.get_by_role("button", name="Show more")).to_have_count(0)


def test_last_owner_keeps_the_role_and_hands_it_over_by_leaving(
    people: People, open_page: OpenPage, watch: Watch
) -> None:
    crew = people("alice-o4").create_conversation("Crew", [people("bob-o4")])
    watch.expect("Failed to load")
    alice, bob = open_page("alice-o4", f"/c/{crew}"), open_page("bob-o4", f"/c/{crew}")
    alice.get_by_role("button", name="Members", exact=True).click()
    open_menu(alice, "Alice", "Member")
    expect(alice.locator(".toast")).to_contain_text("A conversation needs an owner")
    alice.get_by_role("button", name="Leave").click()
    alice.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(alice.get_by_text("No conversations yet")).to_be_visible()
    expect(alice.get_by_text("Choose a conversation")).to_be_visible()
    expect(bob.get_by_text("Alice left")).to_be_visible()
    bob.get_by_role("button", name="Members", exact=True).click()
    expect(bob.get_by_role("complementary").get_by_role("button", name="Delete conversation")).to_be_visible()


def test_withdrawn_invitation_cannot_be_accepted(people: People, open_page: OpenPage, watch: Watch) -> None:
    owner, bob_client = people("alice-o5"), people("bob-o5")
    circle = owner.create_conversation("Circle", [bob_client])
    bob_client.leave(circle)
    owner.add_participant(circle, bob_client)
    watch.expect("Failed to load")
    alice, bob = open_page("alice-o5", f"/c/{circle}"), open_page("bob-o5", script=LASTING)
    invitation = bob.get_by_role("region", name="Invitations")
    expect(invitation).to_contain_text("Circle")
    alice.get_by_role("button", name="Members", exact=True).click()
    alice.get_by_role("button", name="Withdraw").click()
    expect(alice.get_by_text("Waiting for consent")).to_have_count(0)
    invitation.get_by_role("button", name="Accept").click()
    expect(invitation).to_have_count(0)
    gone = bob.locator(".toast").filter(has_text="This invitation was withdrawn, or has expired.")
    expect(gone).to_be_visible()
    expect(bob.get_by_text("No conversations yet")).to_be_visible()
    expect(alice.get_by_text("1 member", exact=False).first).to_be_visible()

    gone.get_by_role("button", name="Dismiss").click()
    for answer in ("Decline", "none: the window gets the focus"):
        owner.add_participant(circle, bob_client)
        expect(invitation).to_contain_text("Circle")
        owner.delete(f"/conversations/{circle}/pending", participant_id=bob_client.id).expect(204)
        if answer == "Decline":
            invitation.get_by_role("button", name="Decline").click()
            expect(gone).to_be_visible()
        else:
            bob.evaluate("dispatchEvent(new Event('focus'))")
        expect(invitation).to_have_count(0)


def test_invitation_that_is_accepted_in_one_tab_cannot_be_declined_in_another(
    people: People, open_page: OpenPage, watch: Watch, web_chat: WebChat
) -> None:
    owner, bob_client = people("alice-o8"), people("bob-o8")
    circle = owner.create_conversation("Circle", [bob_client])
    bob_client.leave(circle)
    first = open_page("bob-o8")
    second = new_tab(first, watch, f"{web_chat.web_url}#as=bob-o8")
    tabs = (first, second)
    for tab in tabs:
        expect(tab.get_by_text("No conversations yet")).to_be_visible()
    owner.add_participant(circle, bob_client)
    for tab in tabs:
        expect(tab.get_by_role("button", name="Decline")).to_be_visible()
    first.get_by_role("button", name="Accept").click()
    expect(second.get_by_role("button", name=re.compile("^Circle"))).to_be_visible()
    expect(second.get_by_role("button", name="Decline")).to_have_count(0)


def test_revoked_invite_link_is_not_offered_any_more_and_lets_no_one_in(
    people: People, open_page: OpenPage, watch: Watch
) -> None:
    owner = people("alice-o6")
    club = owner.create_conversation("Club")
    watch.expect("Failed to load")
    alice = open_page("alice-o6", f"/c/{club}")
    alice.get_by_role("button", name="Members", exact=True).click()
    alice.get_by_role("button", name="Invite links").click()
    created = alice.get_by_role("textbox", name=re.compile("shown only once"))
    alice.get_by_role("button", name="Create a link").click()
    first = created.input_value()
    alice.get_by_role("button", name="Create a link").click()
    expect(created).not_to_have_value(first)
    second = created.input_value()
    rows = alice.get_by_role("dialog").get_by_role("listitem")
    expect(rows).to_have_count(2)
    for number in (1, 0):
        rows.first.get_by_role("button", name="Revoke").click()
        expect(rows).to_have_count(number)
    expect(alice.get_by_text("There are no valid links.")).to_be_visible()
    expect(created).to_have_count(0)

    alice.get_by_role("button", name="Create a link").click()
    expect(created).to_be_visible()
    third, other = created.input_value(), owner.create_invite(club)
    alice.get_by_role("button", name="Create a link").click()
    expect(created).not_to_have_value(third)
    expect(rows).to_have_count(3)
    for invite in owner.get(f"/conversations/{club}/invites").expect(200)["invites"]:
        if invite["invite_id"] != other["invite_id"]:  # as another moderator does it
            owner.delete(f"/conversations/{club}/invites/{invite['invite_id']}").expect(204)
    people("dora-o6").join(club, other["invite"])
    expect(rows).to_have_count(1)
    expect(created).to_have_count(0)
    for person, link in (("bob-o6", first), ("carol-o6", second)):
        page = open_page(person, link.split("#")[1])
        page.get_by_role("button", name="Join").click()
        expect(page.get_by_role("alert")).to_contain_text("This invite is not valid")


def test_member_who_was_removed_and_returns_opens_the_conversation_again(
    people: People, open_page: OpenPage, watch: Watch
) -> None:
    owner, bob_client = people("alice-o7"), people("bob-o7")
    crew = owner.create_conversation("Crew", [bob_client])
    watch.expect("Failed to load")
    bob = open_page("bob-o7", f"/c/{crew}")
    expect(field(bob)).to_be_editable()
    owner.remove_participant(crew, bob_client)
    expect(bob.get_by_text(ENDED)).to_be_visible()
    bob_client.join(crew, owner.create_invite(crew)["invite"])  # on another device
    owner.post_message(crew, "welcome back")
    bob.get_by_role("button", name=re.compile("^Crew")).click()
    expect(message(bob, "welcome back")).to_be_visible()
    expect(bob.get_by_text(ENDED)).to_have_count(0)

    owner.remove_participant(crew, bob_client)
    expect(bob.get_by_text(ENDED)).to_be_visible()
    owner.add_participant(crew, bob_client)
    bob.get_by_role("region", name="Invitations").get_by_role("button", name="Accept").click()
    expect(field(bob)).to_be_editable()
