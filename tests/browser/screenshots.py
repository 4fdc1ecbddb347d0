"""Make the pictures of the documentation: the page at three widths, light and dark, with 200 messages.

.venv/bin/python -m tests.browser.screenshots          # writes docs/images/web*

Pictures depend on the version of Chromium and on the fonts. `web.json` beside them has those that made them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.browser import FONTS, MISSING, chromium
from tests.browser.filling import fill
from tests.browser.hebrew import speak_hebrew
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient
from tests.support.http_client import HttpClient
from tests.support.server import ROOT

IMAGES = ROOT / "docs" / "images"
WIDTHS = {360: 740, 768: 1024, 1440: 900}
QUALITY = 82
CONDITIONS = IMAGES / "web.json"
RENDERING = ["--font-render-hinting=none", "--disable-lcd-text"]
"""Options of Chromium, so that the settings of a machine do not change its letters."""
NAMES = {
    "alice": "Alice Lindqvist",
    "bob": "Bob Okafor",
    "carol": "Carol Ångström",
    "dina": "דינה כהן",
    "omar": "عمر الخطيب",
    "max": "Maximilian von und zu Hohenstein-Waldburg",
}
SMALL_TALK = (
    "Morning! The nightly run is green.",
    "I moved the review to Thursday, since two of us travel on Wednesday.",
    "Can somebody look at the flaky test in the billing worker? It fails about once in forty runs.",
    "On it.",
    "The dashboards show the same dip as last week, at the same minute. I suspect the certificate renewal.",
    "👍",
    "Docs are updated, including the runbook for the failover. Please read the part about the replica lag.",
    "Done. Two questions are in the comments.",
    "The vendor confirmed the new quota in writing.",
    "Lunch at noon?",
)
PLAN = """Migration plan for tonight:

1. Freeze writes on `orders_v1`
2. Backfill with `make backfill STAGE=prod`
3. Switch reads, watch the p99

Rollback is a single flag, documented in https://example.com/runbooks/orders-migration-2026-11"""
QUERY = """The query that got slow, with its fix:

```sql
SELECT o.id, o.total, c.name
  FROM orders o
  JOIN customers c ON c.id = o.customer_id
 WHERE o.created_at > now() - interval '1 day'   -- the index on created_at was missing
 ORDER BY o.created_at DESC
 LIMIT 50;
```

From **1.9 s** to **14 ms**."""


def write(people: Mapping[str, TestClient]) -> str:
    """Write the conversations, and return the id of the one that is shown."""
    alice, bob, carol = people["alice"], people["bob"], people["carol"]
    others = {
        "Lunch": "Table for six at noon 🍜",
        "Reading group": "Chapter 7 of *Designing Data-Intensive Applications* next",
        "Incident 2211: latency in eu-north-1": "p99 is back at 38 ms, closing",
        "Offsite in Lofoten": "The ferry leaves at **09:40**",
        "Hiring: senior platform engineer, Stockholm or remote": "Two candidates are in the final round.",
    }
    for title, text in others.items():
        bob.post_message(alice.create_conversation(title, [bob, carol]), text)
    family = people["dina"].create_conversation("משפחה", [alice, people["omar"]])
    people["omar"].post_message(family, "مساء الخير، الساعة السابعة مناسبة لي 🙂")
    release = alice.create_conversation("Release 4.2", [people[name] for name in NAMES if name != "alice"])
    texts = [SMALL_TALK[number * 3 % len(SMALL_TALK)] for number in range(191)]
    fill(release, texts, *(people[name] for name in ("bob", "carol", "alice", "max")))
    plan = bob.post_message(release, PLAN)["sequence_id"]
    for name, emoji in (("carol", "👍"), ("alice", "👍"), ("max", "🚀")):
        people[name].add_reaction(release, plan, emoji)
    query = carol.post_message(release, QUERY)["sequence_id"]
    alice.post_message(
        release, "Great find. Can we get it into 4.2, @Bob Okafor?", reply_to=query, mentions=["bob"]
    )
    bob.post_message(release, "Yes, it is in the branch already.")
    bob.post_message(release, "> Rollback is a single flag\n\nTested that one on staging, too ✅")
    people["dina"].post_message(release, "בדקתי את התרגום לעברית, הכול נראה טוב.")
    people["omar"].post_message(release, "تم تحديث الترجمة العربية أيضاً، مع مثال `RTL` داخل النص.")
    people["max"].post_message(release, "🎉🎉")
    last = alice.post_message(release, "Thank you all. I will tag the release at 17:00.")["sequence_id"]
    bob.add_reaction(release, last, "❤️")
    head = alice.get_head(release)
    bob.put(f"/conversations/{release}/read", {"sequence_id": head}).expect(200)
    carol.put(f"/conversations/{release}/read", {"sequence_id": head - 2}).expect(200)
    alice.put(f"/conversations/{release}/read", {"sequence_id": head}).expect(200)
    return release


