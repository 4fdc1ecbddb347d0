"""Which tests of a run stay together in one process, where several processes share a run (pytest-xdist).

What a test needs to have running beside it is started once in each process that runs such tests. So those that
need much stay together: all that talk to the packaged chat, all that talk to MiniStack, and otherwise the tests
of a file. The law tests need little and take long; each goes wherever there is room.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("[bundle", "[ministack")
"""How the parameters of a test begin that needs a server which takes long to start: see `tests/e2e/kinds.py`."""
APART = "tests/laws/"


def unit_of(nodeid: str) -> str:
    """The name of the group that a test is in."""
    path, _, test = nodeid.partition("::")
    if path.startswith("tests/e2e/"):
        for kind in TOGETHER:
            if kind in test:
                return kind
    return nodeid if path.startswith(APART) else path


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it comes without types
    """Hands out groups in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
