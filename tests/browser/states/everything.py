"""The page of an owner, whose conversation has all that messages can contain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import expect

from tests.browser.hook import CHANGED, REFUSED
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
    of_message,
    row_menu,
    searchbox,
    stay,
    textbox,
)

MARKDOWN = """# Plan
1. first `code`
2. [a link](https://example.com) and **bold** text

> quoted

```py
print("a long line of code" * 20)
```
| a | b |
|---|---|
| 1 | 2 |

- [x] done"""
MORE_MARKDOWN = """## Pictures
![a cat](https://pictures.example/cat.png) and ![](https://pictures.example/dog.png)

---
@Bob and *all*"""
FIELD = textbox("Message Everything")


def everything(stage: Stage, **options: Any) -> Visit:
    """Open a conversation with all that messages can contain."""
    alice, bob = stage.person("alice"), stage.person("bob")
    created = alice.create_conversation("Everything", [bob])
    first = bob.post_message(created, MARKDOWN)["sequence_id"]
    bob.post_message(created, "@Alice see above", reply_to=first, mentions=[alice.id])
    alice.add_reaction(created, first, "👍")
    bob.add_reaction(created, first, "🎉")
    removed = bob.post_message(created, "wrong")["sequence_id"]
    bob.delete_message(created, removed)
    bob.post_message(created, MORE_MARKDOWN, mentions=[bob.id])
    bob.post_message(created, "🎉")
    edited = alice.post_message(created, "שלום")["sequence_id"]
    alice.edit_message(created, edited, "שלום עולם")
    alice.create_invite(created)
    page = stage.page_of(alice, created, permissions=["clipboard-read", "clipboard-write"], **options)
    visit = Visit(page, created, {"alice": alice, "bob": bob})
    visit.expect(article("שלום עולם"))
    return visit


def tools(visit: Visit) -> Iterator[None]:
    """Show the actions of a message."""
    visit.page.locator("role=article").last.focus()
    visit.expect("role=toolbar")
    yield


def emoji(query: str, shows: str) -> Way:
    """Return the way to the emoji that are found."""

    def way(visit: Visit) -> Iterator[None]:
        visit.page.locator(button("Emoji")).click()
        visit.page.locator(searchbox("Search emoji")).fill(query)
        visit.expect(shows)
        yield
        visit.page.keyboard.press("Escape")

    return way


def written(content: str, shows: str) -> Way:
    """Return the way that writes into the field of the composer."""

    def way(visit: Visit) -> Iterator[None]:
        visit.page.locator(FIELD).fill(content)
        visit.expect(shows)
        yield
        visit.page.keyboard.press("Escape")
        visit.page.locator(FIELD).fill("")

    return way


def sent(content: str, shows: str) -> Way:
    """Return the way that sends a message."""

    def way(visit: Visit) -> Iterator[None]:
        visit.page.locator(FIELD).fill(content)
        visit.page.locator(FIELD).press("Enter")
        visit.expect(shows)
        yield

    return way


def discarded(visit: Visit) -> Iterator[None]:
    """Discard the refused message: its text becomes the draft again."""
    visit.page.locator(button("Discard")).click()
    expect(visit.page.locator(FIELD)).to_have_value(re.compile(REFUSED))
    yield
    visit.page.locator(FIELD).fill("")


def shortcuts(visit: Visit) -> Iterator[None]:
    """Ask for help by a key."""
    visit.page.locator(button("Settings")).focus()
    visit.page.keyboard.press("?")
    visit.expect(dialog("Keyboard shortcuts"))
    yield
    visit.page.keyboard.press("Escape")


def new_title(visit: Visit) -> Iterator[None]:
    """Write another title, which can be saved."""
    title = visit.page.locator(textbox("Title"))
    title.fill("Everything else")
    visit.expect(button("Save"))
    yield
    title.fill("Everything")


def searched(visit: Visit) -> Iterator[None]:
    """Search for a title that no conversation has."""
    visit.page.locator(searchbox("Search conversations")).fill("nothing like it")
    visit.expect("text=No conversation matches")
    yield
    visit.page.keyboard.press("Escape")


def typing(visit: Visit) -> Iterator[None]:
    """Let someone write."""
    bob = visit.people["bob"]
    bob.connect(visit.conversation)
    bob.send_typing(visit.conversation)
    visit.expect("text=Bob is typing…")
    yield
    bob.disconnect()


def archive(visit: Visit) -> Iterator[None]:
    """Archive the conversation, and show the archive."""
    visit.page.locator("role=navigation >> nth=-1").locator(".conversation").hover()
    visit.page.locator(button("Actions for Everything")).click()
    visit.page.locator(item("Archive")).click()
    visit.page.locator(button("Archived (1)")).click()
    visit.expect(".conversation")
    yield


EVERYTHING = Scene(
    everything,
    {
        "conversation": stay,
        "message with its actions": tools,
        "menu of a message": of_message("שלום עולם", "More actions", shows="role=menu"),
        "emoji picker": emoji("heart", ".emoji-choice"),
        "mentions": written("@B", "role=listbox"),
        "panel": by(button("Members"), shows="role=heading[name=Details]", leave=""),
        "invite links": by(in_panel("Invite links"), shows=dialog("Invite links")),
        "question before leaving": by(in_panel("Leave"), shows=dialog("Leave this conversation?")),
        "new conversation": by(button("New conversation"), shows=dialog("New conversation")),
        "keyboard shortcuts": shortcuts,
        "all emoji": emoji("", ".emoji-group .emoji-choice"),
        "no emoji found": emoji("zzzz", "text=No emoji found"),
        "new invite link": by(
            in_panel("Invite links"),
            button("Create a link"),
            shows=textbox("Copy the link now: it is shown only once."),
        ),
        "copied invite link": by(
            in_panel("Invite links"), button("Create a link"), button("Copy link"), shows="dialog .toast"
        ),
        "no one is banned": by(in_panel("Banned"), shows='text="No one is banned."'),
        "no reports": by(in_panel("Reports"), shows='text="There are no open reports."'),
        "person to add": by(in_panel("Add"), shows=dialog("Add")),
        "question before deleting the conversation": by(
            in_panel("Delete conversation"), shows=dialog("Delete this conversation for everyone?")
        ),
        "question before removing": by(
            in_panel("Actions for Bob"), item("Remove"), shows=dialog("Remove Bob from the conversation?")
        ),
        "question before banning": by(in_panel("Actions for Bob"), item("Ban"), shows=dialog("Ban Bob?")),
        "question before deleting a message": of_message(
            "שלום עולם", "More actions", item("Delete"), shows=dialog("Delete this message for everyone?")
        ),
        "menu of a member": by(in_panel("Actions for Bob"), shows="role=menu"),
        "new title": new_title,
        "settings": by(button("Settings"), shows="role=menu"),
        "profile": by(button("Settings"), item("Profile"), shows=dialog("Profile")),
        "no one is blocked": by(
            button("Settings"), item("Blocked participants"), shows='text="You have not blocked anyone."'
        ),
        "report": of_message("see above", "More actions", item("Report"), shows=dialog("Report this message")),
        "choice of a reaction": of_message("see above", "Add a reaction", shows=dialog("Choose an emoji")),
        "reply": of_message("see above", "Reply", shows="text=Replying to Bob"),
        "edit": of_message("שלום עולם", "More actions", item("Edit"), shows='text="Editing a message"'),
        "copied code": of_message("quoted", "Copy code", shows=button("Copied"), leave=""),
        "toast": of_message("שלום עולם", "More actions", item("Copy text"), shows=".toast", leave=""),
        "number of characters": written("x" * 9_600, 'text="9600 / 10000"'),
        "text that is too long": written("x" * 10_001, "text=1 characters too long"),
        "typing": typing,
        "failed message": sent(f"a {REFUSED} word", ".send-state.failed"),
        "message that waits for a failed one": sent(f"a {CHANGED} word", ".held"),
        "discarded message": discarded,
        "search without a result": searched,
        "menu of a conversation": row_menu("Everything", shows="role=menu"),
        "pinned conversation": row_menu("Everything", item("Pin"), shows='.row-mark:has-text("Pinned")', leave=""),
        "menu of a pinned conversation": row_menu("Everything", shows=item("Unpin")),
        "muted conversation": row_menu(
            "Everything", item("Mute notifications"), shows='.row-mark:has-text("Notifications muted")', leave=""
        ),
        "menu of a muted conversation": row_menu("Everything", shows=item("Notify again")),
        "archive": archive,
        "menu of an archived conversation": row_menu("Everything", shows=item("Move back to the list")),
    },
)