def take(browser: Browser, chat: WebChat, release: str, picture: Picture, act: Act = lambda page: None) -> bytes:
    """Return a picture of the page, after an action on it."""
    viewport = {"width": picture.width, "height": WIDTHS[picture.width]}
    context = browser.new_context(viewport=viewport, color_scheme=picture.scheme, locale="en-GB")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{chat.web_url}#as=alice{f'&/c/{release}' if picture.is_open else ''}")
    page.get_by_text("1 online").or_(page.get_by_role("button", name="Release 4.2")).first.wait_for()
    picture.act(page)
    act(page)
    page.wait_for_timeout(500)  # for the colours of transitions
    session = context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    context.close()
    return base64.b64decode(taken["data"])


def open_details(page: Page) -> None:
    """Show the members beside the messages."""
    page.get_by_role("button", name="Members", exact=True).click()
    page.get_by_role("heading", name="Details").wait_for()


Act = Callable[[Page], None]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to take: the page at a width, in a theme, after an action."""

    name: str
    width: int
    scheme: str
    act: Act = lambda page: None
    is_open: bool = True
    """Whether it shows a conversation, and not the list alone."""

    @property
    def file(self) -> Path:
        """Where the picture is."""
        return IMAGES / f"web-{self.name}.webp"


PICTURES = (
    Picture("360-light", 360, "light"),
    Picture("360-dark", 360, "dark"),
    Picture("768-light", 768, "light"),
    Picture("768-dark", 768, "dark"),
    Picture("1440-light", 1440, "light", open_details),
    Picture("1440-dark", 1440, "dark", open_details),
    Picture("360-list", 360, "light", is_open=False),
    Picture("768-hebrew", 768, "light", speak_hebrew),
)


def major_version(browser: Browser) -> int:
    """Return the major version of a browser."""
    return int(browser.version.partition(".")[0])


def font_digests() -> dict[str, str]:
    """Return the digests of the fonts that set-up installs, by the names of their files. Raises OSError."""
    return {font.name: hashlib.sha256(font.read_bytes()).hexdigest() for font in FONTS}


def main() -> None:
    """Write all pictures, with the conditions under which they hold."""
    program = chromium()
    if program is None:
        raise SystemExit(MISSING)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        chat = WebChat(Path(directory) / "chat.log")
        http = HttpClient(chat.endpoint.http_url)
        release = write({name: TestClient(chat.endpoint, http, name, NAMES[name]) for name in NAMES})
        browser = playwright.chromium.launch(executable_path=program, args=RENDERING, chromium_sandbox=False)
        for picture in PICTURES:
            picture.file.write_bytes(take(browser, chat, release, picture))
        conditions = {"chromium": major_version(browser), "fonts": font_digests()}
        CONDITIONS.write_text(json.dumps(conditions, indent=2) + "\n", encoding="utf-8")
        browser.close()
        http.close()
        chat.stop()


if __name__ == "__main__":
    main()
