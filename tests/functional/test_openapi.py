"""The OpenAPI document, as it is served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.functional.test_rest_events import asked

PUBLISHED = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8"))


def test_published_document_is_served_without_a_credential(chat: Any) -> None:
    status, document, headers = asked(chat, "GET", "/openapi.json", authorizer={})
    assert (status, document) == (200, PUBLISHED)
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "public, max-age=300"
    assert headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("known", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
def test_matching_etag_is_answered_with_304(known: str, chat: Any) -> None:
    tag = asked(chat, "GET", "/openapi.json", authorizer={})[2]["ETag"]
    assert tag.startswith('"')
    status, nothing, headers = asked(
        chat, "GET", "/openapi.json", authorizer={}, headers={"if-none-match": known.format(tag=tag)}
    )
    assert (status, nothing, headers["ETag"]) == (304, {}, tag)


@pytest.mark.parametrize("known", ['"other"', ""])
def test_other_etag_is_answered_with_the_document(known: str, chat: Any) -> None:
    status, document, _ = asked(chat, "GET", "/openapi.json", authorizer={}, headers={"if-none-match": known})
    assert (status, document["openapi"]) == (200, "3.1.0")
