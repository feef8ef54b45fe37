"""Source → detector → sinks in threads: only what is stale is lost, and errors come through."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from edgeyolo.device import loop
from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.loop import run
from edgeyolo.device.meter import Meter
from edgeyolo.device.slot import Slot
from edgeyolo.errors import CameraError, EdgeyoloError

IMAGE = np.zeros((8, 8, 3), np.uint8)


def until(happened: Callable[[], object], patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)


class Numbered:
    """So many frames, as fast as they are taken."""

    fps = None

    def __init__(self, count: int, *, is_live: bool, error: Exception | None = None) -> None:
        self.count, self.is_live, self.error = count, is_live, error
        self.given, self.closed, self.stopped = 0, False, False

    def stop(self) -> None:
        self.stopped = True

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        try:
            yield self._frames()
        finally:
            self.closed = True

    def _frames(self) -> Iterator[Frame]:
        for index in range(self.count):
            self.given += 1
            yield Frame(index, 0.0, IMAGE, f"{index}")
            if self.is_live:
                time.sleep(0.001)
        if self.error:
            raise self.error


class Awaited(Numbered):
    """A camera that gives no frame before the detector has the last one: none is too late."""

    def __init__(self, count: int, taken: Callable[[], int]) -> None:
        super().__init__(count, is_live=True)
        self.taken = taken

    def _frames(self) -> Iterator[Frame]:
        for frame in super()._frames():
            yield frame
            until(lambda: self.stopped or self.taken() == self.given)


class Slow:
    """A detector that takes its time."""

    def __init__(self, seconds: float = 0.0, fails_at: int = -1) -> None:
        self.seconds, self.fails_at, self.seen = seconds, fails_at, 0

    def __call__(self) -> Slow:
        return self

    def preprocess(self, image: Any) -> tuple[Any, None]:
        return image, None

    def infer(self, blob: Any) -> Any:
        if self.seen == self.fails_at:
            raise EdgeyoloError("the engine failed")
        self.seen += 1
        time.sleep(self.seconds)
        return blob

    def postprocess(self, outputs: Any, placement: None) -> Detections:
        return Detections.empty()


class Kept(Sink):
    """A sink that remembers."""

    def __init__(self, seconds: float = 0.0, enough: int = -1, fails_at: int = -1) -> None:
        self.seconds, self.enough, self.fails_at = seconds, enough, fails_at
        self.indices: list[int] = []
        self.complete: bool | None = None

    def write(self, frame: Frame, detections: Detections) -> bool:
        if len(self.indices) == self.fails_at:
            raise EdgeyoloError("the disk is full")
        time.sleep(self.seconds)
        self.indices.append(frame.index)
        return len(self.indices) != self.enough

    def close(self, *, complete: bool) -> None:
        self.complete = complete


@pytest.fixture(autouse=True)
def no_thread_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The run waits for its own, however long that takes here."""
    monkeypatch.setattr(loop, "_PATIENCE_S", 60.0)
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(("detector", "sink"), [(0.002, 0.0), (0.0, 0.002), (0.0, 0.0)])
def test_of_a_file_every_frame_arrives_in_order(detector: float, sink: float) -> None:
    source, kept, meter = Numbered(30, is_live=False), Kept(sink), Meter()
    assert run(source, Slow(detector), [kept], meter=meter) == 30  # type: ignore[arg-type]
    assert kept.indices == list(range(30))
    assert kept.complete
    assert source.closed
    reading = meter.read()
    assert (reading.frames, reading.dropped) == (30, 0)
    assert set(reading.stage_ms) == {"capture", "pre", "infer", "post", "sinks"}


@pytest.mark.parametrize("slow", ["detector", "sink"])
def test_of_a_camera_stale_frames_are_dropped_and_counted(slow: str) -> None:
    source, meter = Numbered(100, is_live=True), Meter()

    def lag() -> None:
        """Until three more have come; seconds would not be the same ones on a busy machine."""
        due = min(source.given + 3, source.count)
        until(lambda: source.given >= due)

    class Lagging(Slow):
        def infer(self, blob: Any) -> Any:
            if slow == "detector":
                lag()
            return super().infer(blob)

    class Late(Kept):
        def write(self, *given: Any) -> bool:
            if slow == "sink":
                lag()
            return super().write(*given)

    kept = Late()
    count = run(source, Lagging(), [kept], meter=meter)  # type: ignore[arg-type]
    dropped = meter.read().dropped
    assert dropped > 20
    assert count + dropped == source.given == 100
    assert kept.indices == sorted(set(kept.indices))
    assert kept.indices[-1] == 99  # the newest is never the one that goes


def test_what_was_under_way_at_the_end_is_counted_too() -> None:
    source, meter = Numbered(10_000, is_live=True), Meter()
    count = run(source, Slow(0.01), [Kept()], limit=5, meter=meter)  # type: ignore[arg-type]
    assert count + meter.read().dropped == source.given
    meter = Meter()
    run(Numbered(100, is_live=False), Slow(), [Kept()], limit=5, meter=meter)  # type: ignore[arg-type]
    assert meter.read().dropped == 0  # it is still in the file


