"""Sign-in by OpenID Connect in the browser: the tokens are in memory only."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Callable, Iterator

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from playwright.sync_api import Browser, Page, expect

from infra.web.config import PageConfig
from local.event_loop import LoopThread
from local.gateway.ports import listen
from local.web.page_build import PageBuild
from local.web.page_server import PageServer
from scripts.web import DIST
from tests.browser.acting import field, message, new_tab, send
from tests.browser.identity_provider import IdentityProvider
from tests.browser.selection import whole_only
from tests.browser.watching import Watch
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient
from tests.support.server import ROOT

_STORED_VALUES = """async () => {
  const stored = [];
  for (const { name } of await indexedDB.databases()) {
    const request = indexedDB.open(name);
    await new Promise((done) => (request.onsuccess = done));
    const opened = request.result;
    for (const store of opened.objectStoreNames) {
      const values = opened.transaction(store).objectStore(store).getAll();
      await new Promise((done) => (values.onsuccess = done));
      stored.push(...values.result);
    }
    opened.close();
  }
  return stored;
}"""
"""Returns everything in the IndexedDB of the origin: the outbox and the positions."""

_SAVE_LATE = """
const { set } = Object.getOwnPropertyDescriptor(BroadcastChannel.prototype, "onmessage");
Object.defineProperty(BroadcastChannel.prototype, "onmessage", {
  set(handle) {
    const [, kind, ...participant] = this.name.split("/");
    set.call(this, (event) => {
      const draft = `serverless-chat/draft/${participant.join("/")}/x`;
      if (kind === "sign-out") localStorage.setItem(draft, "a late thought");
      handle(event);
    });
  },
});
"""
"""Saves a draft before a sign-out in another tab is known, as a timer may do."""


@contextlib.contextmanager
def serving(web_chat: WebChat, provider: IdentityProvider) -> Iterator[str]:
    """Serve the page of a chat whose users sign in at a provider, as on a deployed stage."""
    config = PageConfig(web_chat.endpoint.http_url, web_chat.endpoint.ws_url, provider.identity)
    (listener,) = listen([0])
    loop, server = LoopThread("page"), PageServer(ROOT / DIST, PageBuild(ROOT / DIST), config, {}, {})
    loop.run(server.start(listener), 10)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        loop.run(server.stop(), 10)
        loop.stop()


@pytest.fixture
def provider(web_chat: WebChat) -> Iterator[IdentityProvider]:
    with IdentityProvider(lambda: web_chat.token("olga-oidc", "Olga", 3_600)) as running:
        yield running


@pytest.fixture
def page(browser: Browser, web_chat: WebChat, provider: IdentityProvider) -> Iterator[Page]:
    """The page, signed in: a window that fails the test at its end if there was a problem."""
    with serving(web_chat, provider) as url:
        watch = Watch({*web_chat.origins(), provider.url, url.rstrip("/")})
        opened = browser.new_context().new_page()
        watch.add(opened)
        opened.goto(url)
        yield opened
        opened.context.close()
        assert watch.problems() == []


def storages(page: Page) -> str:
    """Return everything that the page has stored for its origin, except conversations, as text."""
    stored = page.evaluate("[{ ...sessionStorage }, { ...localStorage }, document.cookie]")
    return json.dumps(stored)


def test_user_signs_in_once_and_stays_signed_in_after_a_reload(
    page: Page, provider: IdentityProvider, people: Callable[[str], TestClient]
) -> None:
    people("olga-oidc").create_conversation("Sign-in", [])
    expect(page.get_by_role("button", name="Sign-in")).to_be_visible()
    assert [query.get("prompt") for query in provider.authorizations] == ["none", None]
    assert {query["code_challenge_method"] for query in provider.authorizations} == {"S256"}
    assert "?" not in page.url
    assert "eyJ" not in storages(page), "a token is stored"
    assert "verifier" not in storages(page)

    page.reload()
    expect(page.get_by_role("button", name="Sign-in")).to_be_visible()
    assert [query.get("prompt") for query in provider.authorizations] == ["none", None, "none"]

    url = page.url.partition("#")[0]
    provider.is_waiting = True
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_text("Who are you?")).to_be_visible()
    page.goto(url)
    expect(page.get_by_text("Who are you?")).to_be_visible()
    provider.is_waiting = False
    page.goto(url)
    expect(page.get_by_role("button", name="Sign-in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Sign-in")).to_be_visible()
    assert [query.get("prompt") for query in provider.authorizations[3:]] == ["login", "login", "login", "none"]


def test_answer_to_another_request_is_not_accepted(page: Page, provider: IdentityProvider) -> None:
    expect(page.get_by_role("button", name="New conversation")).to_be_visible()
    grants = len(provider.grants)
    page.goto(f"{page.url.partition('#')[0]}?code=stolen&state=guessed")
    expect(page.get_by_role("button", name="New conversation")).to_be_visible()
    assert "stolen" not in {grant.get("code") for grant in provider.grants}
    assert len(provider.grants) == grants + 1


def test_token_is_renewed_by_the_refresh_token_before_its_end(
    browser: Browser, web_chat: WebChat, provider: IdentityProvider
) -> None:
    provider.lifetime = 0  # each use renews the token
    with serving(web_chat, provider) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        expect(page.get_by_role("button", name="New conversation")).to_be_visible()
        assert provider.grants[0]["grant_type"] == "authorization_code"
        assert {grant["grant_type"] for grant in provider.grants[1:]} == {"refresh_token"}

        page.evaluate("addEventListener('chat-error', ({ detail }) => (window.reported = `${detail.error}`))")
        provider.is_failing = True
        page.evaluate("dispatchEvent(new Event('focus'))")  # loads missed events, which needs a token
        expect(page.get_by_text("You are not signed in any more.")).to_be_visible()
        assert page.evaluate("window.reported") == "Error: token endpoint: 503"
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("The chat cannot be opened.")).to_be_visible()
        provider.is_failing = False
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("button", name="New conversation")).to_be_visible()
        expect(page.get_by_text("You are not signed in any more.")).to_have_count(0)
        context.close()


@whole_only
def test_link_survives_the_sign_in_and_only_state_and_secret_are_stored_meanwhile(
    browser: Browser, web_chat: WebChat, provider: IdentityProvider, people: Callable[[str], TestClient]
) -> None:
    olga = people("olga-oidc")
    olga.create_conversation("Elsewhere")
    linked = olga.create_conversation("Linked")
    provider.is_waiting = True
    with serving(web_chat, provider) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}#/c/{linked}")
        expect(page.get_by_text("Who are you?")).to_be_visible()
        page.goto(f"{url}config.json")  # of the origin of the page, without its script
        (stored,) = page.evaluate("Object.values(sessionStorage).map(JSON.parse)")
        assert stored.keys() == {"state", "secret"}
        assert linked not in storages(page)
        assert linked not in json.dumps(provider.authorizations), "the provider would learn of invites"
        page.go_back()
        provider.is_waiting = False
        page.reload()  # of the provider's page: the user answers
        expect(page.get_by_role("heading", name="Linked", level=1)).to_be_visible()
        assert page.url == f"{url}#/c/{linked}"
        assert page.evaluate("sessionStorage.length") == 0

        page.goto(f"{url}?code=stolen&state=guessed#/c/{linked}")
        expect(page.get_by_role("heading", name="Linked", level=1)).to_be_visible()
        context.close()


@whole_only
def test_provider_cannot_read_the_state_by_all_that_it_receives(
    browser: Browser, web_chat: WebChat, provider: IdentityProvider, people: Callable[[str], TestClient]
) -> None:
    linked = people("olga-oidc").create_conversation("Linked")
    stored: list[dict[str, str]] = []
    with serving(web_chat, provider) as url:
        context = browser.new_context()
        page = context.new_page()
        page.expose_function("keep", lambda value: stored.append(json.loads(value)))
        page.add_init_script("Object.values(sessionStorage).forEach((value) => window.keep(value))")
        page.goto(f"{url}#/c/{linked}")
        expect(page.get_by_role("heading", name="Linked", level=1)).to_be_visible()
        state, verifier = provider.authorizations[-1]["state"], provider.grants[-1]["code_verifier"]
        (secret,) = (attempt["secret"] for attempt in stored if attempt["state"] == state)
        assert decryptions(state, secret) == {f"#/c/{linked}"}
        sent = json.dumps([provider.authorizations, provider.grants])
        assert secret not in sent
        for received in (verifier, provider.authorizations[-1]["code_challenge"]):
            assert decryptions(state, received) == set()
        context.close()


def decryptions(state: str, secret: str) -> set[str]:
    """Return the texts that a state contains for a secret as the key, and for keys that are derived from it."""
    data, key = decoded(state), decoded(secret)
    found = set()
    for candidate in (key, *(HKDF(SHA256(), 32, b"", info).derive(key) for info in (b"state", b"verifier"))):
        with contextlib.suppress(InvalidTag):
            found.add(AESGCM(candidate).decrypt(data[:12], data[12:], None).decode())
    return found


def decoded(text: str) -> bytes:
    """Return the bytes of a text in URL-safe Base64 without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@whole_only
