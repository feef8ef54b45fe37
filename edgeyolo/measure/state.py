"""State of the machine while it is measured: what heat and other programs do to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil

from edgeyolo.device.board import temperature, throttling

_CPUS = Path("/sys/devices/system/cpu")
_INTERVAL_S = 1.0
_SLOWER = 0.9  # a clock that fell below this part of what it was has been throttled


@dataclass(frozen=True, slots=True)
class State:
    """One look at the machine; ``None`` for what it does not tell."""

    at: float  # seconds since 1970
    governor: str | None
    clocks_mhz: tuple[int, ...]  # of each core; what was asked for, on a Raspberry Pi
    measured_mhz: int | None  # what a Raspberry Pi's firmware counts
    celsius: float | None
    throttled: tuple[str, ...]  # what the firmware says that it does
    load_1min: float | None
    available_mb: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def look(cpus: Path = _CPUS) -> State:
    """Look once."""
    governors = sorted(cpus.glob("cpu0/cpufreq/scaling_governor"))
    return State(
        at=round(time.time(), 3),
        governor=_text(governors[0]) if governors else None,
        clocks_mhz=tuple(_clocks(cpus)),
        measured_mhz=_counted_mhz(),
        celsius=temperature(),
        throttled=tuple(throttling()),
        load_1min=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        available_mb=psutil.virtual_memory().available >> 20,
    )


@contextmanager
def watching(interval_s: float = _INTERVAL_S) -> Iterator[list[State]]:
    """Look before, once a second during, and after the body."""
    states, over = [look()], Event()

    def watch() -> None:
        while not over.wait(interval_s):
            states.append(look())

    thread = Thread(target=watch, name="state", daemon=True)
    thread.start()
    try:
        yield states
    finally:
        over.set()
        thread.join()
        states.append(look())


def has_throttled(states: Sequence[State]) -> bool:
    """Whether the firmware said so, or the clocks fell from the first third to the last."""
    if any(state.throttled for state in states):
        return True
    clocks = [state.measured_mhz or sum(state.clocks_mhz) for state in states if state.clocks_mhz]
    third = len(clocks) // 3
    if not third:
        return False
    return sum(clocks[-third:]) < _SLOWER * sum(clocks[:third])


def _clocks(cpus: Path) -> Iterator[int]:
    paths = sorted(cpus.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"), key=lambda path: path.parts[-3])
    for path in paths:
        if (text := _text(path)) and text.isdigit():
            yield round(int(text) / 1000)


def _counted_mhz() -> int | None:
    """By the firmware's program, which takes a few milliseconds."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        words = (program, "measure_clock", "arm")
        said = subprocess.run(words, capture_output=True, text=True, timeout=2, check=True).stdout
        return round(int(said.partition("=")[2]) / 1e6)  # frequency(48)=1500398464
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