def test_a_meter_that_nobody_reads_does_not_grow() -> None:
    def held() -> int:
        return sum(map(sys.getsizeof, [*meter._spent.values(), meter._spent]))

    meter = Meter()
    run(Numbered(10, is_live=False), Slow(), [Kept()], meter=meter)  # type: ignore[arg-type]
    before = held()
    run(Numbered(1000, is_live=False), Slow(), [Kept()], meter=meter)  # type: ignore[arg-type]
    assert held() == before


def test_the_age_is_counted_from_the_capture() -> None:
    meter = Meter()
    run(Numbered(3, is_live=False), Slow(0.05), [Kept()], meter=meter)  # type: ignore[arg-type]
    reading = meter.read()
    assert reading.age_ms >= 50
    assert reading.stage_ms["infer"] >= 50
    assert reading.stage_ms["infer"] > reading.stage_ms["pre"]
    assert 0 < reading.fps < 20
    assert meter.read().fps == 0  # since the last reading


@pytest.mark.parametrize("is_live", [False, True])
@pytest.mark.parametrize("part", ["source", "detector", "sink"])
def test_an_error_of_any_part_comes_through_and_all_is_closed(part: str, is_live: bool) -> None:
    error = EdgeyoloError("the cable") if part == "source" else None
    source = Numbered(5 if error else 10_000, is_live=is_live, error=error)
    detector = Slow(fails_at=3 if part == "detector" else -1)
    kept = Kept(fails_at=3 if part == "sink" else -1)
    with pytest.raises(EdgeyoloError, match=r"cable|engine|disk"):
        run(source, detector, [kept])  # type: ignore[arg-type]
    assert kept.complete is is_live  # what a camera showed does not come again
    assert source.closed
    if part != "source":
        assert len(kept.indices) == 3  # what was found before is not lost


def test_a_recording_counts_when_the_camera_is_pulled_out() -> None:
    kept = Kept()
    with pytest.raises(CameraError):
        run(Numbered(3, is_live=False, error=CameraError("gone")), Slow(), [kept])  # type: ignore[arg-type]
    assert kept.complete
    assert kept.indices == [0, 1, 2]


def test_a_limit_and_a_sink_that_has_enough_end_it() -> None:
    for options, sink in (({"limit": 4}, Kept()), ({}, Kept(enough=4))):
        source = Numbered(10_000, is_live=False)
        assert run(source, Slow(), [sink], **options) == 4  # type: ignore[arg-type]
        assert sink.indices == [0, 1, 2, 3]
        assert sink.complete
        assert source.closed
        assert source.given < 10  # it is not read ahead


def test_a_source_that_hangs_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_PATIENCE_S", 0.6)
    forever = threading.Event()

    class Hanging(Numbered):
        def _frames(self) -> Iterator[Frame]:
            yield Frame(0, 0.0, IMAGE, "0")
            forever.wait()

    start = time.monotonic()
    assert run(Hanging(1, is_live=True), Slow(), [Kept(enough=1)]) == 1  # type: ignore[arg-type]
    assert time.monotonic() - start < 30
    forever.set()
    for thread in threading.enumerate():
        if thread.name == "capture":
            thread.join()


def test_sinks_are_asked_while_nothing_comes() -> None:
    forever = threading.Event()

    class Stalled(Numbered):
        def _frames(self) -> Iterator[Frame]:
            yield Frame(0, 0.0, IMAGE, "0")
            forever.wait()

        def stop(self) -> None:
            forever.set()

    class Impatient(Kept):
        asked = 0

        def idle(self) -> bool:
            self.asked += 1
            return self.asked < 3

    sink, meter = Impatient(), Meter()
    assert run(Stalled(1, is_live=True), Slow(), [sink], meter=meter) == 1  # type: ignore[arg-type]
    assert sink.asked == 3
    meter.read()
    time.sleep(0.05)
    assert meter.read().age_ms > 550  # it grows while nothing comes


def test_each_frame_has_the_detector_of_its_moment() -> None:
    given: list[Slow] = []

    def next_one() -> Slow:
        given.append(Slow())
        return given[-1]

    assert run(Numbered(4, is_live=False), next_one, [Kept()]) == 4  # type: ignore[arg-type]
    assert [detector.seen for detector in given] == [1, 1, 1, 1]


def test_a_slot_gives_the_last_thing_before_the_error() -> None:
    slot: Slot[int] = Slot(newest=True)
    with slot:
        assert slot.put(1)
        assert slot.put(2)
        raise ValueError("cable")
    reader = iter(slot)
    assert next(reader) == 2
    assert slot.replaced == 1
    with pytest.raises(ValueError, match="cable"):
        next(reader)


def test_both_are_freed_when_the_reader_leaves() -> None:
    slot: Slot[int] = Slot()
    waiting = threading.Thread(target=lambda: list(slot))
    waiting.start()
    slot.leave()
    waiting.join(60)
    assert not waiting.is_alive()

    slot = Slot()
    answers: list[bool] = []

    def write() -> None:
        with slot:
            while not answers or answers[-1]:
                answers.append(slot.put(0))

    writer = threading.Thread(target=write)
    writer.start()
    assert next(iter(slot)) == 0
    slot.leave()
    writer.join(60)
    assert not writer.is_alive()
    assert answers[-1] is False
