"""The groups of tests that one process runs together, if several processes share a run (pytest-xdist).

Each process starts the servers and stores that its tests need. So tests with the same expensive fixtures form a
group: the end-to-end tests of each target, those of the template and its builds, for which several processes would
wait together, the browser tests in a few groups that take about equally long, and otherwise the tests of a file.
The tests of the laws take long and need little; each is a group, but the random histories share a server.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

PACKAGED, ON_MINISTACK, IN_DEVELOPMENT = "packaged", "on MiniStack", "in development"
RANDOM_HISTORIES = "tests/invariants/test_random_histories.py"
_TESTS_ON_MINISTACK = "tests/deploy/test_ministack.py"
OF_BUILDS = "tests/infra/"
_APART = "tests/invariants/"
LONGEST = (
    PACKAGED,
    ON_MINISTACK,
    IN_DEVELOPMENT,
    RANDOM_HISTORIES,
    "tests/deploy/test_commands_whole.py",
    OF_BUILDS,
)
"""The groups that take longest. They wait for servers, so tests of the laws run beside them on the same cores."""
_BROWSER = "tests/browser/"
_SHARED_CHATS = {
    "in the browser: messages": ("messages", "announcements", "list", "notifications", "page"),
    "in the browser: members": ("members", "scrolling", "component", "embedding"),
}
_SHARED_CHAT = "in the browser: all else"
"""Each of these groups starts a chat and a browser, which cost three seconds of CPU time."""
_WITHOUT_CHAT = ("stranger", "sizes")
"""The first makes a checkout and starts another chat, and takes as long as a group."""


def unit_of(nodeid: str) -> str:
    """Return the name of a test's group; targets are named as in `tests/e2e/targets.py`."""
    path, _, test = nodeid.partition("::")
    if path.startswith("tests/e2e/"):
        if "[bundle" in test:
            return PACKAGED
        if "[ministack" in test:
            return ON_MINISTACK
        if "[development" in test:
            return IN_DEVELOPMENT
    if path == _TESTS_ON_MINISTACK:
        return ON_MINISTACK
    if path.startswith(OF_BUILDS):
        return OF_BUILDS
    if path.startswith(_BROWSER):
        return _browser_unit(path)
    return nodeid if path.startswith(_APART) and path != RANDOM_HISTORIES else path


def _browser_unit(path: str) -> str:
    name = path.removeprefix(f"{_BROWSER}test_").removesuffix(".py")
    if name in _WITHOUT_CHAT:
        return path
    return next((unit for unit, names in _SHARED_CHATS.items() if name in names), _SHARED_CHAT)


def turn_of(nodeid: str) -> int:
    """Return the place of a test's group in the order of a whole run.

    The longest groups come first. The tests of the laws never wait, so they use the cores that those leave idle.
    Unit tests are the shortest, except those of the scripts, which start processes.
    """
    unit = unit_of(nodeid)
    if unit in LONGEST:
        return LONGEST.index(unit)
    if unit.startswith(_APART):
        return len(LONGEST)
    is_short = unit.startswith("tests/unit/") and not unit.startswith("tests/unit/scripts/")
    return len(LONGEST) + 1 + is_short


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it comes without types
    """Hands out groups in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
