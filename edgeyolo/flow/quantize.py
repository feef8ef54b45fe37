"""From an fp32 bundle to an int8 one that was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from edgeyolo.dataset.check import Sample, load_images, load_split
from edgeyolo.dataset.read import Dataset
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.device.engine import load_engine
from edgeyolo.errors import BundleError, UsageError
from edgeyolo.files import new_folder, write_json
from edgeyolo.flow.gate import Limits, choose
from edgeyolo.measure.accuracy import check_names
from edgeyolo.measure.comparison import compare, judge
from edgeyolo.measure.latency import Subject, measure, ratio
from edgeyolo.progress import Progress
from edgeyolo.quantize.calibrate import Cache, CalibrationImages, calibrate
from edgeyolo.quantize.layers import Convolution
from edgeyolo.quantize.quantizer import Quantizer, load_quantizer
from edgeyolo.quantize.ranges import Method
from edgeyolo.quantize.salience import salience
from edgeyolo.quantize.search import Step, order, sensitivity, steps
from edgeyolo.quantize.select import FEW, Split, split_training
from edgeyolo.quantize.trial import Probe, candidate

STAGES = 5
_PROBE = 8  # images that each convolution is tried on
_PROBE_SETS = 24  # images that sets of float convolutions are tried on
_LATENCY_IMAGES = 8
_PAYS = 0.95  # int8 must take less than this part of another precision's time


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks of quantization."""

    engine: str
    limits: Limits = field(default_factory=Limits)
    keep_float: tuple[str, ...] = ()  # patterns of convolution names
    method: Method = "mse"
    images: int = 64
    seed: int = 0


def quantize(
    bundle: Bundle,
    dataset: Dataset,
    request: Request,
    out: Path,
    cache: Path | None,
    progress: Progress,
    *,
    force: bool = False,
) -> dict[str, Any]:
    """Write ``out/bundle.json`` in partial int8; return what was found on the way.

    Raises:
        DataError: when there are no training images, or one cannot be read.
        BundleError: when the bundle is not fp32 or lacks the engine.
    """
    files = bundle.engines[bundle.with_default(request.engine)]
    if bundle.precision != "fp32":
        raise BundleError(
            f"{bundle.root} is {bundle.precision} already.", "Give the fp32 bundle it was made of."
        )
    if out.resolve() == bundle.root.resolve():
        raise UsageError(f"{out} is the bundle to quantize.", "Choose another --out.")
    check_names(bundle, dataset)
    bundle = replace(bundle, engines={request.engine: files})
    quantizer = load_quantizer(bundle, request.engine)
    asked = _asked(quantizer.layers, request.keep_float)
    kept = list(dict.fromkeys([*quantizer.always_float, *asked]))
    split = split_training(dataset.images("train"), request.images, request.seed)
    gate_samples, val = load_images(dataset, split.gate), load_split(dataset, "val")
    calibration_samples = load_images(dataset, split.calibration)
    warnings = [*quantizer.notes, *_doubts(dataset, calibration_samples, gate_samples)]
    for warning in warnings:
        progress.line(warning)

    errors, tried = _search(bundle, quantizer, request, split, kept, cache, progress)
    progress.stage(f"Judge by {len(split.gate)} other training images", 3, STAGES)
    gate = judge(bundle, gate_samples, request.engine)
    chosen, gated = choose(bundle, request.engine, quantizer, tried, gate, request.limits)
    quantization = {
        "engine": request.engine,
        "method": request.method,
        "seed": request.seed,
        "calibration_images": len(split.calibration),
        "float_layers": list(chosen.floats),
        "int8_share": round(chosen.share, 4),
    }
    written = _write(bundle, quantizer, chosen, quantization, out, force=force)
    return {
        "bundle": str(out),
        "name": bundle.name,
        "precision": written.precision,
        **quantization,
        "warnings": warnings,
        "layers": _layer_rows(quantizer, errors, chosen.floats, asked),
        "agreement": chosen.agreement.to_dict(),
        "gate": gated,
        **_measure(bundle, written, quantizer, request.engine, val, progress),
    }


def _search(
    bundle: Bundle,
    quantizer: Quantizer,
    request: Request,
    split: Split,
    kept: Sequence[str],
    cache: Path | None,
    progress: Progress,
) -> tuple[dict[str, float], list[Step]]:
    """Calibrate; error of each convolution alone, and sets of float ones to choose from."""
    images = CalibrationImages(split.calibration, bundle.height, bundle.width)
    probed = CalibrationImages(split.gate[:_PROBE], bundle.height, bundle.width)
    stored = Cache(cache, bundle, request.engine, images.paths, probed.paths)
    progress.stage(f"Calibrate on {len(images)} training images", 1, STAGES)
    engine = load_engine(bundle, request.engine)
    ranges, rounded = calibrate(
        quantizer,
        images,
        lambda blob: salience(engine.infer(blob), bundle.strides),
        request.method,
        stored,
        progress,
    )
    quantizer.prepare(ranges, rounded)
    progress.stage("Find what must stay in float", 2, STAGES)
    probe = Probe(bundle, request.engine, list(probed.blobs()))
    errors = sensitivity(quantizer, probe, request.method, stored, progress)
    ranked = order(quantizer.layers, errors, kept)
    probed = CalibrationImages(split.gate[:_PROBE_SETS], bundle.height, bundle.width)
    probe = Probe(bundle, request.engine, list(probed.blobs()))
    return errors, steps(quantizer, probe, ranked, len(kept), progress)


