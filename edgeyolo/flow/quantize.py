"""From an fp32 bundle to an int8 one that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgeyolo.dataset.check import Sample, load_images, load_split
from edgeyolo.dataset.read import Dataset
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.device.engine import load_engine
from edgeyolo.errors import BundleError, UsageError
from edgeyolo.files import new_folder, write_json
from edgeyolo.measure.accuracy import (
    Accuracy,
    best_threshold,
    check_names,
    detect,
    evaluate,
    paired_difference,
)
from edgeyolo.measure.latency import Subject, measure, ratio
from edgeyolo.measure.matching import matched
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
_PROBE = 8  # images that float layers are chosen by
_CLOSE = 1.1  # times the least error: nearly as good with fewer float layers
_LATENCY_IMAGES = 8
_PAYS = 0.95  # int8 must take less than this part of fp32's time


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks of quantization."""

    engine: str
    max_drop: float = 0.3  # points of mAP50-95 on the gate images
    keep_float: tuple[str, ...] = ()  # patterns of convolution names
    target_bytes: int | None = None
    method: Method = "mse"
    images: int = 64
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """A set of images, what the fp32 net finds in them, and how well."""

    samples: list[Sample]
    found: list[Detections]
    accuracy: Accuracy


@contextmanager
def fp32_of(model: Path, engine: str, imgsz: int | None) -> Iterator[Bundle]:
    """A bundle as it is; a checkpoint exported to a folder for the moment."""
    if model.suffix != ".pt":
        yield Bundle.open(model)
        return
    from edgeyolo.export.bundle import write_bundle
    from edgeyolo.slim.checkpoint import imgsz_of, open_checkpoint

    net = open_checkpoint(model)
    with TemporaryDirectory(prefix="edgeyolo-") as folder:
        yield write_bundle(net, imgsz or imgsz_of(net), (engine,), Path(folder) / "fp32")


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
    check_names(bundle, dataset)
    bundle = replace(bundle, engines={request.engine: files})
    quantizer = load_quantizer(bundle, request.engine)
    kept = _kept(quantizer.layers, request.keep_float)
    split = split_training(dataset.images("train"), request.images, request.seed)
    gate_samples = load_images(dataset, split.gate)
    warnings = [*quantizer.notes, *_doubts(dataset, load_images(dataset, split.calibration))]
    for warning in warnings:
        progress.line(warning)

    errors, tried = _search(bundle, quantizer, request, split, kept, cache, progress)
    progress.stage(f"Judge by {len(split.gate)} other training images", 3, STAGES)
    gate = _judge(bundle, gate_samples, request.engine)
    chosen, gated = _choose(bundle, quantizer, request, tried, gate)
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
        "layers": _layer_rows(quantizer.layers, errors, chosen.floats, kept),
        "agreement": chosen.agreement.to_dict(),
        "gate": gated,
        **_measure(bundle, written, request.engine, dataset, progress),
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
    stored = Cache(cache, bundle, request.engine, [*images.paths, *probed.paths])
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
    quantizer.prepare(ranges, rounded, images.blobs)
    progress.stage("Find what must stay in float", 2, STAGES)
    probe = Probe(bundle, request.engine, list(probed.blobs()))
    errors = sensitivity(quantizer, probe, request.method, stored, progress)
    ranked = order(quantizer.layers, errors, kept)
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
    fp32: Bundle, int8: Bundle, engine: str, dataset: Dataset, progress: Progress
) -> dict[str, Any]:
    """What it cost on val, and what it brings here."""
    progress.stage("Measure accuracy on val", 4, STAGES)
    before = _judge(fp32, load_split(dataset, "val"), engine, progress)
    after = _again(int8, before, engine, progress)
    progress.stage("Measure latency on this machine", 5, STAGES)
    latency = _latency(fp32, int8, engine, dataset, progress)
    sizes = [bundle.size_bytes(engine) for bundle in (fp32, int8)]
    return {
        "val": {**_comparison(before.accuracy, after.accuracy), **_matches(before, after)},
        "size_bytes": sizes[1],
        "size_ratio": round(sizes[1] / sizes[0], 4),
        "latency": latency,
        "recommended": "int8" if latency["engine_only"]["median"] < _PAYS else "fp32",
    }


