"""The measuring process: loads one bundle, then times runs when its parent asks for them.

It speaks JSON lines: the subject first, then ``{"load": true}``, ``{"runs": N}`` as often as
wanted, and ``{"peak": true}``. Nothing but the device room is imported here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

# What may not be installed is imported where ``main`` can tell the parent so.
from edgeyolo.errors import EdgeyoloError, MissingDependencyError, missing

if TYPE_CHECKING:
    from edgeyolo.device.detector import Detector
    from edgeyolo.images import Image

_WARMUP_BLOCK = 10
_WARMUP_LIMIT_S = 5.0
_SETTLED = 0.02  # medians of two blocks in a row differ by less


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an engine prints, from Python or from C, must not break the talk
    try:
        _serve(json.loads(sys.stdin.readline()), answers)
    except EdgeyoloError as error:
        _refuse(error, answers)
    except ImportError as error:
        found = missing(error)
        if found is None:
            raise
        _refuse(found, answers)


def _refuse(error: EdgeyoloError, answers: Any) -> None:
    answer: dict[str, Any] = {
        "error": error.message,
        "hint": error.hint,
        "exit_code": int(error.exit_code),
    }
    if isinstance(error, MissingDependencyError):
        answer |= {"package": error.package, "extra": error.extra}
    print(json.dumps(answer), file=answers, flush=True)


def _serve(subject: dict[str, Any], answers: Any) -> None:
    from edgeyolo.device.detector import Detector
    from edgeyolo.device.engine import available_cores
    from edgeyolo.images import read_image

    images = [read_image(Path(path)) for path in subject["images"]] or [_synthetic_image()]
    started = time.perf_counter()
    detector = Detector(
        subject["bundle"],
        subject["engine"],
        confidence=subject["confidence"],
        threads=subject["threads"],
    )
    load_ms = _since(started)
    session = _Session(detector, images)
    for line in sys.stdin:
        question = json.loads(line)
        if "load" in question:
            answer: dict[str, Any] = {
                "engine": detector.engine_name,
                "threads": subject["threads"] or available_cores(),
                "load_ms": load_ms,
                "first_ms": session.run(1)["total_ms"][0],
                "warmup_runs": session.warm_up(),
                "peak_rss_mb": _peak_rss_mb(),
            }
        elif "runs" in question:
            answer = session.run(question["runs"])
        else:
            answer = {"peak_rss_mb": _peak_rss_mb()}
        print(json.dumps(answer), file=answers, flush=True)


class _Session:
    """Goes round the images, so that content and number of boxes vary as they do in use."""

    def __init__(self, detector: Detector, images: list[Image]) -> None:
        self._detector = detector
        self._images = images
        self._next = 0

    def run(self, count: int) -> dict[str, list[float]]:
        engine, total = [], []
        for _ in range(count):
            image = self._images[self._next % len(self._images)]
            self._next += 1
            started = time.perf_counter()
            blob, placement = self._detector.preprocess(image)
            before = time.perf_counter()
            outputs = self._detector.infer(blob)
            engine.append(_since(before))
            self._detector.postprocess(outputs, placement)
            total.append(_since(started))
        return {"engine_ms": engine, "total_ms": total}

    def warm_up(self) -> int:
        """Run until the speed has settled; return how many runs that took."""
        import numpy as np

        started, last, runs = time.perf_counter(), 0.0, 0
        while time.perf_counter() - started < _WARMUP_LIMIT_S:
            median = float(np.median(self.run(_WARMUP_BLOCK)["total_ms"]))
            runs += _WARMUP_BLOCK
            if abs(median - last) < _SETTLED * median:
                break
            last = median
        return runs


def _synthetic_image() -> Image:
    """Noise over a gradient, 640x480: for timing without data; nothing is found in it."""
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 64, (480, 640, 3))
    gradient = np.linspace(0, 160, 640)[None, :, None]
    return np.asarray(noise + gradient, np.uint8)


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 4)


def _peak_rss_mb(status: Path = Path("/proc/self/status")) -> float:
    """Largest resident memory of this process so far."""
    if status.is_file():
        # Not getrusage: on Linux its maximum reaches back to the parent that this was forked from.
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 2**10, 1)
    return round(_peak_rss_without_proc() / 2**20, 1)


def _peak_rss_without_proc() -> float:
    """In bytes: macOS, Windows, and kernels that keep no ``VmHWM`` (gVisor)."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 2**10  # macOS counts bytes, others kB


if __name__ == "__main__":
    main()
