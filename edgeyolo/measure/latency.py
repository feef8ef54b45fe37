"""Latency of bundles, each in a clean process, in turns, with every sample kept.

Candidates take turns in rounds (A B A B …), so that a change of the machine's speed meets all of
them alike; comparisons are ratios within a round. Figures are percentiles of raw samples, never a
mean after trimming.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

import numpy as np

from edgeyolo.child import command
from edgeyolo.errors import EdgeyoloError, ExitCode, MissingDependencyError, UsageError

Scope = Literal["engine_ms", "total_ms"]  # the runtime call alone, or image to detections

ROUNDS = 5
RUNS_PER_ROUND = 20


@dataclass(frozen=True, slots=True)
class Subject:
    """What is timed: one engine of one bundle."""

    bundle: Path
    engine: str
    threads: int | None = None
    confidence: float = 0.25


@dataclass(frozen=True, slots=True)
class LatencySamples:
    """Raw times of one subject in milliseconds, one list per round.

    ``engine_ms`` is the runtime call alone, ``total_ms`` image to detections: letterbox, engine,
    decode and NMS.
    """

    engine: str
    threads: int
    load_ms: float
    first_ms: float
    warmup_runs: int
    peak_rss_mb: float
    engine_ms: list[list[float]] = field(default_factory=list)
    total_ms: list[list[float]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Percentiles of both scopes."""
        return {
            "engine": self.engine,
            "threads": self.threads,
            "runs": sum(map(len, self.total_ms)),
            "engine_only_ms": percentiles(self.engine_ms),
            "end_to_end_ms": percentiles(self.total_ms),
            "load_ms": self.load_ms,
            "first_ms": self.first_ms,
            "peak_rss_mb": self.peak_rss_mb,
            "verdict": verdict(self.total_ms),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, raw samples included."""
        return asdict(self)


def percentiles(rounds: Sequence[Sequence[float]]) -> dict[str, float]:
    """p50, p90 and p99 of all rounds together; p99 of few samples is close to the maximum."""
    values = np.concatenate([np.asarray(part, np.float64) for part in rounds])
    return {f"p{p}": round(float(np.percentile(values, p)), 3) for p in (50, 90, 99)}


def verdict(rounds: Sequence[Sequence[float]]) -> str:
    """``stable``, or ``noisy`` when p90 is far above p50 or the rounds drift apart."""
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
    progress: Callable[[int, int], None] | None = None,
) -> list[LatencySamples]:
    """Time all subjects in turns; one warm-up each, then ``rounds`` of ``runs`` images.

    Raises:
        EdgeyoloError: what the measuring process said, with its own exit code's class.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(subject, images)) for subject in subjects]
        loaded = [worker.ask({"load": True}) for worker in workers]
        samples = [LatencySamples(**answer) for answer in loaded]
        for index in range(rounds):
            for worker, sample in zip(workers, samples, strict=True):
                answer = worker.ask({"runs": runs})
                sample.engine_ms.append(answer["engine_ms"])
                sample.total_ms.append(answer["total_ms"])
            if progress:
                progress(index + 1, rounds)
        peaks = [worker.ask({"peak": True})["peak_rss_mb"] for worker in workers]
    return [
        LatencySamples(**{**sample.to_dict(), "peak_rss_mb": peak})
        for sample, peak in zip(samples, peaks, strict=True)
    ]


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
            "images": [str(image) for image in images],
        }
    )
