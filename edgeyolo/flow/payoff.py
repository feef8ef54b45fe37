"""What int8 costs in accuracy on val, and what it brings in time on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from edgeyolo.dataset.check import Sample
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.files import write_json
from edgeyolo.measure.comparison import compare, judge
from edgeyolo.measure.latency import Subject, measure, ratio
from edgeyolo.progress import Progress
from edgeyolo.quantize.quantizer import Quantizer
from edgeyolo.quantize.trial import candidate

_LATENCY_IMAGES = 8
_PAYS = 0.95  # int8 must take less than this part of another precision's time


def accuracy_cost(
    fp32: Bundle, int8: Bundle, engine: str, val: list[Sample], progress: Progress
) -> dict[str, Any]:
    """mAP of both on val, and their paired difference."""
    before = judge(fp32, val, engine, _steps_of(progress, "fp32"))
    return compare(before, judge(int8, before.samples, engine, _steps_of(progress, "int8")))


def latency(
    fp32: Bundle,
    int8: Bundle,
    quantizer: Quantizer,
    engine: str,
    val: list[Sample],
    progress: Progress,
) -> dict[str, Any]:
    """Times of fp16 and int8 as multiples of fp32's, measured in turns."""
    everything = [layer.name for layer in quantizer.layers]
    with candidate(fp32, engine, quantizer, everything) as fp16:  # no layer in int8
        write_json(fp16.root / MANIFEST, replace(fp16, precision="fp16").to_manifest())
        subjects = [Subject(bundle.root, engine) for bundle in (fp32, fp16, int8)]
        images = [sample.image for sample in val[:_LATENCY_IMAGES]]
        timed = measure(subjects, images, runs=10, progress=_steps_of(progress, "in turns"))
    base, *others = timed
    result: dict[str, Any] = {
        kind: {"engine_only": ratio(other, base, "engine_ms"), "end_to_end": ratio(other, base)}
        for kind, other in zip(("fp16", "int8"), others, strict=True)
    }
    return {**result, "threads": base.threads}


def recommended(latency: dict[str, Any]) -> str:
    """The fastest; the smaller file where the clock shows no difference."""
    int8, fp16 = (latency[kind]["engine_only"]["median"] for kind in ("int8", "fp16"))
    if int8 < _PAYS * min(1, fp16):
        return "int8"
    return "fp16" if fp16 < 1 / _PAYS else "fp32"


def _steps_of(progress: Progress, note: str) -> Callable[[float, float], None]:
    return lambda done, total: progress.step(done, total, note)
