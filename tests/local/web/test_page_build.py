"""The build of the page beside the chat: its states, its failure in the log, and its end."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from local.web.page_build import PageBuild
from tests.local.instance import eventually, is_alive


def build(dist: Path, code: str) -> PageBuild:
    started = PageBuild(dist, [sys.executable, "-c", code])
    started.start()
    return started


def test_page_is_ready_after_a_build_and_building_before(tmp_path: Path) -> None:
    code = f"input = open({str(tmp_path / 'go')!r}).read(); open({str(tmp_path / 'index.html')!r}, 'w')"
    os.mkfifo(tmp_path / "go")
    started = build(tmp_path, code)
    assert started.state == "building"
    (tmp_path / "go").write_text("go")
    eventually(lambda: started.state == "ready", "the page is ready")
    assert started.failure is None


def test_failed_build_is_logged_with_its_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "local.web"):
        started = build(tmp_path, "import sys; sys.exit('there is no Node.js')")
        eventually(lambda: started.failure is not None, "the failure is known")
    assert started.state == "absent"
    assert started.failure == "there is no Node.js"
    assert "the web page is left out, the chat runs without it: there is no Node.js" in caplog.text


def test_failure_is_known_only_when_it_is_in_the_log(tmp_path: Path) -> None:
    failing = PageBuild(tmp_path, [sys.executable, "-c", "import sys; sys.exit(1)"])
    known: list[str | None] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            known.append(failing.failure)

    handler = Noting()
    logging.getLogger("local.web").addHandler(handler)
    try:
        failing.start()
        eventually(lambda: failing.failure is not None, "the failure is known")
    finally:
        logging.getLogger("local.web").removeHandler(handler)
    assert known == [None]


def test_stop_ends_a_running_build_with_its_child_processes(tmp_path: Path) -> None:
    code = f"""
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
path = pathlib.Path({str(tmp_path / "child")!r})
path.with_suffix(".partial").write_text(str(child.pid))
path.with_suffix(".partial").rename(path)
time.sleep(600)
"""
    started = build(tmp_path, code)
    eventually((tmp_path / "child").exists, "the build has a child process")
    child = int((tmp_path / "child").read_text(encoding="utf-8"))
    started.stop()
    eventually(lambda: not is_alive(child), "the child process ends")
    assert started.state == "absent"
    assert started.failure is None


def test_stop_without_a_build_does_nothing(tmp_path: Path) -> None:
    PageBuild(tmp_path).stop()
