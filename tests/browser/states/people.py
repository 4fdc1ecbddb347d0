"""The pages of moderators, of muted and of removed members, and of newcomers."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.identity.settings import DEFAULT_TYPE_CLAIM
from local.tokens import mint
from tests.browser.states.model import (
    Scene,
    Stage,
    Visit,
    Way,
    article,
    button,
    by,
    dialog,
    in_panel,
    item,
    stay,
    textbox,
    toast,
)
from tests.support.client import HOUR, TestClient

READERS = ("finn", "gina", "hans", "ida", "jack")


def agent(stage: Stage, name: str) -> TestClient:
    """Return a client with the token of an agent."""
    client = stage.person(name)
    secret = stage.web_chat.settings["CHAT_JWT_SECRET"]
    client.token = mint(client.id, name.title(), HOUR, secret=secret, further={DEFAULT_TYPE_CLAIM: "agent"})
    return client


def assembly(stage: Stage) -> Visit:
    """Open a conversation with members in every role and state, as its owner."""
    stage.watch.expect("409")
    names = ("alice", "bob", "carol", "dave", "dora", "erin", "kim", "lea", *READERS)
    people = {name: stage.person(name) for name in names}
    alice, bob, dave, erin = (people[name] for name in ("alice", "bob", "dave", "erin"))
    robot = agent(stage, "robot")
    members = [person for person in people.values() if person.name not in ("Alice", "Lea")]
    created = alice.create_conversation("Assembly", [*members, robot])
    alice.set_role(created, people["dora"], "moderator")
    alice.update_conversation(created, title="General assembly")
    robot.post_message(created, "I am an agent")
    insult = erin.post_message(created, "an insult")["sequence_id"]
    bob.post(f"/conversations/{created}/messages/{insult}/report", {"reason": "It is rude."})
    for number in range(3):
        people["dora"].post_message(created, f"calm down, {number}")
    bob.post_message(created, "what did they say?", reply_to=insult)
    alice.ban(created, people["carol"])
    alice.add_participant(created, stage.person("mia"))
    alice.mute(created, erin)
    dave.leave(created)
    alice.add_participant(created, dave)
    people["jack"].leave(created)
    alice.remove_participant(created, people["kim"])
    people["kim"].join(created, alice.post(f"/conversations/{created}/invites", {}).expect(201)["invite"])
    dead = alice.create_conversation("Deleted", [bob])
    bob.delete_message(dead, bob.post_message(dead, "gone")["sequence_id"])
    head = alice.get_head(created)
    for person in (bob, *(people[name] for name in READERS[:4])):
        person.put(f"/conversations/{created}/read", {"sequence_id": head}).expect(200)
    last = alice.post_message(created, "the session is open")["sequence_id"]
    for person in (bob, *(people[name] for name in READERS[:4])):
        person.put(f"/conversations/{created}/read", {"sequence_id": last}).expect(200)
    block(alice, erin)
    block(people["lea"], alice)
    visit = Visit(stage.page_of(alice, created), created, people)
    visit.expect(article("the session is open"))
    return visit


def block(person: TestClient, other: TestClient) -> None:
    """Let a person block another."""
    person.put(f"/me/blocks?participant_id={other.id}").expect(204)


def created_with(name: str, shows: str) -> Way:
    """Return the way that creates a conversation with a person."""

    def way(visit: Visit) -> Iterator[None]:
        visit.page.locator(button("New conversation")).click()
        visit.page.locator(textbox("Title")).last.fill("Another one")
        visit.page.locator(textbox("People")).fill(visit.people[name].id)
        visit.page.locator(button("Create")).click()
        visit.expect(shows)
        yield

    return way


def add(name: str, shows: str, leave: str) -> Way:
    """Return the way that adds a person."""

    def way(visit: Visit) -> Iterator[None]:
        visit.page.locator(in_panel("Add")).click()
        visit.page.locator(textbox("Participant id")).fill(visit.people[name].id)
        visit.page.locator(textbox("Name")).fill(name.title())
        visit.page.locator(f"dialog >> {button('Add')}").click()
        visit.expect(shows)
        yield
        if leave:
            visit.page.keyboard.press(leave)

    return way


def reported(visit: Visit) -> Iterator[None]:
    """Report a message of another."""
    message = visit.page.locator(article("I am an agent"))
    message.hover()
    message.locator(button("More actions")).click()
    visit.page.locator(item("Report")).click()
    visit.page.locator(textbox("What is wrong with it?")).fill("It is a robot.")
    visit.page.locator(f"dialog >> {button('Report')}").click()
    visit.expect(toast("The moderators have your report."))
    yield


def saved_profile(visit: Visit) -> Iterator[None]:
    """Save another name."""
    visit.page.locator(button("Settings")).click()
    visit.page.locator(item("Profile")).click()
    visit.page.locator(f"dialog >> {textbox('Name')}").fill("Alice L.")
    visit.page.locator(f"dialog >> {button('Save')}").click()
    visit.expect(toast("Your profile is saved."))
    yield


ASSEMBLY = Scene(
    assembly,
    {
        "hidden message": stay,
        "panel of an owner": by(button("Members"), shows='text="Waiting for consent"', leave=""),
        "menu of a muted and blocked member": by(in_panel("Actions for Erin"), shows=item("Unblock")),
        "menu of a moderator": by(in_panel("Actions for Dora"), shows=item("Mute for an hour")),
        "banned": by(in_panel("Banned"), shows=button("Lift the ban")),
        "audit log": by(in_panel("Audit log"), shows="dialog li:has-text('banned')"),
        "reports": by(in_panel("Reports"), shows=button("No problem")),
        "person who is banned": add("carol", 'dialog .toast:has-text("That person is banned.")', "Escape"),
        "person who must accept": add("jack", toast("must accept before joining."), ""),
        "reported message": reported,
        "saved profile": saved_profile,
        "blocked participants": by(button("Settings"), item("Blocked participants"), shows=button("Unblock")),
        "revealed message": by(button("Show"), shows=article("an insult"), leave=""),
        "created conversation with a person who must accept": created_with(
            "lea", toast("must accept before joining.")
        ),
    },
)


def muted(stage: Stage) -> Visit:
    """Open a conversation as a muted member."""
    alice, bob = stage.person("alice"), stage.person("bob")
    created = alice.create_conversation("Quiet", [bob])
    alice.add_reaction(created, alice.post_message(created, "silence, please")["sequence_id"], "👍")
    alice.mute(created, bob)
    visit = Visit(stage.page_of(bob, created), created, {"alice": alice, "bob": bob})
    visit.expect(article("silence, please"))
    return visit


def removed(visit: Visit) -> Iterator[None]:
    """Remove the member."""
    visit.people["alice"].remove_participant(visit.conversation, visit.people["bob"])
    visit.expect("text=This conversation is not available any more.")
    yield


MUTED = Scene(
    muted,
    {
        "muted": by(shows="text=You are muted until", leave=""),
        "panel of a member": by(button("Members"), shows="role=heading[name=Details]", leave=""),
        "conversation that one is removed from": removed,
    },
)


def direct(stage: Stage) -> Visit:
    """Open a direct conversation."""
    alice, bob = stage.person("alice"), stage.person("bob")
    created = alice.put(f"/direct?participant_id={bob.id}", {}).expect(201)["conversation_id"]
    alice.post_message(created, "just between us")
    visit = Visit(stage.page_of(alice, created), created)
    visit.expect(article("just between us"))
    return visit


DIRECT = Scene(
    direct,
    {
        "direct conversation": stay,
        "panel of a direct conversation": by(button("Members"), shows="role=heading[name=Details]", leave=""),
        "question before hiding": by(in_panel("Hide"), shows=dialog("Hide this conversation?")),
    },
)


def newcomer(stage: Stage) -> Visit:
    """Open the page of someone who has no conversation."""
    stage.watch.expect("404")
    alice, zoe = stage.person("alice"), stage.person("zoe")
    circle = alice.create_conversation("Circle", [zoe])
    zoe.leave(circle)
    visit = Visit(stage.page_of(zoe), circle, {"alice": alice, "zoe": zoe})
    visit.expect("text=No conversations yet")
    return visit


def invited(visit: Visit) -> Iterator[None]:
    """Add the newcomer to a conversation, and to a direct one."""
    alice, zoe = visit.people["alice"], visit.people["zoe"]
    block(zoe, alice)
    alice.put(f"/direct?participant_id={zoe.id}", {}).expect(201)
    zoe.delete("/me/blocks", participant_id=alice.id).expect(204)
    alice.add_participant(visit.conversation, zoe)
    visit.expect("role=region[name=Invitations]")
    yield


def withdrawn(visit: Visit) -> Iterator[None]:
    """Accept an invitation that was withdrawn."""
    alice, zoe = visit.people["alice"], visit.people["zoe"]
    alice.delete(f"/conversations/{visit.conversation}/pending", participant_id=zoe.id).expect(204)
    visit.page.locator(f".invitation:has-text('Circle') >> {button('Accept')}").click()
    visit.expect(toast("This invitation was withdrawn"))
    yield


def created(visit: Visit) -> Iterator[None]:
    """Create a conversation, which has no messages."""
    page = visit.page
    page.locator(button("New conversation")).click()
    page.locator(textbox("Title")).fill("Only mine")
    page.locator(button("Create")).click()
    visit.expect('text="This is the beginning of the conversation."')
    visit.expect('text="No messages yet"')
    yield
    page.locator(button("Members")).click()


NEWCOMER = Scene(
    newcomer,
    {
        "no conversation": stay,
        "invitation": invited,
        "invitation that was withdrawn": withdrawn,
        "empty conversation": created,
        "no invite link": by(in_panel("Invite links"), shows='text="There are no valid links."'),
        "empty audit log": by(in_panel("Audit log"), shows='text="No entries yet."'),
    },
)


def at_an_invite(stage: Stage) -> Visit:
    """Open the address of an invite, which is not valid any more."""
    club = stage.person("alice").create_conversation("Club")
    stage.watch.expect("404")
    page = stage.open_page(stage.person("guest").id, f"/join/{club}/no-such-invite", reduced_motion="reduce")
    visit = Visit(page, club)
    visit.expect(dialog("You are invited to a conversation"))
    return visit


AT_AN_INVITE = Scene(
    at_an_invite,
    {"invite": stay, "invite that is not valid": by(button("Join"), shows="text=This invite is not valid.")},
)
