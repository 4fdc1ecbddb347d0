"""The parts of `make test-all`. Each must end within 30 minutes on two processors, else split it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PYTEST = ("-m", "pytest", "-q")
MUTANTS = ("-m", "scripts.mutants")


@dataclass(frozen=True)
class Share:
    """A share of the files that match a pattern: every `of`-th one, from number `first` on."""

    pattern: str
    first: int
    of: int
    names_only: bool = False
    """Whether the command takes the names without folder and suffix."""

    def arguments(self, root: Path) -> list[str]:
        """Return the arguments of the command."""
        paths = sorted(root.glob(self.pattern))[self.first :: self.of]
        return [path.stem if self.names_only else str(path.relative_to(root)) for path in paths]


@dataclass(frozen=True)
class Part:
    """Tests that run together: arguments of Python, and environment variables."""

    name: str
    description: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Share | None = None


def _e2e(name: str, targets: str, description: str, files: Share | None = None) -> Part:
    variables = {"CHAT_E2E_WHOLE": "1", "CHAT_E2E_TARGETS": targets}
    return Part(name, description, (*PYTEST, *(() if files else ("tests/e2e",))), variables, files)


def _mutants(count: int) -> tuple[Part, ...]:
    """Return parts that run all mutants together, each a share of them."""
    return tuple(
        Part(
            f"mutants-{number}",
            f"Mutants, {number} of {count}",
            MUTANTS,
            files=Share("tests/mutants/*.patch", number - 1, count, names_only=True),
        )
        for number in range(1, count + 1)
    )


_E2E_FILES = "tests/e2e/test_*.py"
PARTS = (
    Part("suite", "Every test that `make test` runs", ("-m", "scripts.run_tests")),
    Part(
        "client-js",
        "2,000 schedules of faults for one and for two tabs of the JavaScript client",
        (*PYTEST, "tests/clients/js/promise.test.ts"),
        {"CHAT_CLIENT_SCHEDULES": "2000"},
    ),
    *(
        Part(
            f"conformance-{client}",
            f"2,000 schedules of faults, and of the list, for the {client.title()} client",
            (
                *PYTEST,
                "-n",
                "2",
                "tests/conformance/test_faults.py",
                "tests/conformance/test_lists.py",
                "-k",
                client,
            ),
            {"CHAT_CONFORMANCE_SCHEDULES": "2000", "CHAT_CONFORMANCE_LISTS": "2000"},
        )
        for client in ("python", "javascript")
    ),
    Part(
        "conformance-mutants",
        "Defects of both clients that the conformance suite catches",
        (*MUTANTS, "--tests", "tests/conformance"),
    ),
    Part(
        "client-python-lowest",
        "The Python client with the lowest versions of its dependencies",
        ("-m", "scripts.lowest_versions", f"{sys.version_info[0]}.{sys.version_info[1]}"),
    ),
    Part(
        "client-python-oldest",
        "The same on the oldest Python that its package allows",
        ("-m", "scripts.lowest_versions"),
    ),
    *(
        Part(f"suite-{version}", f"The suite on Python {version}", ("-m", "scripts.other_python", version))
        for version in ("3.11", "3.12", "3.13", "3.14")
    ),
    Part(
        "runtimes",
        "Bundles for every other Python that is installed",
        (*PYTEST, "-rs", "tests/infra/test_other_runtimes.py"),
        {"CHAT_BUILD_RUNTIMES": "1"},
    ),
    Part(
        "request-models",
        "Requests to DynamoDB and SQS are valid by AWS's models",
        (
            *(*PYTEST, "-p", "tests.support.request_models"),
            *(
                "tests/functional",
                "tests/unit/core",
                "tests/local/test_in_process.py",
                "tests/local/test_queue.py",
            ),
        ),
    ),
    Part(
        "deploy-kills",
        "Deployments, rollbacks and restores that are killed and repeated",
        (*PYTEST, "tests/deploy/test_kill.py", "tests/deploy/test_restore_commands.py"),
        {"CHAT_DEPLOY_KILLS": "1"},
    ),
    Part(
        "previous-release",
        "End-to-end tests of the previous release on the functions of both",
        ("-m", "scripts.previous_release"),
    ),
    Part("coverage", "Coverage of the core, with its limit", ("-m", "scripts.core_coverage")),
    Part(
        "browser",
        "Every test of the web page, its states in light and dark, and every picture of it",
        (*PYTEST, "tests/browser"),
        {"CHAT_BROWSER_WHOLE": "1"},
    ),
    Part("bench", "Every test of the benchmarks", (*PYTEST, "tests/bench"), {"CHAT_BENCH_WHOLE": "1"}),
    _e2e("e2e-development", "development", "Every end-to-end test in development"),
    _e2e("e2e-bundle", "bundle", "Every end-to-end test on the bundle"),
    _e2e("e2e-ministack-1", "ministack", "Every end-to-end test on MiniStack, 1 of 3", Share(_E2E_FILES, 0, 3)),
    _e2e("e2e-ministack-2", "ministack", "Every end-to-end test on MiniStack, 2 of 3", Share(_E2E_FILES, 1, 3)),
    _e2e("e2e-ministack-3", "ministack", "Every end-to-end test on MiniStack, 3 of 3", Share(_E2E_FILES, 2, 3)),
    *_mutants(6),
    Part(
        "fuzz-http",
        "Random HTTP requests",
        (*PYTEST, "tests/e2e/test_fuzz_http.py"),
        {"CHAT_E2E_TARGETS": "development", "CHAT_FUZZ_EXAMPLES": "500", "CHAT_FUZZ_SECONDS": "25"},
    ),
    Part(
        "fuzz-socket",
        "Random frames",
        (*PYTEST, "tests/e2e/test_fuzz_socket.py"),
        {"CHAT_E2E_TARGETS": "development", "CHAT_FUZZ_EXAMPLES": "1000", "CHAT_FUZZ_SECONDS": "50"},
    ),
    Part(
        "histories",
        "Random histories of many clients",
        (*PYTEST, "tests/invariants/test_random_histories.py"),
        {"CHAT_LAWS_EXAMPLES": "300"},
    ),
    Part(
        "interleavings",
        "Eight times as many drawn interleavings, and all those of three senders",
        (*PYTEST, "-n", "2", "tests/invariants", "-k", "interleavings"),
        {"CHAT_LAWS_SAMPLES": "8"},
    ),
    Part(
        "kills",
        "SIGKILL of random processes while messages are sent: 200 rounds",
        (*PYTEST, "tests/local/test_kill.py"),
        {"CHAT_LOCAL_KILLS": "100"},
    ),
    Part(
        "event-kills",
        "SIGKILL of an instance in the middle of a delivery, whose lease is waited for",
        (*PYTEST, "tests/local/test_events.py"),
        {"CHAT_LOCAL_EVENTS_WHOLE": "1"},
    ),
    Part(
        "copied-events",
        "A product's copy of 10,000 events that are published under faults, for two seeds",
        (*PYTEST, "-n", "2", "tests/examples/test_copy_of_the_log.py"),
        {"CHAT_COPIED_EVENTS": "10000"},
    ),
    Part(
        "dynamodb",
        "10,000 sequences of random operations on the local DynamoDB and on MiniStack",
        (*PYTEST, "tests/dynamodb/test_random_operations.py"),
        {"CHAT_DYNAMODB_SEQUENCES": "10000"},
    ),
    Part(
        "dynamodb-kills",
        "Kills of the local DynamoDB while it writes",
        (*PYTEST, "tests/dynamodb/test_kill.py"),
        {"CHAT_DYNAMODB_KILLS": "100"},
    ),
)
