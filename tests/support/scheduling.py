"""Which tests of a run stay together in one process, where several processes share a run (pytest-xdist).

What a test needs to have running beside it is started once in each process that runs such tests. So those that
need much stay together: the end-to-end tests of the packaged chat, those of the chat on MiniStack, and otherwise
the tests of a file. The law tests need little and take long; each goes wherever there is room.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

PACKAGED, ON_MINISTACK = "packaged", "on MiniStack"
APART = "tests/invariants/"


def unit_of(nodeid: str) -> str:
    """The name of the group that a test is in; by the kind of chat, as `tests/e2e/targets.py` has them."""
    path, _, test = nodeid.partition("::")
    if path.startswith("tests/e2e/"):
        if "[bundle" in test:
            return PACKAGED
        if "[ministack" in test:
            return ON_MINISTACK
    return nodeid if path.startswith(APART) else path


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it comes without types
    """Hands out groups in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
