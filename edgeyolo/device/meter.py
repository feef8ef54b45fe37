"""How fast a running detector is, and where its time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

Stage = Literal["capture", "pre", "infer", "post", "sinks"]
STAGES: tuple[Stage, ...] = ("capture", "pre", "infer", "post", "sinks")


@dataclass(frozen=True, slots=True)
class Reading:
    """What happened since the last reading, and since the start."""

    fps: float
    stage_ms: dict[Stage, float]  # mean of the stages that ran
    age_ms: float  # of the last frame, from its capture to the end of the sinks; or to now
    frames: int  # since the start, processed
    dropped: int  # since the start: replaced by newer ones, or under way when all ended


@dataclass(frozen=True, slots=True)
class _Totals:
    """What has happened since the start, at one moment; all times are monotonic."""

    at: float
    frames: int = 0
    spent: dict[Stage, tuple[float, int]] = field(default_factory=dict)  # seconds, times


class Meter:
    """Written by the threads of the loop, read by whoever shows it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.started = time.monotonic()
        self._captured = self._frames = self._dropped = 0
        self._age, self._newest = 0.0, self.started
        self._spent: dict[Stage, tuple[float, int]] = {}  # seconds, times
        self._own = Reader(self, _Totals(self.started))

    @contextmanager
    def time(self, stage: Stage) -> Iterator[None]:
        """Count what the body takes."""
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        with self._lock:
            before, times = self._spent.get(stage, (0.0, 0))
            self._spent[stage] = before + seconds, times + 1

    def captured(self) -> None:
        """One frame came from the source."""
        with self._lock:
            self._captured += 1

    def done(self, captured: float, dropped: int) -> None:
        """One frame is through; ``captured`` is its monotonic time, ``dropped`` counts in all."""
        with self._lock:
            self._frames += 1
            self._dropped = dropped
            self._age, self._newest = time.monotonic() - captured, captured

    def ended(self) -> None:
        """What was captured and is not through will not be any more."""
        with self._lock:
            self._dropped = self._captured - self._frames

    def read(self) -> Reading:
        """Since the last call, for one that reads alone; see :meth:`reader`."""
        return self._own.read()

    def reader(self) -> Reader:
        """For one of several, each with a "since the last reading" of its own, from now on."""
        with self._lock:
            return Reader(self, self._totals())

    def since(self, before: _Totals) -> tuple[Reading, _Totals]:
        """What changed, and the state to compare with next time."""
        with self._lock:
            now = self._totals()
            dropped, age, newest = self._dropped, self._age, self._newest
        new = now.frames - before.frames
        if not new:
            age = now.at - newest  # it grows while nothing comes
        fps = new / max(now.at - before.at, 1e-9)
        return Reading(fps, _means(before.spent, now.spent), 1000 * age, now.frames, dropped), now

    def _totals(self) -> _Totals:
        return _Totals(time.monotonic(), self._frames, dict(self._spent))


class Reader:
    """Reads a meter as if it were alone; each is for one thread."""

    def __init__(self, meter: Meter, before: _Totals) -> None:
        self._meter, self._before = meter, before

    def read(self) -> Reading:
        """Since the last call."""
        reading, self._before = self._meter.since(self._before)
        return reading


def _means(
    before: dict[Stage, tuple[float, int]], now: dict[Stage, tuple[float, int]]
) -> dict[Stage, float]:
    """Milliseconds of one time, of the stages that ran in between."""
    means: dict[Stage, float] = {}
    for stage in STAGES:
        earlier, times_before = before.get(stage, (0.0, 0))
        seconds, times = now.get(stage, (0.0, 0))
        if times > times_before:
            means[stage] = 1000 * (seconds - earlier) / (times - times_before)
    return means
