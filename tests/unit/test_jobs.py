"""Detached jobs: their events, their process, and who else looks on, without training anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from edgeyolo.errors import EdgeyoloError, ExitCode, StoppedError, UsageError
from edgeyolo.jobs import process
from edgeyolo.jobs.events import EVENTS, EventLog, EventReader, all_events
from edgeyolo.jobs.names import PID, STOP
from edgeyolo.runs import Run


def kinds(folder: Path) -> list[str]:
    return [event["event"] for event in all_events(folder)]


def test_a_reader_gets_each_event_once(tmp_path: Path) -> None:
    log, reader = EventLog(tmp_path), EventReader(tmp_path)
    log.write("started")
    assert [event["event"] for event in reader.new()] == ["started"]
    assert list(reader.new()) == []
    log.write("epoch", map50_95=float("nan"))
    assert [event["map50_95"] for event in reader.new()] == [None]


def test_a_line_still_being_written_is_left(tmp_path: Path) -> None:
    path, reader = tmp_path / EVENTS, EventReader(tmp_path)
    path.write_text('{"event": "epo')
    assert list(reader.new()) == []
    path.write_text('{"event": "epoch"}\n')
    assert len(list(reader.new())) == 1


def test_a_line_cut_short_by_a_kill_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_text('{"event": "started"}\n{"event": "epo')
    EventLog(tmp_path).write("started", resumed_at=3)
    assert kinds(tmp_path) == ["started", "started"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A live process that looks like the job of the folder."""
    code = "import sys, time; time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    yield child
    child.kill()
    child.wait()


def test_attaching_does_not_hear_of_earlier_stops(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    log = EventLog(tmp_path)
    log.write("stopped")
    (tmp_path / PID).write_text(f"{sleeper.pid} {(tmp_path / EVENTS).stat().st_size}")
    log.write("started")
    log.write("finished")
    reader = process.start(tmp_path, "edgeyolo.train.job")
    assert [e["event"] for e in process.follow(tmp_path, reader)] == ["started", "finished"]


def test_who_starts_it_while_it_is_stopping_does_not_end_with_it(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    log = EventLog(tmp_path)
    (tmp_path / PID).write_text(f"{sleeper.pid} 0")
    log.write("started")
    process.ask_to_stop(tmp_path)

    def stop() -> None:
        log.write("stopped")
        sleeper.kill()
        sleeper.wait()

    timer = Timer(1, stop)
    timer.start()
    reader = process.start(tmp_path, "edgeyolo")  # any module: it says how it is called, and ends
    assert sleeper.returncode is not None and not (tmp_path / STOP).exists()
    with pytest.raises(EdgeyoloError, match="without a word"):  # and not: stopped
        list(process.follow(tmp_path, reader))


def test_one_look_that_finds_no_process_is_not_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, looks = EventLog(tmp_path), [None, None, "it", None, "it"]

    def look(folder: Path) -> object:
        found = looks.pop(0)
        if not looks:
            log.write("finished")
        return found

    monkeypatch.setattr(process, "running", look)
    events = process.follow(tmp_path, EventReader(tmp_path))
    assert [event["event"] for event in events] == ["finished"]
    monkeypatch.setattr(process, "running", lambda folder: None)
    with pytest.raises(EdgeyoloError, match="without a word"):
        list(process.follow(tmp_path, EventReader(tmp_path, 10_000)))


def test_a_number_that_belongs_to_another_process_is_not_the_job(tmp_path: Path) -> None:
    (tmp_path / PID).write_text("1 0")
    assert process.running(tmp_path) is None


@pytest.mark.parametrize(
    ("event", "kind", "code"),
    [
        ({"event": "stopped"}, StoppedError, 6),
        ({"event": "failed", "message": "m.", "hint": "h", "exit_code": 2}, EdgeyoloError, 2),
        ({"event": "failed", "message": "m.", "hint": "h", "exit_code": 3}, EdgeyoloError, 3),
    ],
)
def test_an_end_in_the_child_is_raised_here(
    event: dict[str, object], kind: type[EdgeyoloError], code: int, tmp_path: Path
) -> None:
    (tmp_path / EVENTS).write_text(json.dumps(event) + "\n")
    with pytest.raises(kind) as raised:
        list(process.follow(tmp_path, EventReader(tmp_path)))
    assert raised.value.exit_code == ExitCode(code)


def test_a_job_that_vanished_is_an_error(tmp_path: Path) -> None:
    EventLog(tmp_path).write("started")
    with pytest.raises(EdgeyoloError, match="without a word"):
        list(process.follow(tmp_path, EventReader(tmp_path)))


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    run = Run(tmp_path)
    holder = rf"^Process {os.getpid()} of .*, since 20.* is working on "
    with run.locked(), pytest.raises(UsageError, match=holder), run.locked():
        pass
    with Run(tmp_path).locked():
        pass
