"""The page looks as in the pictures of the documentation, but for times of day.

The pictures hold for one major version of Chromium and the fonts that set-up installs, which are recorded beside
them; elsewhere the test is skipped. After an intended change: `python -m tests.browser.screenshots`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page

from scripts.browser import PACKAGES, has_fonts
from tests.browser.conftest import running_web_chat
from tests.browser.screenshots import (
    CONDITIONS,
    NAMES,
    PICTURES,
    Picture,
    font_digests,
    major_version,
    take,
    write,
)
from tests.browser.selection import selected, whole_only
from tests.browser.web_chat import WebChat
from tests.support.client import HttpClient, TestClient

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
def web_chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebChat]:
    """Return a separate chat: other tests give Alice conversations that are not in the pictures."""
    with running_web_chat(tmp_path_factory.mktemp("visual")) as chat:
        yield chat


@pytest.fixture(scope="module")
def release(browser: Browser, web_chat: WebChat) -> str:
    """Return the conversation of the pictures. Skips the tests where the pictures do not hold."""
    made_with = json.loads(CONDITIONS.read_text("utf-8"))
    again = "`python -m tests.browser.screenshots` makes them again"
    loud = "THE LOOK OF THE PAGE IS NOT TESTED"
    if (major := major_version(browser)) != made_with["chromium"]:
        pytest.skip(f"{loud}: the pictures are of Chromium {made_with['chromium']}, not {major}; {again}")
    if not has_fonts():
        pytest.skip(f"{loud}: fonts are missing: apt install {' '.join(PACKAGES)}")
    if font_digests() != made_with["fonts"]:
        pytest.skip(f"{loud}: the pictures were made with other versions of the fonts; {again}")
    with closing(HttpClient(web_chat.endpoint.http_url)) as http:
        return write({name: TestClient(web_chat.endpoint, http, name, NAMES[name]) for name in NAMES})


@pytest.fixture
def difference(browser: Browser) -> Callable[[bytes, bytes], float]:
    """Return a function that returns which part of the pixels of two pictures differs."""

    def measure(first: bytes, second: bytes) -> float:
        page = browser.new_page()
        result: float = page.evaluate(_DIFFERENCE, [base64.b64encode(data).decode() for data in (first, second)])
        page.close()
        return result

    return measure


def shifted(page: Page) -> None:
    """Move everything by a few pixels, as a wrong margin does."""
    page.evaluate("() => { document.querySelector('serverless-chat').style.marginTop = '6px' }")


@pytest.mark.parametrize("picture", selected(PICTURES, 4), ids=lambda picture: picture.name)
def test_page_looks_as_in_its_picture(
    release: str,
    browser: Browser,
    web_chat: WebChat,
    difference: Callable[[bytes, bytes], float],
    picture: Picture,
) -> None:
    reference = picture.file.read_bytes()
    measured: list[float] = []
    # On a busy machine a picture can be taken before everything is there; a wrong look stays wrong.
    while len(measured) < ATTEMPTS and not (measured and measured[-1] <= TOLERANCE):
        measured.append(difference(take(browser, web_chat, release, picture), reference))
    assert measured[-1] <= TOLERANCE, measured


@whole_only
def test_shift_of_a_few_pixels_is_noticed(
    release: str, browser: Browser, web_chat: WebChat, difference: Callable[[bytes, bytes], float]
) -> None:
    picture = PICTURES[2]
    taken = take(browser, web_chat, release, picture, shifted)
    assert difference(taken, picture.file.read_bytes()) > TOLERANCE
