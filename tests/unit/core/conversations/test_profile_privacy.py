"""Profiles in exports and erasures, and the URLs that they accept."""

from __future__ import annotations

import json

import pytest

from chalicelib.core.kernel.errors import ErasureRunning, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol.queries import ExportQuery
from chalicelib.core.protocol.requests import SetProfile, parse_body
from tests.support.app_harness import AppHarness, principal
from tests.support.items import items_with
from tests.unit.core.conversations.test_profiles import AVATAR, BOB, TABLES, new_harness, run_copies, save


@pytest.fixture
def harness() -> AppHarness:
    return new_harness()


def erase(harness: AppHarness) -> None:
    erasure = harness.chat.privacy.erasure
    job_id, _ = erasure.request(principal(BOB))
    while (delay := erasure.run(job_id, 60)) is not None:
        harness.clock.advance(delay)


@pytest.mark.parametrize("is_copied", [False, True])
def test_erasure_deletes_the_profile(harness: AppHarness, is_copied: bool) -> None:
    chat = harness.create_conversation("alice", BOB)
    save(harness, "Bobby", metadata={"team": "blue"})
    if is_copied:
        run_copies(harness)
        harness.send_message(BOB, chat)
    erase(harness)
    run_copies(harness)
    assert items_with(harness.store, TABLES, BOB, "Bobby", AVATAR, "blue") == []


def test_profile_cannot_be_set_during_an_erasure(harness: AppHarness) -> None:
    harness.create_conversation("alice", BOB)
    harness.chat.privacy.erasure.request(principal(BOB))
    with pytest.raises(ErasureRunning):
        save(harness, "Bobby")


def test_export_contains_the_profile(harness: AppHarness) -> None:
    answer = save(harness, "Bobby", metadata={"team": "blue"})
    page = harness.chat.privacy.export.page(principal(BOB), ExportQuery())
    assert page["participant"] == {"participant_id": BOB, "profile": answer}
    page = harness.chat.privacy.export.page(principal("alice"), ExportQuery())
    assert page["participant"] == {"participant_id": "alice"}


# ---- fields ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [AVATAR, "https://[::1]:8443/a?b=c#d", "https://example.com"])
def test_avatar_url_is_accepted(url: str) -> None:
    assert SetProfile(name="Bobby", avatar_url=url).avatar_url == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/a", "javascript:alert(1)", "//example.com", "https://", "HTTPS://example.com", ""),
        *("https://user@example.com/", "https://user:secret@example.com/", "https://example.com\\@evil.example/"),
        *("https://example.com/a b", "https://example.com/\n", "https://example.com/ä", "https://example.com/a\n"),
        "https://example.com/" + "a" * 500,
    ],
)
def test_avatar_url_is_refused(url: str) -> None:
    with pytest.raises(ValidationFailed):
        parse_body(SetProfile, json.dumps({"name": "Bobby", "avatar_url": url}).encode(), Limits())
