"""From an fp32 bundle to an int8 one that was measured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgeyolo.dataset.check import Sample, load_images, load_split
from edgeyolo.dataset.read import Dataset
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.device.detector import Detector
from edgeyolo.errors import BundleError, UsageError
from edgeyolo.export.bundle import QUANTIZATION, check_out
from edgeyolo.files import new_folder, write_json
from edgeyolo.flow.doubts import doubts
from edgeyolo.flow.float_layers import PROBE, asked_for, layer_rows, search
from edgeyolo.flow.gate import Limits, choose
from edgeyolo.flow.payoff import judge_both, latency, recommended, time_in_turns
from edgeyolo.flow.quantization_file import quantization_file
from edgeyolo.measure.accuracy import check_names
from edgeyolo.measure.comparison import compare, judge
from edgeyolo.progress import Progress
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.calibrate import CalibrationImages, calibrate
from edgeyolo.quantize.quantizer import Quantizer, load_quantizer
from edgeyolo.quantize.salience import salience
from edgeyolo.quantize.search import Step
from edgeyolo.quantize.select import Split, split_training

STAGES = 5
_NOTHING_SEEN = (
    "The net sees nothing in the images that are kept apart: what int8 would spoil was not found."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks of quantization."""

    engine: str
    limits: Limits = field(default_factory=Limits)
    keep_float: tuple[str, ...] = ()  # patterns of convolution names
    method: str = "mse"  # of choosing ranges
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

    What a report needs of it is written beside it, as ``quantization.json``.

    Raises:
        DataError: when there are no training images, or one cannot be read.
        BundleError: when the bundle is not fp32 or lacks the engine.
    """
    engine = request.engine
    bundle = _checked(bundle, dataset, engine, out, force=force)
    quantizer = load_quantizer(bundle, engine)
    asked = asked_for(quantizer.layers, request.keep_float)
    kept = list(dict.fromkeys([*quantizer.always_float, *asked]))
    split = split_training(dataset.images("train"), request.images, request.seed)
    val, gate = load_split(dataset, "val"), load_images(dataset, split.gate)
    warnings = [*quantizer.notes, *doubts(dataset, load_images(dataset, split.calibration), gate)]
    for warning in warnings:
        progress.line(warning)

    stored = Cache(cache, bundle, engine, split.calibration, split.gate[:PROBE])
    progress.stage(f"Calibrate on {len(split.calibration)} training images", 1, STAGES)
    _prepare(bundle, quantizer, split, request, stored, progress)
    progress.stage("Find what must stay in float", 2, STAGES)
    found = search(bundle, engine, quantizer, kept, split.gate, request.method, stored, progress)
    progress.stage(f"Judge by {len(gate)} other training images", 3, STAGES)
    if not found.tried[0].agreement.anchors:
        warnings.append(_NOTHING_SEEN)
        progress.line(_NOTHING_SEEN)
    before = judge(bundle, gate, engine)
    chosen, gated = choose(
        bundle, engine, quantizer, found.tried, found.further, before, request.limits
    )
    made = _made(request, split, chosen, gated)
    with new_folder(out, replace=force) as work:
        written = _write(bundle, quantizer, chosen, made, work)
        facts = {
            "bundle": str(out),
            "name": bundle.name,
            "precision": written.precision,
            **made,
            "warnings": warnings,
            "layers": layer_rows(quantizer, found.errors, chosen.floats, asked),
            "agreement": chosen.agreement.to_dict(),
        }
        answer, told = _measured(facts, (bundle, written), quantizer, dataset, val, progress)
        write_json(work / QUANTIZATION, told)
    return answer


def _checked(bundle: Bundle, dataset: Dataset, engine: str, out: Path, *, force: bool) -> Bundle:
    """The bundle with one engine, when all is well."""
    files = bundle.engines[bundle.with_default(engine)]
    if bundle.precision != "fp32":
        raise BundleError(
            f"{bundle.root} is {bundle.precision} already.", "Give the fp32 bundle it was made of."
        )
    check_out(out, force=force)
    if out.resolve() == bundle.root.resolve():
        raise UsageError(f"{out} is the bundle to quantize.", "Choose another --out.")
    check_names(bundle, dataset)
    return replace(bundle, engines={engine: files})


def _prepare(
    bundle: Bundle,
    quantizer: Quantizer,
    split: Split,
    request: Request,
    stored: Cache,
    progress: Progress,
) -> None:
    """Give the quantizer the ranges and weights that suit the calibration images."""
    detector = Detector(bundle, request.engine)
    ranges, rounded = calibrate(
        quantizer,
        CalibrationImages(split.calibration, bundle.height, bundle.width),
        lambda blob: salience(detector.infer(blob), bundle.strides),
        request.method,
        stored,
        progress,
    )
    quantizer.prepare(ranges, rounded)


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


def _write(
    bundle: Bundle, quantizer: Quantizer, chosen: Step, made: dict[str, Any], folder: Path
) -> Bundle:
    result = replace(
        bundle,
        root=folder,
        engines={made["engine"]: quantizer.write(chosen.floats, folder)},
        precision="int8",
        provenance={**bundle.provenance, "quantization": made},
    )
    write_json(folder / MANIFEST, result.to_manifest())
    return Bundle.open(folder)


def _measured(
    facts: dict[str, Any],
    bundles: tuple[Bundle, Bundle],
    quantizer: Quantizer,
    dataset: Dataset,
    val: list[Sample],
    progress: Progress,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts, with what int8 costs and gains; and the same with all that a report needs."""
    engine = facts["engine"]
    progress.stage("Measure accuracy on val", 4, STAGES)
    judged = judge_both(*bundles, engine, val, progress)
    progress.stage("Measure latency on this machine", 5, STAGES)
    timed = time_in_turns(*bundles, quantizer, engine, val, progress)
    times, sizes = latency(timed), [one.size_bytes(engine) for one in bundles]
    answer = {
        **facts,
        "val": compare(*judged),
        "size_bytes": sizes[1],
        "size_ratio": round(sizes[1] / sizes[0], 4),
        "latency": times,
        "recommended": recommended(times),
    }
    return answer, quantization_file(answer, dataset, bundles, judged, timed)
