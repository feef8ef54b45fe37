"""A line on stderr that says how fast it goes, where the time goes, and what is seen."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import psutil

from edgeyolo.device.board import temperature, throttling
from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.meter import Meter, Reading

_INTERVAL = 1.0  # seconds


class StatusLine(Sink):
    """Once a second, of the frames since the last line; what is seen is of the last one."""

    is_output = False

    def __init__(self, names: Sequence[str], meter: Meter) -> None:
        self._names, self._meter = names, meter.reader()
        self._last = time.monotonic()
        self._process = psutil.Process()
        self._where, self._what = "no frame yet", Detections.empty()

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Say it when a second has passed."""
        self._where, self._what = f"frame {frame.index + 1}", detections
        return self.idle()

    def idle(self) -> bool:
        """Also when nothing comes."""
        if time.monotonic() - self._last >= _INTERVAL:
            self._last = time.monotonic()
            parts = [self._where, *_speed(self._meter.read()), *self._health()]
            _show(f"{', '.join(parts)}: {self._what.summary(self._names)}")
        return True

    def _health(self) -> list[str]:
        celsius = temperature()
        return [
            f"{self._process.memory_info().rss / 1e6:.0f} MB",
            *([] if celsius is None else [f"{celsius:.0f} C"]),
            *throttling(),
        ]

    def close(self, *, complete: bool) -> None:
        """Say what became of all frames, where some were lost or a line was begun."""
        reading = self._meter.read()
        with suppress(OSError):  # a terminal that was closed, a log whose disk is full
            if sys.stderr.isatty():
                print(file=sys.stderr)
            if reading.dropped:
                print(f"{reading.frames} frames, {reading.dropped} dropped", file=sys.stderr)


def _show(line: str) -> None:
    if not sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)
        return
    width = shutil.get_terminal_size().columns - 1  # a line that wraps cannot be taken back
    print(f"\r\x1b[K{line[:width]}", end="", file=sys.stderr, flush=True)


def _speed(reading: Reading) -> list[str]:
    stages = " ".join(f"{stage} {ms:.1f}" for stage, ms in reading.stage_ms.items())
    return [
        f"{reading.fps:.1f} fps",
        *([f"ms {stages}"] if stages else []),
        f"age {reading.age_ms:.0f} ms",
        f"{reading.dropped} dropped",
    ]
