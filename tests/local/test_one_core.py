"""The one core of a busy process."""

import os
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import cast

import pytest

from local.backend import Backend
from local.launcher import Options, one_core_for, watch
from local.one_core import INTERVAL, LinuxScheduler, OneCore
from local.settings import Ports
from local.signals import Stopped


class FakeScheduler:
    """Cores, and their idle time."""

    refusal: OSError | None = None

    def __init__(self, cores: int = 3) -> None:
        self.idle = dict.fromkeys(range(cores), 0.0)
        self.assigned: list[set[int]] = []

    def cores(self) -> Collection[int]:
        return set(self.idle)

    def idle_seconds(self) -> Mapping[int, float]:
        return dict(self.idle)

    def assign(self, cores: Collection[int]) -> None:
        self.assigned.append(set(cores))
        if self.refusal is not None:
            raise self.refusal


class Machine:
    """A process on a machine; time passes in steps."""

    def __init__(self, cores: int = 3) -> None:
        self.scheduler = FakeScheduler(cores)
        self.now = self.used = 0.0
        self.one_core = OneCore(self.scheduler, lambda: self.now, lambda: self.used)

    def run(self, own: float, *idle: float, seconds: float = 1.0) -> list[set[int]]:
        """Let time pass, of which the process uses `own` and each core is `idle`; return the new assignments."""
        self.now += seconds
        self.used += own * seconds
        for core, share in enumerate(idle):
            self.scheduler.idle[core] += share * seconds
        before = len(self.scheduler.assigned)
        self.one_core.adapt()
        return self.scheduler.assigned[before:]


class FakeBackend:
    """A store that is always there."""

    def check(self) -> None:
        """Do nothing."""


ALL = {0, 1, 2}


def test_busy_process_gets_the_core_that_is_idle_for_longest() -> None:
    assert Machine().run(0.9, 0.3, 0.8, 0.5) == [{1}]


def test_process_that_is_not_busy_keeps_all_cores() -> None:
    assert Machine().run(0.3, 0.9, 0.9, 0.9) == []


def test_idle_process_may_use_all_cores_again() -> None:
    machine = Machine()
    machine.run(0.9, 0.3, 0.8, 0.5)
    assert machine.run(0.2, 0.9, 0.8, 0.9) == [], "it is neither busy nor idle"
    assert machine.run(0.05, 1.0, 1.0, 1.0) == [ALL]
    assert machine.run(0.05, 1.0, 1.0, 1.0) == []
    assert machine.run(0.9, 0.1, 0.2, 0.8) == [{2}]


def test_core_is_kept_if_the_process_itself_uses_it() -> None:
    machine = Machine()
    machine.run(0.9, 0.3, 0.8, 0.5)
    assert machine.run(0.9, 1.0, 0.0, 1.0) == [], "another one has a tenth more"


def test_process_leaves_a_core_that_another_one_uses() -> None:
    machine = Machine()
    machine.run(0.9, 0.3, 0.8, 0.5)
    assert machine.run(0.5, 0.6, 0.0, 0.9) == [{2}]
    assert machine.run(0.9, 0.6, 0.5, 0.1) == []


def test_decisions_have_an_interval() -> None:
    machine = Machine()
    assert machine.run(0.9, 0.3, 0.8, 0.5, seconds=0.6) == []
    assert machine.run(0.9, 0.3, 0.8, 0.5, seconds=0.6) == [{1}]
    assert machine.run(0.0, 1.0, 1.0, 1.0, seconds=0.6) == []


def test_single_core_or_an_unknown_system_is_left_alone() -> None:
    assert Machine(cores=1).run(1.0, 0.0) == []
    assert Machine(cores=0).run(1.0) == []


def test_core_that_is_not_listed_is_not_used() -> None:
    machine = Machine()
    machine.scheduler.idle.pop(2)
    assert machine.run(0.9, 0.3, 0.5) == [{1}]


def test_process_is_left_alone_after_the_system_refused_it(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.scheduler.refusal = OSError(22, "Invalid argument")
    assert machine.run(0.9, 0.3, 0.8, 0.5) == [{1}]
    assert "not kept on one core any more: Invalid argument" in caplog.text
    assert machine.run(0.9, 0.3, 0.8, 0.5) == []
    assert machine.run(0.0, 1.0, 1.0, 1.0) == []


def test_process_without_functions_is_left_alone() -> None:
    assert one_core_for(Options(Ports(), bundle=Path("bundle.zip")), FakeScheduler()) is None
    assert one_core_for(Options(Ports()), FakeScheduler()) is not None


def test_running_instance_adapts_to_its_load() -> None:
    machine = Machine()
    machine.now, machine.used = INTERVAL, INTERVAL
    polls: list[float] = []

    def sleep(seconds: float) -> None:
        polls.append(seconds)
        if len(polls) == 2:
            raise Stopped

    with pytest.raises(Stopped):
        watch(cast(Backend, FakeBackend()), machine.one_core, sleep)
    assert len(machine.scheduler.assigned) == 1, "once in an interval"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux assigns threads to cores")
def test_threads_of_this_process_are_assigned() -> None:
    scheduler = LinuxScheduler()
    cores = set(scheduler.cores())
    assert cores == os.sched_getaffinity(0)
    assert cores <= scheduler.idle_seconds().keys()
    ends = threading.Event()
    others = [threading.Thread(target=ends.wait) for _ in range(3)]  # those of earlier tests may end at any time
    for other in others:
        other.start()
    try:
        scheduler.assign({min(cores)})
        tasks = [threading.get_native_id(), *(other.native_id for other in others)]
        assert all(task and os.sched_getaffinity(task) == {min(cores)} for task in tasks)
    finally:
        scheduler.assign(cores)
        ends.set()
        for other in others:
            other.join()
    assert os.sched_getaffinity(0) == cores


def test_system_without_proc_has_no_cores_to_choose_from(tmp_path: Path) -> None:
    assert not LinuxScheduler(tmp_path / "missing").cores()
