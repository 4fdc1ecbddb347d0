"""Invites and time: how long one holds, whatever the store still keeps of it."""

import pytest

from chalicelib.core.kernel.errors import NotFound
from tests.invariants.checker import check
from tests.invariants.world import PEOPLE, Shape, Stage

CLOSED = Shape(strangers=("dave", "erin"))


def test_an_invite_holds_until_it_expires(stage: Stage) -> None:
    world = stage.world(CLOSED)
    invite = world.process().invite("alice", expires_in=60)
    world.process(skew=59.0).join("dave", invite)
    late = world.process(skew=60.0)
    assert late.invites("alice") == []
    with pytest.raises(NotFound):
        late.join("erin", invite)
    with pytest.raises(NotFound):
        late.revoke("alice", invite)
    assert check(world, hears=PEOPLE).types == ["conversation_created", "participant_joined"]
