"""Hostile texts in messages, titles and names: they stay texts."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.filling import fill
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

People = Callable[[str], TestClient]

HOSTILE = [
    "<script>attack()</script>",
    "<img src=x onerror=attack()>",
    "<svg/onload=attack()>",
    "<svg><script>attack()</script></svg>",
    "<iframe src=javascript:attack()></iframe>",
    "<iframe srcdoc='<script>parent.attack()</script>'></iframe>",
    "<a href=javascript:attack()>click</a>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--><img src onerror=attack()>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=attack()>",
    "<noscript><p title='</noscript><img src=x onerror=attack()>'>",
    "<style>*{background:url(https://evil.example/x)}</style>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<object data=javascript:attack()></object>",
    "<embed src=javascript:attack()>",
    "<video><source onerror=attack()></video>",
    "<details open ontoggle=attack()>x</details>",
    "<input autofocus onfocus=attack()>",
    "<body onload=attack()>",
    "<template><img src=x onerror=attack()></template>",
    "<serverless-chat token=x></serverless-chat>",
    "[x](javascript:attack())",
    "[x](JaVaScRiPt:attack())",
    "[x](&#106;avascript:attack())",
    "[x](java\tscript:attack())",
    "[x](\x20javascript:attack())",
    "[x](vbscript:attack())",
    "[x](data:text/html;base64,PHNjcmlwdD5hdHRhY2soKTwvc2NyaXB0Pg==)",
    "[x](blob:attack)",
    "[x](//evil.example/)",
    '[x](https://a.example/"onmouseover="attack())',
    "[x](https://a.example/'onclick='attack())",
    "![x](https://evil.example/pixel.png)",
    "![x](javascript:attack())",
    '![x" onerror="attack()](https://evil.example/a.png)',
    "<javascript:attack()>",
    '<https://a.example/"onclick=attack()>',
    "https://a.example/<script>attack()</script>",
    "`<img src=x onerror=attack()>`",
    "```\n</code></pre><img src=x onerror=attack()>\n```",
    "```<img/src=x/onerror=attack()>\nx\n```",
    "| <img src=x onerror=attack()> |\n|---|\n| <script>attack()</script> |",
    "- [x] <img src=x onerror=attack()>",
    "# <img src=x onerror=attack()>",
    "> <img src=x onerror=attack()>",
    "&lt;img src=x onerror=attack()&gt;",
    "**<b onmouseover=attack()>**",
    "[<img src=x onerror=attack()>](https://a.example)",
    "@<img src=x onerror=attack()>",
    "{{constructor.constructor('attack()')()}}",
    "${attack()}",
    "__proto__ [constructor](https://a.example)",
    "\u202egnp.exe\u2066 https://evil.example/\u2069",
    "[](https://a.example)",
    "(" * 400 + "[" * 400 + "*" * 400 + ">" * 400,
    ">" * 900 + " deep",
    "😀" * 4_000 + ".",
    "- " * 400 + "deep",
]
"""Texts that make scripts, requests or elements where a text becomes markup by a mistake, or take long."""

_FOUND = """() => {
  const root = document.querySelector("serverless-chat").shadowRoot;
  const elements = [...root.querySelectorAll("*")];
  const isForeign = (element) =>
    /^(script|style|iframe|object|embed|img|video|audio|source|form|base|meta|link|math|details|template|body)$/i
      .test(element.localName) && !element.matches(".composer")
    || (element.localName === "svg" && !element.matches(".icon"))
    || [...element.attributes].some(({ name }) => /^on|^src/.test(name))
    || (element.localName === "a" && !/^(https?|mailto):$/.test(element.protocol));
  return elements.filter(isForeign).map((element) => element.outerHTML.slice(0, 200));
}"""


def test_hostile_texts_make_no_elements_requests_or_calls(
    people: People, open_page: OpenPage, web_chat: WebChat
) -> None:
    alice, mallory = people("alice-h1"), people("mallory-h1")
    mallory.token = web_chat.token(mallory.id, "<img src=x onerror=attack()>", 3_600)
    target = mallory.create_conversation("<script>attack()</script>", [alice])
    fill(target, HOSTILE, mallory)
    page = open_page("alice-h1")
    page.evaluate("() => { globalThis.attack = () => { globalThis.isAttacked = true } }")
    page.get_by_role("button", name="<script>").click()
    expect(page.get_by_role("article").first).to_be_visible()
    viewport = page.locator(".message-viewport")
    viewport.evaluate("element => element.scrollTo(0, 0)")
    last = page.get_by_role("article").last
    for _ in range(40):
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.evaluate(_FOUND) == []
        if "- - - - deep" in last.inner_text():
            break
        viewport.evaluate("element => element.scrollBy(0, 600)")
    assert "- - - - deep" in last.inner_text()
    for link in page.get_by_role("link").all()[:10]:
        link.hover()
    assert page.evaluate("globalThis.isAttacked") is None


def test_tokens_are_in_memory_only(people: People, open_page: OpenPage) -> None:
    people("alice-h2").create_conversation("Empty")
    page = open_page("alice-h2")
    expect(page.get_by_role("button", name="Empty")).to_be_visible()
    stored = page.evaluate(
        "() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])"
    )
    assert "eyJ" not in stored
    databases = page.evaluate(
        """async () => {
          const found = [];
          for (const { name } of await indexedDB.databases()) {
            const database = await new Promise((done) => {
              const opening = indexedDB.open(name);
              opening.onsuccess = () => done(opening.result);
            });
            for (const store of database.objectStoreNames) {
              found.push(await new Promise((done) => {
                const reading = database.transaction(store).objectStore(store).getAll();
                reading.onsuccess = () => done(JSON.stringify(reading.result));
              }));
            }
          }
          return found.join();
        }"""
    )
    assert "eyJ" not in databases
