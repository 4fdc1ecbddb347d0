"""Other appearances of the page: languages, a phone, other colours, pictures, parts of the component."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page, Route

from tests.browser.hebrew import speak_hebrew
from tests.browser.permitted_pictures import page_with_pictures, pictures
from tests.browser.states.everything import everything
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
)

PHONE = {"width": 360, "height": 740}


def german(stage: Stage) -> Visit:
    """Open the page in German."""
    alice, bob = stage.person("alice"), stage.person("bob")
    created = alice.create_conversation("Werkstatt", [bob])
    first = bob.post_message(created, "Guten Morgen")["sequence_id"]
    alice.add_reaction(created, first, "👍")
    visit = Visit(stage.page_of(alice, created, locale="de-DE"), created)
    visit.expect(textbox("Nachricht an Werkstatt"))
    return visit


GERMAN = Scene(
    german,
    {
        "German conversation": stay,
        "German settings": by(button("Einstellungen"), shows="role=menu"),
        "German panel": by(button("Mitglieder"), shows="role=complementary", leave=""),
        "German audit log": by(in_panel("Protokoll"), shows="role=dialog"),
        "German question": by(in_panel("Verlassen"), shows="role=dialog"),
        "new conversation in German": by(button("Neue Unterhaltung"), shows="role=dialog"),
    },
)


def hebrew(stage: Stage) -> Visit:
    """Open the page in a language that is written from right to left."""
    visit = everything(stage)
    speak_hebrew(visit.page)
    visit.expect(textbox("הודעה אל Everything"))
    return visit


HEBREW = Scene(
    hebrew,
    {
        "Hebrew conversation": stay,
        "Hebrew settings": by(button("הגדרות"), shows="role=menu"),
        "Hebrew emoji": by(button("אמוג׳י"), shows=".emoji-group"),
        "Hebrew panel": by(button("משתתפים"), shows="role=complementary", leave=""),
        "Hebrew dialog": by(button("שיחה חדשה"), shows="role=dialog"),
    },
)


def phone(stage: Stage) -> Visit:
    """Open the page on a phone."""
    return everything(stage, viewport=PHONE, has_touch=True)


ON_A_PHONE = Scene(
    phone,
    {
        "conversation on a phone": stay,
        "panel on a phone": by(button("Members"), shows="role=complementary", leave=""),
        "dialog on a phone": by(in_panel("Audit log"), shows=dialog("Audit log")),
        "list on a phone": by(
            f"role=complementary >> {button('Close')}",
            button("Back to the list"),
            shows="role=navigation",
            leave="",
        ),
        "settings on a phone": by(button("Settings"), shows="role=menu"),
    },
)


def media(**features: Any) -> Way:
    """Return the way to the page of a reader with other wishes."""
    usual: dict[str, Any] = dict.fromkeys(features, "null")

    def way(visit: Visit) -> Iterator[None]:
        visit.page.emulate_media(**features)
        yield
        visit.page.emulate_media(**usual)

    return way


def attribute(name: str, value: str, shows: str) -> Way:
    """Return the way that sets an attribute of the component."""

    def way(visit: Visit) -> Iterator[None]:
        visit.page.locator("serverless-chat").evaluate(
            "(chat, [name, value]) => chat.setAttribute(name, value)", [name, value]
        )
        visit.expect(shows)
        yield
        visit.page.locator("serverless-chat").evaluate("(chat, name) => chat.removeAttribute(name)", name)

    return way


def signing_out(visit: Visit) -> Iterator[None]:
    """Let the page offer to sign out."""
    chat = visit.page.locator("serverless-chat")
    chat.evaluate("chat => { chat.setAttribute('sign-out', ''); chat.setAttribute('view', 'conversation') }")
    visit.expect(".view-conversation")
    chat.evaluate("chat => chat.setAttribute('view', 'both')")
    visit.expect(".view-both")
    visit.page.locator(button("Settings")).click()
    visit.expect(item("Sign out"))
    yield
    visit.page.keyboard.press("Escape")


def refused_notifications(visit: Visit) -> Iterator[None]:
    """Do not allow notifications."""
    visit.page.evaluate("void (Notification.requestPermission = async () => 'denied')")
    visit.page.locator(button("Settings")).click()
    visit.page.locator(item("Notifications are on")).click()
    visit.expect("text=Notifications are blocked")
    yield


def long_list(stage: Stage) -> Visit:
    """Open a list that does not end with its first page."""

    def prepare(page: Page) -> None:
        page.route("**/conversations?limit=100", continued)

    def continued(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "next_cursor": "more"})

    alice = stage.person("alice")
    alice.create_conversation("First of many")
    return Visit(stage.page_of(alice, prepare=prepare))


LONG_LIST = Scene(long_list, {"list with more conversations": by(shows=button("Show more"), leave="")})


def notified(visit: Visit) -> Iterator[None]:
    """Allow notifications."""
    visit.page.context.grant_permissions(["notifications"])
    visit.page.locator(button("Settings")).click()
    visit.page.locator(item("Enable notifications")).click()
    visit.page.locator(button("Settings")).click()
    visit.expect(item("Notifications are on"))
    yield
    visit.page.keyboard.press("Escape")


WISHES = Scene(
    everything,
    {
        "more contrast": media(contrast="more"),
        "forced colours": media(forced_colors="active"),
        "motion": media(reduced_motion="no-preference"),
        "less motion": media(reduced_motion="reduce"),
        "panel with more contrast": by(button("Members"), shows="role=complementary", leave=""),
        "notifications": notified,
        "refused notifications": refused_notifications,
        "sign-out": signing_out,
        "list alone": attribute("view", "list", ".view-list"),
        "conversation alone": attribute("view", "conversation", ".view-conversation"),
    },
)


def with_pictures(stage: Stage) -> Visit:
    """Open the page of a product that permits pictures."""
    alice, bob = stage.person("alice"), stage.person("bob")
    created = alice.create_conversation("Team", [bob])
    origin, _ = stage.ends.enter_context(pictures(stage.directory))
    bob.put("/me/profile", {"name": bob.name, "avatar_url": f"{origin}/bob.png"}).expect(200)
    bob.post_message(created, "with a picture")
    page = stage.ends.enter_context(page_with_pictures(stage.browser, stage.web_chat, alice.id, origin))
    page.locator('.conversation:has-text("Team")').click()
    visit = Visit(page, created)
    visit.expect(f"{article('with a picture')} img")
    return visit


PICTURES = Scene(
    with_pictures,
    {
        "pictures": stay,
        "picture in the panel": by(button("Members"), shows=".member img", leave=""),
        "picture in the profile": by(button("Settings"), item("Profile"), shows="text=Pictures are shown from"),
    },
)
