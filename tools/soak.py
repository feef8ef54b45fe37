"""Soak: does a run that goes on for ever stay as it is? Memory, descriptors, and every frame.

    python tools/soak.py --bundle BUNDLE [--engine ncnn] [--frames 100000] [--reload-every 0]

Synthetic frames go through the whole pipeline, with JSON lines, CSV and an annotated video, faster
than they can be detected on, so that some are dropped. Prints one JSON object; ends with 1 when
memory grew by 3 MB or more after the first 5,000 frames, a descriptor or a thread is left over, or
a frame is neither processed nor counted as dropped. Needs no torch: it runs on the board.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import Detector
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.loop import run
from edgeyolo.device.memory import give_back_pictures
from edgeyolo.device.meter import Meter
from edgeyolo.device.reload import Reloading
from edgeyolo.device.signals import Asked
from edgeyolo.device.sinks.annotated import AnnotatedVideo
from edgeyolo.device.sinks.csvfile import CsvFile
from edgeyolo.device.sinks.jsonl import JsonLines
from edgeyolo.device.sources.synthetic import SyntheticSource

WARM_UP = 5_000  # frames
MOST_GROWTH_MB = 3.0
EVERY = 1_000  # frames, between two looks


class Counted:
    """So many synthetic frames, as a camera gives them."""

    is_live = True

    def __init__(self, count: int, size: tuple[int, int], fps: float) -> None:
        self.fps: float | None = fps
        self._source, self._count = SyntheticSource(*size, fps), count
        self.given = 0

    def stop(self) -> None:
        """It never waits for long."""

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Count what is taken."""
        with self._source.frames() as frames:
            yield self._counted(islice(frames, self._count))

    def _counted(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self.given += 1
            yield frame


class Watch(Sink):
    """Looks at the process every thousand frames that came from the source."""

    is_output = False

    def __init__(self, asked: Asked, reload_every: int) -> None:
        self.looks: list[dict[str, float]] = []
        self._process, self._due = psutil.Process(), 0
        self._asked, self._reload_every, self._reload_due = asked, reload_every, reload_every

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Look when it is due."""
        if frame.index >= self._due:
            self._due += EVERY
            self.looks.append({"frame": frame.index, **state(self._process)})
        if self._reload_every and frame.index >= self._reload_due:
            self._reload_due += self._reload_every
            self._asked.to_reload = True
        return True

    def close(self, *, complete: bool) -> None:
        """Nothing is open."""


def state(process: psutil.Process) -> dict[str, float]:
    """Resident memory in MB, open descriptors, threads."""
    return {
        "rss_mb": round(process.memory_info().rss / 1e6, 2),
        "descriptors": process.num_fds() if hasattr(process, "num_fds") else process.num_handles(),
        "threads": process.num_threads(),
    }


def main() -> int:
    """Run and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--engine", help="the bundle's default if left out")
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--size", type=int, nargs=2, default=(160, 120), help="of a frame")
    parser.add_argument("--fps", type=float, default=2_000.0, help="of the source")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--reload-every", type=int, default=0, help="frames; 0: never")
    parser.add_argument("--looks", action="store_true", help="print every look at the process")
    arguments = parser.parse_args()
    answer = soak(arguments)
    if not arguments.looks:
        del answer["looks"]
    print(json.dumps(answer))
    return 1 if answer["broken"] else 0


def soak(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything that was seen, and under ``broken`` what should not have been."""
    asked, meter, said = Asked(), Meter(), list[str]()
    detector = Reloading(
        lambda: Detector(arguments.bundle, arguments.engine, threads=arguments.threads),
        said.append,
        asked,
    )
    source, watch = (
        Counted(arguments.frames, tuple(arguments.size), arguments.fps),
        Watch(asked, arguments.reload_every),
    )
    start, threads_before = time.monotonic(), threading.active_count()
    with tempfile.TemporaryDirectory() as name, closing(Path("/dev/null").open("w")) as nowhere:
        names = detector().bundle.names
        outputs: list[Sink] = [
            JsonLines(nowhere, names),
            CsvFile(Path(name, "out.csv"), names),
            AnnotatedVideo(Path(name, "out.mp4"), names, 30.0, is_live=True, say=said.append),
        ]
        give_back_pictures()  # as the command does
        before = state(psutil.Process())
        processed = run(source, detector, [*outputs, watch], meter=meter, say=said.append)
        after = state(psutil.Process())
    dropped = meter.read().dropped
    warm = [look["rss_mb"] for look in watch.looks if look["frame"] >= WARM_UP]
    growth = max(warm, default=0.0) - warm[0] if warm else 0.0
    steady = [look["descriptors"] for look in watch.looks[1:]]
    broken = {
        "memory grew": growth >= MOST_GROWTH_MB,
        "descriptors grew": bool(steady) and max(steady) > steady[0],
        "a descriptor is left": after["descriptors"] > before["descriptors"],
        "a thread is left": threading.active_count() > threads_before,
        "a frame is unaccounted for": source.given != processed + dropped,
        "a reload failed": any("goes on" in sentence for sentence in said),
    }
    return {
        "engine": detector().engine_name,
        "seconds": round(time.monotonic() - start, 1),
        "given": source.given,
        "processed": processed,
        "dropped": dropped,
        "reloads": sum("loaded anew" in sentence for sentence in said),
        "rss_mb_after_warm_up": warm[0] if warm else None,
        "rss_mb_at_most": max(warm, default=None),
        "growth_mb": round(growth, 2),
        "before": before,
        "after": after,
        "broken": [what for what, is_so in broken.items() if is_so],
        "looks": watch.looks,
    }


if __name__ == "__main__":
    sys.exit(main())