def _write(
    bundle: Bundle,
    quantizer: Quantizer,
    chosen: Step,
    quantization: dict[str, Any],
    out: Path,
    *,
    force: bool,
) -> Bundle:
    with new_folder(out, replace=force) as work:
        result = replace(
            bundle,
            root=work,
            engines={quantization["engine"]: quantizer.write(chosen.floats, work)},
            precision="int8",
            provenance={**bundle.provenance, "quantization": quantization},
        )
        write_json(work / MANIFEST, result.to_manifest())
    return Bundle.open(out)


def _measure(
    fp32: Bundle,
    int8: Bundle,
    quantizer: Quantizer,
    engine: str,
    val: list[Sample],
    progress: Progress,
) -> dict[str, Any]:
    """What it cost on val, and what it brings here."""
    progress.stage("Measure accuracy on val", 4, STAGES)
    before = judge(fp32, val, engine, _steps_of(progress, "fp32"))
    after = judge(int8, before.samples, engine, _steps_of(progress, "int8"))
    progress.stage("Measure latency on this machine", 5, STAGES)
    everything = [layer.name for layer in quantizer.layers]
    with candidate(fp32, engine, quantizer, everything) as half:  # no layer in int8
        write_json(half.root / MANIFEST, replace(half, precision="fp16").to_manifest())
        latency = _latency(fp32, half, int8, engine, val, progress)
    sizes = [bundle.size_bytes(engine) for bundle in (fp32, int8)]
    return {
        "val": compare(before, after),
        "size_bytes": sizes[1],
        "size_ratio": round(sizes[1] / sizes[0], 4),
        "latency": latency,
        "recommended": recommended(latency),
    }


def recommended(latency: dict[str, Any]) -> str:
    """The fastest; the smaller file where the clock shows no difference."""
    int8, fp16 = (latency[kind]["engine_only"]["median"] for kind in ("int8", "fp16"))
    if int8 < _PAYS * min(1, fp16):
        return "int8"
    return "fp16" if fp16 < 1 / _PAYS else "fp32"


def _steps_of(progress: Progress, note: str) -> Callable[[int, int], None]:
    return lambda done, total: progress.step(done, total, note)


def _asked(layers: Sequence[Convolution], patterns: Sequence[str]) -> list[str]:
    names = [layer.name for layer in layers]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in names):
            raise UsageError(
                f"No convolution is called {pattern!r}.",
                f"They are called {names[0]}, {names[2]}, … {names[-1]}; * stands for anything.",
            )
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


def _doubts(dataset: Dataset, samples: Sequence[Sample], gate: Sequence[Sample]) -> list[str]:
    """What makes the calibration images poor ones, or those kept apart."""
    doubts = []
    if len(samples) < FEW:
        doubts.append(
            f"Only {len(samples)} images calibrate: what they do not show may be clipped. "
            f"{FEW} or more are better."
        )
    seen = {int(class_id) for sample in samples for class_id in sample.boxes[:, 0]}
    unseen = [name for index, name in enumerate(dataset.names) if index not in seen]
    if unseen:
        doubts.append(
            f"No calibration image shows {', '.join(unseen[:8])}"
            + (f" and {len(unseen) - 8} more classes." if unseen[8:] else ".")
        )
    boxes = sum(len(sample.boxes) for sample in gate)
    if len(gate) < FEW or boxes < FEW:
        doubts.append(
            f"Only {len(gate)} training images with {boxes} objects are left to judge by: "
            "--max-drop means little."
        )
    return doubts


def _latency(
    fp32: Bundle, fp16: Bundle, int8: Bundle, engine: str, val: list[Sample], progress: Progress
) -> dict[str, Any]:
    """Times of fp16 and int8 as multiples of fp32's."""
    subjects = [Subject(bundle.root, engine) for bundle in (fp32, fp16, int8)]
    images = [sample.image for sample in val[:_LATENCY_IMAGES]]
    base, *others = measure(subjects, images, runs=10, progress=_steps_of(progress, "in turns"))
    result: dict[str, Any] = {
        kind: {"engine_only": ratio(other, base, "engine_ms"), "end_to_end": ratio(other, base)}
        for kind, other in zip(("fp16", "int8"), others, strict=True)
    }
    return {**result, "threads": base.threads}


def _layer_rows(
    quantizer: Quantizer,
    errors: dict[str, float],
    floats: Sequence[str],
    asked: Sequence[str],
) -> list[dict[str, Any]]:
    total = sum(layer.macs for layer in quantizer.layers)

    def why(name: str) -> str:
        if name in asked:
            return "asked for"
        if name in quantizer.always_float:
            return "the net's answer"
        return "sensitive" if name in floats else ""

    return [
        {
            "name": layer.name,
            "error": round(errors[layer.name], 5),
            "macs_share": round(layer.macs / total, 5),
            "precision": "float" if layer.name in floats else "int8",
            "why": why(layer.name),
        }
        for layer in quantizer.layers
    ]
