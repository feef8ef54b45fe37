"""From an fp32 bundle to an int8 one that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from edgeyolo.dataset.check import load_images, load_split
from edgeyolo.dataset.read import Dataset
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.device.detector import Detector
from edgeyolo.errors import BundleError, UsageError
from edgeyolo.export.bundle import check_out
from edgeyolo.files import new_folder, write_json
from edgeyolo.flow.doubts import doubts
from edgeyolo.flow.gate import Limits, choose
from edgeyolo.flow.payoff import accuracy_cost, latency, recommended
from edgeyolo.measure.accuracy import check_names
from edgeyolo.measure.comparison import judge
from edgeyolo.progress import Progress
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.calibrate import CalibrationImages, calibrate
from edgeyolo.quantize.layers import Convolution
from edgeyolo.quantize.quantizer import Quantizer, load_quantizer
from edgeyolo.quantize.ranges import Method
from edgeyolo.quantize.salience import salience
from edgeyolo.quantize.search import Step, further, order, sensitivity, steps
from edgeyolo.quantize.select import Split, split_training
from edgeyolo.quantize.trial import Probe

STAGES = 5
_NOTHING_SEEN = (
    "The net sees nothing in the images that are kept apart: what int8 would spoil was not found."
)
_PROBE = 8  # images that each convolution is tried on
_PROBE_SETS = 24  # images that sets of float convolutions are tried on


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
    check_out(out, force=force)
    if out.resolve() == bundle.root.resolve():
        raise UsageError(f"{out} is the bundle to quantize.", "Choose another --out.")
    check_names(bundle, dataset)
    bundle = replace(bundle, engines={request.engine: files})
    quantizer = load_quantizer(bundle, request.engine)
    asked = _asked(quantizer.layers, request.keep_float)
    kept = list(dict.fromkeys([*quantizer.always_float, *asked]))
    split = split_training(dataset.images("train"), request.images, request.seed)
    val, gate = load_split(dataset, "val"), load_images(dataset, split.gate)
    warnings = [*quantizer.notes, *doubts(dataset, load_images(dataset, split.calibration), gate)]
    for warning in warnings:
        progress.line(warning)

    errors, tried, more = _search(bundle, quantizer, request, split, kept, cache, progress)
    progress.stage(f"Judge by {len(gate)} other training images", 3, STAGES)
    if not tried[0].agreement.anchors:
        warnings.append(_NOTHING_SEEN)
        progress.line(_NOTHING_SEEN)
    before = judge(bundle, gate, request.engine)
    chosen, gated = choose(bundle, request.engine, quantizer, tried, more, before, request.limits)
    made = _made(request, split, chosen, gated)
    written = _write(bundle, quantizer, chosen, made, out, force=force)
    progress.stage("Measure accuracy on val", 4, STAGES)
    cost = accuracy_cost(bundle, written, request.engine, val, progress)
    progress.stage("Measure latency on this machine", 5, STAGES)
    times = latency(bundle, written, quantizer, request.engine, val, progress)
    sizes = [one.size_bytes(request.engine) for one in (bundle, written)]
    return {
        "bundle": str(out),
        "name": bundle.name,
        "precision": written.precision,
        **made,
        "warnings": warnings,
        "layers": _layer_rows(quantizer, errors, chosen.floats, asked),
        "agreement": chosen.agreement.to_dict(),
        "val": cost,
        "size_bytes": sizes[1],
        "size_ratio": round(sizes[1] / sizes[0], 4),
        "latency": times,
        "recommended": recommended(times),
    }


def _made(request: Request, split: Split, chosen: Step, gated: dict[str, Any]) -> dict[str, Any]:
    """How the bundle was made, for its manifest."""
    return {
        "engine": request.engine,
        "method": request.method,
        "seed": request.seed,
        "calibration_images": len(split.calibration),
        "float_layers": list(chosen.floats),
        "int8_share": round(chosen.share, 4),
        "gate": gated,
    }


def _search(
    bundle: Bundle,
    quantizer: Quantizer,
    request: Request,
    split: Split,
    kept: Sequence[str],
    cache: Path | None,
    progress: Progress,
) -> tuple[dict[str, float], list[Step], Iterator[Step]]:
    """Calibrate; error of each convolution alone, and sets of float ones to choose from.

    Further sets are tried only when they are asked for.
    """
    images = CalibrationImages(split.calibration, bundle.height, bundle.width)
    probed = CalibrationImages(split.gate[:_PROBE], bundle.height, bundle.width)
    stored = Cache(cache, bundle, request.engine, images.paths, probed.paths)
    progress.stage(f"Calibrate on {len(images)} training images", 1, STAGES)
    detector = Detector(bundle, request.engine)
    ranges, rounded = calibrate(
        quantizer,
        images,
        lambda blob: salience(detector.infer(blob), bundle.strides),
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
    tried = steps(quantizer, probe, ranked, len(kept), progress)
    return errors, tried, further(quantizer, probe, ranked, tried[-1])


def _write(
    bundle: Bundle,
    quantizer: Quantizer,
    chosen: Step,
    made: dict[str, Any],
    out: Path,
    *,
    force: bool,
) -> Bundle:
    with new_folder(out, replace=force) as work:
        result = replace(
            bundle,
            root=work,
            engines={made["engine"]: quantizer.write(chosen.floats, work)},
            precision="int8",
            provenance={**bundle.provenance, "quantization": made},
        )
        write_json(work / MANIFEST, result.to_manifest())
    return Bundle.open(out)


def _asked(layers: Sequence[Convolution], patterns: Sequence[str]) -> list[str]:
    names = [layer.name for layer in layers]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in names):
            raise UsageError(
                f"No convolution is called {pattern!r}.",
                f"They are called {names[0]}, {names[2]}, … {names[-1]}; * stands for anything.",
            )
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


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
