"""The expiry of invites, independent of the store's own deletion."""

import pytest

from chalicelib.core.kernel.errors import NotFound
from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, Setup
from tests.invariants.tables import Tables

CLOSED = Setup(non_members=("dave", "erin"))


def test_invite_is_valid_until_it_expires(tables: Tables) -> None:
    harness = tables.harness(CLOSED)
    invite = harness.process().create_invite("alice", expires_in=60)
    harness.process(skew=59.0).join("dave", invite)
    late = harness.process(skew=60.0)
    assert late.list_invites("alice") == []
    with pytest.raises(NotFound):
        late.join("erin", invite)
    with pytest.raises(NotFound):
        late.revoke_invite("alice", invite)
    assert check(harness, subscribers=MEMBERS).types == ["conversation_created", "participant_joined"]
