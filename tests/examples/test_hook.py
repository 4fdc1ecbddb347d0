"""The hook of the example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples.product.hook import NEW_FOR, Filter, ask
from examples.product.users import User, Users

SENDER = {"participant_id": "ann", "name": "Ann", "type": "human"}
REFUSED = {"decision": "refuse", "reason": "New users cannot post links yet."}


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ({"type": "message", "content": "Hello."}, {"decision": "allow"}),
        ({"type": "message", "content": "Damn it!"}, {"decision": "change", "changes": {"content": "**** it!"}}),
        ({"type": "edit", "content": "damned"}, {"decision": "allow"}),
        ({"type": "creation", "title": "Damn"}, {"decision": "change", "changes": {"title": "****"}}),
        ({"type": "creation", "direct": True}, {"decision": "allow"}),
        ({"type": "addition", "participant": {}}, {"decision": "allow"}),
        ({"type": "message", "content": "see https://x.test"}, REFUSED),
    ],
    ids=lambda value: str(value.get("type", "")),
)
def test_filter_masks_words_and_refuses_links(action: dict[str, Any], answer: dict[str, Any]) -> None:
    assert Filter(lambda _: 100.0, lambda: 99.0 + NEW_FOR).answer({"sender": SENDER, **action}) == answer


def test_user_of_yesterday_can_post_links() -> None:
    action = {"type": "message", "content": "https://x.test", "sender": SENDER}
    assert Filter(lambda _: 100.0, lambda: 100.0 + NEW_FOR).answer(action) == {"decision": "allow"}


def test_users_of_the_product_are_new_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRODUCT_DATABASE", str(tmp_path / "product.db"))
    users = Users(tmp_path / "product.db")
    users.add(User("ann", "Ann"), "password")
    users.close()
    action = {"type": "message", "content": "www.x.test", "sender": SENDER}
    assert ask({"version": 1, "actions": [action, {**action, "content": "hi"}]}, None) == {
        "answers": [REFUSED, {"decision": "allow"}]
    }