@pytest.mark.parametrize("lasts", [True, False], ids=["session lasts", "session ended"])
def test_refused_renewal_signs_in_anew_and_loses_neither_draft_nor_outbox(
    browser: Browser,
    web_chat: WebChat,
    provider: IdentityProvider,
    people: Callable[[str], TestClient],
    lasts: bool,
) -> None:
    room = people("olga-oidc").create_conversation("Room")
    provider.lifetime = 0  # each use renews the token
    with serving(web_chat, provider) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}#/c/{room}")
        expect(page.get_by_text("1 online")).to_be_visible()
        context.set_offline(True)
        web_chat.drop_connections()
        send(page, "written offline")
        expect(message(page, "written offline").locator(".pending")).to_be_visible()
        field(page).press_sequentially("half a thought")
        before = len(provider.authorizations)
        provider.is_refusing_renewal, provider.lifetime = True, 3_600
        if not lasts:
            context.clear_cookies()
            provider.is_waiting = True
        context.set_offline(False)
        if not lasts:
            expect(page.get_by_text("Who are you?")).to_be_visible()
            provider.is_waiting = False
            page.reload()
        # The page before the redirect shows it as well, but as pending.
        sent = message(page, "written offline").filter(has_not=page.locator(".pending"))
        expect(sent).to_be_visible()
        expect(field(page)).to_have_value("half a thought")
        prompts = [query.get("prompt") for query in provider.authorizations[before:]]
        assert prompts[:1] == ["none"]
        assert (None in prompts) is not lasts
        context.close()
    assert [found["content"] for found in people("olga-oidc").list_messages(room)] == ["written offline"]


