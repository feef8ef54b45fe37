"""How fast a running detector is, and where its time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


class Meter:
    """Written by the threads of the loop, read by whoever shows it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.started = self._since = time.monotonic()
        self._captured = self._frames = self._frames_before = self._dropped = 0
        self._age, self._newest = 0.0, self.started
        self._spent: dict[Stage, tuple[float, int]] = {}  # seconds, times

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
        """Since the last call; one reader only."""
        now = time.monotonic()
        with self._lock:
            spent, self._spent = self._spent, {}
            elapsed, self._since = now - self._since, now
            new, self._frames_before = self._frames - self._frames_before, self._frames
            frames, dropped = self._frames, self._dropped
            age = self._age if new else now - self._newest  # it grows while nothing comes
        means = {s: 1000 * spent[s][0] / spent[s][1] for s in STAGES if s in spent}
        return Reading(new / max(elapsed, 1e-9), means, 1000 * age, frames, dropped)
