"""The measuring process: loads one bundle, then times runs when its parent asks for them.

It speaks JSON lines: the subject first, then ``{"load": SECONDS}`` to warm up at most,
``{"runs": N}`` as often as wanted, ``{"end": SECONDS}`` of a made-up camera, and at last, since it
loads the net anew, ``{"layers": RUNS}``. Nothing but what a board has is imported here.
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
_CAMERA = "synthetic://1280x720@30"
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

    if subject["cores"]:
        _stay_on(subject["cores"])
    images = [read_image(Path(path)) for path in subject["images"]] or [_synthetic_image()]
    started = time.perf_counter()
    detector = Detector(
        subject["bundle"],
        subject["engine"],
        confidence=subject["confidence"],
        threads=subject["threads"],
    )
    load_ms, threads = _since(started), subject["threads"] or available_cores()
    session = _Session(detector, images)
    for line in sys.stdin:
        question = json.loads(line)
        if "load" in question:
            answer: dict[str, Any] = {
                "engine": detector.engine_name,
                "threads": threads,
                "load_ms": load_ms,
                "first_ms": session.run(1)["total_ms"][0],
                **session.warm_up(question["load"]),
                "peak_rss_mb": _peak_rss_mb(),
            }
        elif "runs" in question:
            answer = session.run(question["runs"])
        elif "layers" in question:
            answer = {"layers": session.layers(threads, question["layers"])}
        else:
            answer = {"peak_rss_mb": _peak_rss_mb()}
            if question["end"]:
                answer |= _read_camera(detector, question["end"])
        print(json.dumps(answer), file=answers, flush=True)


class _Session:
    """Goes round the images, so that content and number of boxes vary as they do in use."""

    def __init__(self, detector: Detector, images: list[Image]) -> None:
        self._detector = detector
        self._images = images
        self._next = 0

    def run(self, count: int) -> dict[str, list[float]]:
        engine, total, at = [], [], []
        for _ in range(count):
            image = self._images[self._next % len(self._images)]
            self._next += 1
            at.append(round(time.time(), 4))
            started = time.perf_counter()
            blob, placement = self._detector.preprocess(image)
            before = time.perf_counter()
            outputs = self._detector.infer(blob)
            engine.append(_since(before))
            self._detector.postprocess(outputs, placement)
            total.append(_since(started))
        return {"engine_ms": engine, "total_ms": total, "at": at}

    def layers(self, threads: int, runs: int) -> list[dict[str, Any]] | None:
        """What each layer takes, on the first image; ``None`` where the engine cannot tell."""
        from edgeyolo.measure.layers import profile

        blob, _ = self._detector.preprocess(self._images[0])
        return profile(self._detector.bundle, self._detector.engine_name, threads, blob, runs)

    def warm_up(self, limit_s: float) -> dict[str, Any]:
        """Run until the speed has settled."""
        import numpy as np

        started, last = time.perf_counter(), 0.0
        times: list[float] = []
        while time.perf_counter() - started < limit_s:
            block = self.run(_WARMUP_BLOCK)["total_ms"]
            times += block
            median = float(np.median(block))
            if abs(median - last) < _SETTLED * median:
                break
            last = median
        return {"warmup_runs": len(times), "warmup_ms": times}


def _read_camera(detector: Detector, seconds: float) -> dict[str, Any]:
    """Ages of frames when they are through the whole pipeline, as ``edgeyolo run`` has them."""
    from edgeyolo.device.detections import Detections
    from edgeyolo.device.frame import Frame, Sink
    from edgeyolo.device.loop import run
    from edgeyolo.device.meter import Meter
    from edgeyolo.device.source import open_source

    ages: list[float] = []
    end = time.monotonic() + seconds

    class Ages(Sink):
        def write(self, frame: Frame, detections: Detections) -> bool:
            now = time.monotonic()
            ages.append(round(1000 * (now - frame.captured), 3))
            return now < end

        def close(self, *, complete: bool) -> None: ...

    meter = Meter()
    run(open_source(_CAMERA, print), lambda: detector, [Ages()], meter=meter)
    return {"camera_ms": ages, "camera_dropped": meter.read().dropped}


def _stay_on(cores: int) -> None:
    """Use no more cores than a board has."""
    import psutil

    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        process.cpu_affinity(process.cpu_affinity()[:cores])


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
