"""Latency of bundles, each in a clean process, in turns, with every sample kept.

Candidates take turns in rounds (A B A B …), so that a change of the machine's speed meets all of
them alike; comparisons are ratios within a round. Figures are percentiles of raw samples, never a
mean after trimming.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

import numpy as np

from edgeyolo.child import command
from edgeyolo.errors import EdgeyoloError, ExitCode, MissingDependencyError, UsageError
from edgeyolo.measure.percentiles import Rounds, early_stopped, interval, percentiles
from edgeyolo.measure.state import State, has_throttled

Scope = Literal["engine_ms", "total_ms"]  # the runtime call alone, or image to detections
Verdict = Literal["stable", "throttled", "noisy"]

# Many short rounds: an interval over rounds needs some, with five it is too narrow.
ROUNDS = 15
RUNS_PER_ROUND = 7
LAYER_RUNS = 20
_CAMERA_S = 3.0  # of a made-up camera, for the third scope


@dataclass(frozen=True, slots=True)
class Subject:
    """What is timed: one engine of one bundle."""

    bundle: Path
    engine: str
    threads: int | None = None
    confidence: float = 0.25
    cores: int | None = None  # that the process may use at all


@dataclass(frozen=True, slots=True)
class LatencySamples:
    """Raw times of one subject in milliseconds, one list per round.

    ``engine_ms`` is the runtime call alone, ``total_ms`` image to detections: letterbox, engine,
    decode and NMS; ``at`` the time of each in seconds since 1970. ``camera_ms`` are the ages of
    frames of a made-up camera with 30 pictures a second, when they came out of the whole pipeline.
    """

    engine: str
    threads: int
    load_ms: float
    first_ms: float
    warmup_runs: int
    peak_rss_mb: float
    engine_ms: list[list[float]] = field(default_factory=list)
    total_ms: list[list[float]] = field(default_factory=list)
    at: list[list[float]] = field(default_factory=list)
    warmup_ms: list[float] = field(default_factory=list)
    camera_ms: list[float] = field(default_factory=list)
    camera_dropped: int = 0
    layers: list[dict[str, Any]] | None = None  # slowest first; None where they are not known

    def summary(self, throttled: bool = False) -> dict[str, Any]:
        """Percentiles of all scopes, with 95 % intervals."""
        found = {
            "engine": self.engine,
            "threads": self.threads,
            "runs": sum(map(len, self.total_ms)),
            "engine_only_ms": _figures(self.engine_ms),
            "end_to_end_ms": _figures(self.total_ms),
            "sustained_ms": percentiles(self.total_ms[-max(1, len(self.total_ms) // 3) :]),
            "load_ms": self.load_ms,
            "first_ms": self.first_ms,
            "peak_rss_mb": self.peak_rss_mb,
            "verdict": verdict(self.total_ms, throttled),
        }
        if self.camera_ms:
            found["camera_ms"] = percentiles([self.camera_ms])
            found["camera_dropped"] = self.camera_dropped
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything of the runs, raw samples included; the layers are no samples."""
        return {key: value for key, value in asdict(self).items() if key != "layers"}


def _figures(rounds: Rounds) -> dict[str, Any]:
    return {
        **percentiles(rounds),
        "p50_ci": interval(rounds, 50),
        "p90_ci": interval(rounds, 90),
        "p90_early_stopped": early_stopped(rounds),
    }


