"""The page looks as in the pictures of the documentation, but for times of day.

The pictures hold for one major version of Chromium and for the fonts that set-up installs; elsewhere the test is
skipped. After an intended change: `python -m tests.browser.screenshots`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from scripts.browser import FONTS, PACKAGES, has_fonts
from tests.browser.screenshots import IMAGES, NAMES, open_details, take, write
from tests.browser.web_chat import WebChat
from tests.support.client import TestClient

CHROMIUM = 156
"""The major version that made the pictures."""
TOLERANCE = 0.005
"""The part of the pixels that may differ: times of day, initials of conversations, the loss of compression."""
ATTEMPTS = 4
_DIFFERENCE = """async (pictures) => {
  const [first, second] = await Promise.all(pictures.map(async (data) => {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/webp" }));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  }));
  if (first.width !== second.width || first.height !== second.height) return 1;
  let differing = 0;
  for (let at = 0; at < first.data.length; at += 4) {
    const [red, green, blue] = [0, 1, 2].map((part) => first.data[at + part] - second.data[at + part]);
    const brightness = Math.abs(0.3 * red + 0.59 * green + 0.11 * blue);
    // The hue of a conversation's initials comes from its id, which is random; all hues are equally bright.
    if (brightness > 25 || Math.max(Math.abs(red), Math.abs(green), Math.abs(blue)) > 110) differing++;
  }
  return differing / (first.data.length / 4);
}"""


@pytest.fixture(scope="module")
def release(browser: Browser, web_chat: WebChat, chat_http: object) -> str:
    """Return the conversation of the pictures. Skips the tests where the pictures do not hold."""
    major = int(browser.version.partition(".")[0])
    if major != CHROMIUM:
        pytest.skip(f"the pictures were made with Chromium {CHROMIUM}, not {major}: make them again")
    if not has_fonts():
        pytest.skip(f"{FONTS[0]} is missing: apt install {' '.join(PACKAGES)}")
    return write({name: TestClient(web_chat.endpoint, chat_http, name, NAMES[name]) for name in NAMES})  # type: ignore[arg-type]


@pytest.fixture
def difference(browser: Browser) -> Callable[[bytes, bytes], float]:
    """Return a function that returns which part of the pixels of two pictures differs."""

    def measure(first: bytes, second: bytes) -> float:
        page = browser.new_page()
        result: float = page.evaluate(_DIFFERENCE, [base64.b64encode(data).decode() for data in (first, second)])
        page.close()
        return result

    return measure


def nothing(page: Page) -> None:
    """Leave the page as it is."""


def shifted(page: Page) -> None:
    """Move everything by a few pixels, as a wrong margin does."""
    page.evaluate("() => { document.querySelector('serverless-chat').style.marginTop = '6px' }")


@pytest.mark.parametrize(
    ("width", "scheme", "act"), [(360, "dark", nothing), (768, "light", nothing), (1440, "light", open_details)]
)
def test_page_looks_as_in_its_picture(
    release: str,
    browser: Browser,
    web_chat: WebChat,
    difference: Callable[[bytes, bytes], float],
    width: int,
    scheme: str,
    act: Callable[[Page], None],
) -> None:
    reference = (IMAGES / f"web-{width}-{scheme}.webp").read_bytes()
    measured: list[float] = []
    # On a busy machine a picture can be taken before everything is there; a wrong look stays wrong.
    while len(measured) < ATTEMPTS and not (measured and measured[-1] <= TOLERANCE):
        measured.append(difference(take(browser, web_chat, f"&/c/{release}", width, scheme, act), reference))
    assert measured[-1] <= TOLERANCE, measured


def test_shift_of_a_few_pixels_is_noticed(
    release: str, browser: Browser, web_chat: WebChat, difference: Callable[[bytes, bytes], float]
) -> None:
    picture = take(browser, web_chat, f"&/c/{release}", 768, "light", shifted)
    assert difference(picture, (IMAGES / "web-768-light.webp").read_bytes()) > TOLERANCE
