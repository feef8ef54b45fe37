"""What a job says and keeps when there is no room left for what it says."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edgeyolo.errors import EdgeyoloError, ExitCode, UsageError
from edgeyolo.files import write_bytes
from edgeyolo.jobs import events, process
from edgeyolo.jobs.child import ROOM_HINT, work_in
from edgeyolo.jobs.events import EventLog, all_events

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _fill(log: EventLog) -> int:
    """Write until not even another event fits; how many did."""
    (count, room) = (0, b"x" * 65536)
    filler = log._stream.name + ".filler"
    while room:  # pages of which a part is free take up less and less
        try:
            with Path(filler).open("ab", buffering=0) as stream:
                stream.write(room)
        except OSError:
            room = room[: len(room) // 2]
    while True:
        try:
            log.write("epoch", epoch=count)
        except OSError:
            return count
        count += 1


def test_what_is_seldom_told_is_no_reason_to_end(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_SELDOM_S", 0.0)
    log = EventLog(tiny_disk)
    count = _fill(log)
    log.seldom("batch", batch=1)
    with pytest.raises(OSError, match="No space left"):
        log.write("epoch", epoch=0)
    Path(log._stream.name + ".filler").unlink()
    log.write("finished")
    told = all_events(tiny_disk)
    assert [event["epoch"] for event in told[:count]] == list(range(count))
    assert told[-1]["event"] == "finished"
    assert all("event" in event for event in told)


def test_other_errors_of_a_stream_do_end_it(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log._stream.close()
    with pytest.raises(ValueError, match="closed"):
        log.seldom("batch")


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_disk_is_one_sentence_and_how_to_go_on(tmp_path: Path, wrapped: bool) -> None:
    def work(log: EventLog) -> ExitCode:
        if wrapped:
            raise EdgeyoloError("Cannot write weights.pt: no space left.", "Try again.") from FULL
        raise FULL

    assert work_in(tmp_path, work) == ExitCode.FAILED
    last = all_events(tmp_path)[-1]
    assert (last["event"], last["hint"], last["exit_code"]) == ("failed", ROOM_HINT, 1)
    assert "no space left" in last["message"] and "Traceback" not in last["message"]
    assert "resume" in ROOM_HINT


def test_other_errors_are_told_as_before(tmp_path: Path) -> None:
    def refuse(log: EventLog) -> ExitCode:
        raise UsageError("It cannot be.", "Do something else.") from ValueError("why")

    def break_(log: EventLog) -> ExitCode:
        raise OSError("cannot identify image file")

    assert work_in(tmp_path, refuse) == ExitCode.USAGE
    last = all_events(tmp_path)[-1]
    assert (last["message"], last["hint"], last["exit_code"]) == (
        *("It cannot be.", "Do something else."),
        2,
    )
    with pytest.raises(OSError, match="identify"):
        work_in(tmp_path, break_)
    last = all_events(tmp_path)[-1]
    assert last["message"] == "The work failed (OSError: cannot identify image file)."
    assert "job.log" in last["hint"] and last["exit_code"] == 1


def test_a_process_that_could_not_say_anything(tiny_disk: Path) -> None:
    (tiny_disk / "filler").touch()
    with pytest.raises(EdgeyoloError):
        write_bytes(tiny_disk / "filler", b"x" * (1 << 20))
    _fill(EventLog(tiny_disk))
    with pytest.raises(EdgeyoloError, match=r"disk of .* is full") as told:
        list(process.follow(tiny_disk, events.EventReader(tiny_disk, 1 << 20)))
    assert told.value.hint == ROOM_HINT