@whole_only
def test_token_without_renewal_is_used_though_its_life_is_short(
    page: Page, provider: IdentityProvider, people: Callable[[str], TestClient]
) -> None:
    people("olga-oidc").create_conversation("Short")
    expect(page.get_by_role("button", name=re.compile("^Short"))).to_be_visible()
    provider.lifetime, provider.is_refusing_renewal = 60, True
    page.reload()
    expect(page.get_by_role("button", name=re.compile("^Short"))).to_be_visible()
    assert len(provider.authorizations) == 3, "the page signs in again and again"


@whole_only
def test_sign_out_ends_the_session_in_every_tab_and_deletes_what_is_on_the_device(
    page: Page, provider: IdentityProvider, people: Callable[[str], TestClient], web_chat: WebChat
) -> None:
    room = people("olga-oidc").create_conversation("Left")
    url = page.url.partition("#")[0]
    watch = Watch({*web_chat.origins(), provider.url, url.rstrip("/")})
    page.context.add_init_script(_SAVE_LATE)
    tab = new_tab(page, watch, f"{url}#/c/{room}")
    field(tab).press_sequentially("a thought")
    tab.wait_for_function("() => Object.values(localStorage).includes('a thought')")
    field(tab).press_sequentially(", not saved yet")
    provider.is_waiting = True
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("menuitem", name="Sign out").click()
    for signed_out in (page, tab):
        expect(signed_out.get_by_text("Who are you?")).to_be_visible()
    page.goto(f"{url}config.json")
    assert "thought" not in storages(page)
    left = page.evaluate(_STORED_VALUES)
    assert [value for value in left if not isinstance(value, float)] == [], "more than the number of the session"
    assert [query.get("prompt") for query in provider.authorizations[-2:]] == ["login", "login"]
    provider.is_waiting = False
    tab.reload()
    expect(tab.get_by_role("button", name=re.compile("^Left"))).to_be_visible()
    assert watch.problems() == []


@whole_only
def test_link_survives_a_refused_sign_in(
    browser: Browser, web_chat: WebChat, provider: IdentityProvider, people: Callable[[str], TestClient]
) -> None:
    linked = people("olga-oidc").create_conversation("Linked")
    provider.is_denying = True
    with serving(web_chat, provider) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}#/c/{linked}")
        expect(page.get_by_role("alert")).to_contain_text("The chat cannot be opened.")
        provider.is_denying = False
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", name="Linked", level=1)).to_be_visible()
        context.close()


@whole_only
def test_sign_out_ends_the_session_also_where_the_storage_cannot_be_cleared(
    browser: Browser, web_chat: WebChat, provider: IdentityProvider
) -> None:
    with serving(web_chat, provider) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        expect(page.get_by_role("button", name="New conversation")).to_be_visible()
        page.evaluate(
            "void (IDBObjectStore.prototype.clear = () => { throw new DOMException('broken', 'UnknownError') })"
        )
        provider.is_waiting = True
        page.get_by_role("button", name="Settings").click()
        page.get_by_role("menuitem", name="Sign out").click()
        expect(page.get_by_text("Who are you?")).to_be_visible()
        context.close()
