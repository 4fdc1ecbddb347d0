"""The language of the page: a part is loaded with its texts, and changes with the language."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.browser.sockets import Relay
from tests.browser.watching import Watch
from tests.support.client import TestClient

_GERMAN = re.compile(r"/assets/de-[^/]+\.js$")
_TEXTS = re.compile(r"/assets/en-[^/]+\.js$")


@whole_only
def test_panel_is_shown_in_the_language_and_follows_its_change(
    people: Callable[[str], TestClient], open_page: OpenPage
) -> None:
    alice = people("alice-lang1")
    created = alice.create_conversation("Sprachen")
    page = open_page("alice-lang1", f"/c/{created}", locale="de-DE")
    page.get_by_role("button", name="Mitglieder", exact=True).click()
    expect(page.get_by_role("button", name="Hinzufügen")).to_be_visible()
    page.get_by_role("button", name="Einstellungen").first.click()
    page.get_by_role("menuitemradio", name="English").click()
    expect(page.get_by_role("button", name="Add", exact=True)).to_be_visible()
    page.get_by_role("button", name="Emoji").first.click()
    expect(page.get_by_placeholder("Search emoji")).to_be_visible()


@whole_only
def test_panel_that_loads_while_the_language_changes_has_the_texts_of_the_new_one(
    people: Callable[[str], TestClient], open_page: OpenPage
) -> None:
    alice = people("alice-lang2")
    created = alice.create_conversation("Languages")
    page = open_page("alice-lang2", f"/c/{created}")
    expect(page.get_by_role("button", name="Members", exact=True)).to_be_visible()
    change = """() => {
      const chat = document.querySelector("serverless-chat");
      chat.shadowRoot.querySelector("[aria-label=Members]").click();
      chat.lang = "de";
    }"""
    page.evaluate(change)
    expect(page.get_by_role("button", name="Hinzufügen")).to_be_visible()


@whole_only
def test_failure_before_the_texts_are_loaded_is_shown_in_the_language(open_page: OpenPage, watch: Watch) -> None:
    watch.expect("Failed to load resource|config.json: 500")
    page = open_page("alice-lang4", locale="de-DE")
    held: list[Route] = []
    page.route(_GERMAN, lambda route: held.insert(0, route))
    page.route("**/config.json", lambda route: route.fulfill(status=500))
    with page.expect_console_message(lambda shown: "config.json: 500" in shown.text):
        page.reload()
    expect(page.get_by_role("alert")).to_have_count(0)
    held[0].continue_()
    expect(page.get_by_role("alert")).to_contain_text("Der Chat lässt sich nicht öffnen.")
    assert page.locator("html").get_attribute("lang") == "de"


@whole_only
def test_page_whose_language_cannot_be_loaded_says_so(open_page: OpenPage, watch: Watch) -> None:
    watch.expect("Failed to load resource|Failed to fetch dynamically imported module")
    page = open_page("alice-lang3")
    page.route(_TEXTS, lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The chat cannot be opened.")
    page.unroute(_TEXTS)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="New conversation")).to_be_visible()


@whole_only
def test_page_without_texts_in_a_language_says_that_it_is_english(open_page: OpenPage) -> None:
    page = open_page("alice-lang5", locale="fr-FR")
    expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    language = "element => element.closest('[lang]').lang"
    assert page.get_by_role("heading", name="Conversations").evaluate(language) == "en"


@whole_only
@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "This page is out of date. Reload it."), ("de", "Diese Seite ist veraltet. Lade sie neu.")],
)
def test_page_that_does_not_know_the_protocol_of_the_server_says_that_it_is_out_of_date(
    people: Callable[[str], TestClient], open_page: OpenPage, language: str, text: str
) -> None:
    created = people(f"alice-lang7-{language}").create_conversation("Protocol")
    relay = Relay()
    page = open_page(f"alice-lang7-{language}", f"/c/{created}", locale=language, prepare=relay.attach)
    expect(page.get_by_text("1 online")).to_be_visible()
    relay.send(type="welcome", protocol=2)
    expect(page.locator(".toast")).to_contain_text(text)


@whole_only
def test_language_and_emoji_that_cannot_be_loaded_are_reported(
    people: Callable[[str], TestClient], open_page: OpenPage, watch: Watch
) -> None:
    created = people("alice-lang6").create_conversation("Languages")
    page = open_page("alice-lang6", f"/c/{created}")
    expect(page.get_by_role("button", name="Settings")).to_be_visible()
    watch.expect("Failed to load resource")
    failure = page.locator(".toast").filter(has_text="That did not work. Try again.")
    page.route(_GERMAN, lambda route: route.abort())
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("menuitemradio", name="Deutsch").click()
    failure.get_by_role("button", name="Dismiss").click()
    page.route("**/characters-*.js", lambda route: route.abort())
    page.get_by_role("button", name="Emoji").click()
    expect(failure).to_be_visible()