def verdict(rounds: Rounds, throttled: bool = False) -> Verdict:
    """``stable``, ``throttled``, or ``noisy``: p90 far above p50, or rounds that drift apart."""
    if throttled:
        return "throttled"
    figures = percentiles(rounds)
    third = max(1, len(rounds) // 3)
    first, last = (
        np.median(np.concatenate(rounds[:third])),
        np.median(np.concatenate(rounds[-third:])),
    )
    drift = abs(float(last - first)) / float(first)
    noisy = figures["p90"] > 1.3 * figures["p50"] or (len(rounds) > 1 and drift > 0.05)
    return "noisy" if noisy else "stable"


def ratio(a: LatencySamples, b: LatencySamples, scope: Scope = "total_ms") -> dict[str, float]:
    """How many times longer ``a`` takes than ``b``: the median per round."""
    rounds = zip(getattr(a, scope), getattr(b, scope), strict=True)
    ratios = [np.median(x) / np.median(y) for x, y in rounds]
    return {
        "median": round(float(np.median(ratios)), 3),
        "low": round(float(min(ratios)), 3),
        "high": round(float(max(ratios)), 3),
    }


def measure(
    subjects: Sequence[Subject],
    images: Sequence[Path],
    *,
    rounds: int = ROUNDS,
    runs: int = RUNS_PER_ROUND,
    seconds: float = 0.0,
    warm_up_s: float = 5.0,
    camera: bool = False,
    layers: int = 0,
    progress: Callable[[float, float], None] | None = None,
) -> list[LatencySamples]:
    """Time all subjects in turns; a warm-up each until they have settled, or for ``warm_up_s``.

    Then come ``rounds`` of ``runs`` images, and more until ``seconds`` have passed, too. With
    ``camera``, each then reads a made-up camera for a few seconds; and at last come so many runs in
    which the time of the ``layers`` is taken.

    Raises:
        EdgeyoloError: what the measuring process said, with its own exit code's class.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(subject, images)) for subject in subjects]
        loaded = [worker.ask({"load": warm_up_s}) for worker in workers]
        samples = [LatencySamples(**answer) for answer in loaded]
        started, index = time.monotonic(), 0
        while index < rounds or time.monotonic() - started < seconds:
            for worker, sample in zip(workers, samples, strict=True):
                answer = worker.ask({"runs": runs})
                for scope in ("engine_ms", "total_ms", "at"):
                    getattr(sample, scope).append(answer[scope])
            index += 1
            if progress:
                share = (time.monotonic() - started) / seconds if seconds else 1.0
                progress(min(1.0, index / rounds, share), 1.0)
        last = [worker.ask({"end": _CAMERA_S if camera else 0.0}) for worker in workers]
        if layers:
            told = [_layers(worker, layers) for worker in workers]
            last = [answer | {"layers": rows} for answer, rows in zip(last, told, strict=True)]
    return [replace(sample, **answer) for sample, answer in zip(samples, last, strict=True)]


def _layers(worker: _Worker, runs: int) -> list[dict[str, Any]] | None:
    """``None`` also where it fails, for lack of memory, say: what was timed before is kept."""
    try:
        found: list[dict[str, Any]] | None = worker.ask({"layers": runs})["layers"]
    except EdgeyoloError:
        return None
    return found


def is_throttled(states: Sequence[State], samples: Sequence[LatencySamples]) -> bool:
    """Whether the machine slowed down: by its own word at any time, or by its clocks in the runs.

    Clocks that fall before or behind them, as in front of a camera that is waited for, say nothing.
    """
    if any(state.throttled for state in states):
        return True
    moments = [moment for sample in samples for part in sample.at for moment in part]
    if not moments:
        return False
    first, last = min(moments), max(moments)
    return has_throttled([state for state in states if first <= state.at <= last])


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[str]
    log: IO[str]  # its stderr

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended; what it said last is still to be read
        line = self.process.stdout.readline()
        if not line:
            raise self._death()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise _as_error(answer)
        return answer

    def _death(self) -> EdgeyoloError:
        status = self.process.wait()
        self.log.seek(0)
        said = [line for line in self.log.read().splitlines() if line.strip()]
        return EdgeyoloError(
            f"The measuring process ended with status {status}"
            f"{f', and last said: {said[-1].strip()}' if said else ' and said nothing.'}",
            "Look at the installation with: edgeyolo doctor",
        )


def _as_error(answer: dict[str, Any]) -> EdgeyoloError:
    if answer["exit_code"] == ExitCode.MISSING_DEPENDENCY:
        return MissingDependencyError(answer["package"], answer["extra"])
    kind = UsageError if answer["exit_code"] == ExitCode.USAGE else EdgeyoloError
    return kind(answer["error"], answer["hint"])


@contextmanager
def _worker(subject: Subject, images: Sequence[Path]) -> Iterator[_Worker]:
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            command("edgeyolo.measure.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdin is not None
            process.stdin.write(_request(subject, images) + "\n")
            yield _Worker(process, log)
        finally:
            process.kill()
            process.communicate()


def _request(subject: Subject, images: Sequence[Path]) -> str:
    return json.dumps(
        {
            "bundle": str(subject.bundle),
            "engine": subject.engine,
            "threads": subject.threads,
            "confidence": subject.confidence,
            "cores": subject.cores,
            "images": [str(image) for image in images],
        }
    )