def _kept(layers: Sequence[Convolution], patterns: Sequence[str]) -> list[str]:
    names = [layer.name for layer in layers]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in names):
            raise UsageError(
                f"No convolution is called {pattern!r}.",
                f"They are called {names[0]}, {names[2]}, … {names[-1]}; * stands for anything.",
            )
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


def _doubts(dataset: Dataset, samples: Sequence[Sample]) -> list[str]:
    """What makes the calibration images poor ones."""
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
    return doubts


def _judge(
    bundle: Bundle, samples: list[Sample], engine: str, progress: Progress | None = None
) -> _Judged:
    step = _stepper(progress, "fp32")
    found = detect(bundle, samples, engine, progress=step)
    return _Judged(samples, found, evaluate(samples, found, bundle.names))


def _again(
    bundle: Bundle, judged: _Judged, engine: str, progress: Progress | None = None
) -> _Judged:
    found = detect(bundle, judged.samples, engine, progress=_stepper(progress, bundle.precision))
    return _Judged(judged.samples, found, evaluate(judged.samples, found, bundle.names))


def _stepper(progress: Progress | None, note: str) -> Any:
    return (lambda done, total: progress.step(done, total, note)) if progress else None


def _choose(
    bundle: Bundle, quantizer: Quantizer, request: Request, tried: Sequence[Step], gate: _Judged
) -> tuple[Step, dict[str, Any]]:
    """The step with the fewest float layers among the good ones that passes the gate."""
    fitting, sizes = [], []
    for step in tried:
        with candidate(bundle, request.engine, quantizer, step.floats) as trial:
            sizes.append(trial.size_bytes(request.engine))
        if request.target_bytes is None or sizes[-1] <= request.target_bytes:
            fitting.append(step)
    fits = bool(fitting)
    fitting = fitting or [tried[sizes.index(min(sizes))]]
    least = min(step.agreement.error for step in fitting)
    good = next(i for i, step in enumerate(fitting) if step.agreement.error <= _CLOSE * least)
    outcomes = []
    for step in fitting[good:]:
        with candidate(bundle, request.engine, quantizer, step.floats) as trial:
            after = _again(trial, gate, request.engine)
        outcome = {
            "images": len(gate.samples),
            "max_drop": request.max_drop,
            "fits": fits,
            **_comparison(gate.accuracy, after.accuracy),
            **_matches(gate, after),
        }
        outcomes.append((step, outcome))
        outcome["met"] = fits and -100 * outcome["difference"] <= request.max_drop
        if -100 * outcome["difference"] <= request.max_drop:
            return step, outcome
    return max(outcomes, key=lambda pair: pair[1]["difference"])


def _comparison(before: Accuracy, after: Accuracy) -> dict[str, Any]:
    difference, bounds = paired_difference(after, before)
    return {
        "before": round(before.map50_95, 5),
        "after": round(after.map50_95, 5),
        "difference": round(difference, 5),
        "difference_ci": [round(bound, 5) for bound in bounds],
        "images": before.images,
        "boxes": before.boxes,
        "threshold": [round(best_threshold(accuracy), 3) for accuracy in (before, after)],
    }


def _matches(before: _Judged, after: _Judged) -> dict[str, int]:
    hits, total = matched(before.found, after.found)
    return {"detections": total, "matched": hits}


def _latency(
    before: Bundle, after: Bundle, engine: str, dataset: Dataset, progress: Progress
) -> dict[str, Any]:
    subjects = [Subject(bundle.root, engine) for bundle in (after, before)]
    images = dataset.images("val")[:_LATENCY_IMAGES]
    int8, fp32 = measure(
        subjects, images, runs=10, progress=lambda d, t: progress.step(d, t, "taking turns")
    )
    return {
        "engine_only": ratio(int8, fp32, "engine_ms"),
        "end_to_end": ratio(int8, fp32),
        "threads": int8.threads,
    }


def _layer_rows(
    layers: Sequence[Convolution],
    errors: dict[str, float],
    floats: Sequence[str],
    kept: Sequence[str],
) -> list[dict[str, Any]]:
    total = sum(layer.macs for layer in layers)
    return [
        {
            "name": layer.name,
            "error": round(errors[layer.name], 5),
            "macs_share": round(layer.macs / total, 5),
            "precision": "float" if layer.name in floats else "int8",
            "why": "asked for"
            if layer.name in kept
            else "sensitive"
            if layer.name in floats
            else "",
        }
        for layer in layers
    ]
