"""What int8 costs in accuracy on val, and what it brings in time on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from edgeyolo.dataset.check import Sample
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.files import write_json
from edgeyolo.measure.comparison import Judged, judge
from edgeyolo.measure.latency import LatencySamples, Subject, measure, ratio
from edgeyolo.progress import Progress
from edgeyolo.quantize.quantizer import Quantizer
from edgeyolo.quantize.trial import candidate

LATENCY_IMAGES = 8
_TIMED = ("fp32", "fp16", "int8")
_RUNS = 4  # in each of the usual rounds
_PAYS = 0.95  # int8 must take less than this part of another precision's time


def judge_both(
    fp32: Bundle, int8: Bundle, engine: str, val: list[Sample], progress: Progress
) -> tuple[Judged, Judged]:
    """What each finds on val, and how well."""
    before = judge(fp32, val, engine, _steps_of(progress, "fp32"))
    return before, judge(int8, val, engine, _steps_of(progress, "int8"))


def time_in_turns(
    fp32: Bundle,
    int8: Bundle,
    quantizer: Quantizer,
    engine: str,
    val: list[Sample],
    progress: Progress,
) -> dict[str, LatencySamples]:
    """Times by precision: fp32, fp16, int8."""
    everything = [layer.name for layer in quantizer.layers]
    with candidate(fp32, engine, quantizer, everything) as fp16:  # no layer in int8
        write_json(fp16.root / MANIFEST, replace(fp16, precision="fp16").to_manifest())
        subjects = [Subject(bundle.root, engine) for bundle in (fp32, fp16, int8)]
        images = [sample.image for sample in val[:LATENCY_IMAGES]]
        timed = measure(subjects, images, runs=_RUNS, progress=_steps_of(progress, "in turns"))
    return dict(zip(_TIMED, timed, strict=True))


def latency(timed: dict[str, LatencySamples]) -> dict[str, Any]:
    """Times of fp16 and int8 as multiples of fp32's."""
    base, *others = timed
    result: dict[str, Any] = {kind: _multiples(timed[kind], timed[base]) for kind in others}
    return {**result, "threads": timed[base].threads}


def recommended(latency: dict[str, Any]) -> str:
    """The fastest; the smaller file where the clock shows no difference."""
    int8, fp16 = (latency[kind]["engine_only"]["median"] for kind in ("int8", "fp16"))
    if int8 < _PAYS * min(1, fp16):
        return "int8"
    return "fp16" if fp16 < 1 / _PAYS else "fp32"


def _multiples(samples: LatencySamples, base: LatencySamples) -> dict[str, Any]:
    return {"engine_only": ratio(samples, base, "engine_ms"), "end_to_end": ratio(samples, base)}


def _steps_of(progress: Progress, note: str) -> Callable[[float, float], None]:
    return lambda done, total: progress.step(done, total, note)
