"""Which tests of a run stay together in one process, where several processes share a run (pytest-xdist).

What a test needs to have running beside it is started once in each process that runs such tests. So those that
need much stay together: the end-to-end tests of the packaged chat, those of the chat on MiniStack in two halves,
and otherwise the tests of a file. The law tests need little and take long; each goes wherever there is room.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

PACKAGED, FIRST_HALF, SECOND_HALF = "packaged", "on MiniStack, first half", "on MiniStack, second half"
SECOND_HALF_FROM = "tests/e2e/test_i"
APART = "tests/invariants/"


def unit_of(nodeid: str) -> str:
    """The name of the group that a test is in; by the kind of chat, as `tests/e2e/kinds.py` has them."""
    path, _, test = nodeid.partition("::")
    if path.startswith("tests/e2e/"):
        if "[bundle" in test:
            return PACKAGED
        if "[ministack" in test:
            return FIRST_HALF if path < SECOND_HALF_FROM else SECOND_HALF
    return nodeid if path.startswith(APART) else path


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it comes without types
    """Hands out groups in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
