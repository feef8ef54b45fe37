"""From a checkpoint to bundles that were checked against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import CONFIDENCE, Detector
from edgeyolo.device.letterbox import Blob
from edgeyolo.errors import EdgeyoloError, UsageError
from edgeyolo.images import read_image
from edgeyolo.measure.matching import matched

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

    from edgeyolo.export.storage import Storage

# Largest difference of a logit, and the part of the detections that must be found again with an
# IoU of 0.9. Stored in float16, a kernel is off by up to 5e-4 of itself, in int8 by 4e-3 of the
# largest of its channel.
_TOLERANCES = {"fp32": (0.01, 1.0), "fp16": (1.0, 0.95), "int8-weights": (10.0, 0.8)}
IOU = 0.9
LOW = 0.1  # a partner may have a lower score than its detection


@dataclass(frozen=True, slots=True)
class Check:
    """How an exported file agrees with its checkpoint on some photos."""

    images: int
    largest_difference: float  # of a raw output
    detections: int
    matched: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "images": self.images,
            "largest_difference": round(self.largest_difference, 6),
            "detections": self.detections,
            "matched": self.matched,
        }


@contextmanager
def bundle_of(model: Path, engine: str, imgsz: int | None) -> Iterator[Bundle]:
    """A bundle as it is; of a checkpoint an fp32 one, checked, in a folder for the moment.

    Raises:
        UsageError: when ``imgsz`` is not the size that a bundle has.
    """
    if model.suffix != ".pt":
        bundle = Bundle.open(model)
        if imgsz not in (None, bundle.height):
            raise UsageError(
                f"{model} is a bundle for {bundle.height} px, which cannot be changed any more.",
                "Give the checkpoint that it was made of, or no --imgsz.",
            )
        yield bundle
        return
    from edgeyolo.export.photos import sample_photos
    from edgeyolo.slim.checkpoint import imgsz_of, open_checkpoint

    photos, net = sample_photos(), open_checkpoint(model)
    with TemporaryDirectory(prefix="edgeyolo-") as name:
        folder = Path(name) / "bundle"
        yield export(net, imgsz or imgsz_of(net), engine, "fp32", folder, photos)[0]


def export(
    net: DetectionModel,
    imgsz: int,
    engine: str,
    precision: Storage,
    out: Path,
    photos: Sequence[Path],
    *,
    force: bool = False,
) -> tuple[Bundle, Check]:
    """Write one bundle and compare it with the net; one that does not agree is not left there.

    Raises:
        EdgeyoloError: when the engine's answers are not those of the net.
    """
    from edgeyolo.export.bundle import write_bundle

    checks: list[Check] = []

    def check(bundle: Bundle) -> None:
        checks.append(check_against(net, bundle, engine, photos))
        _refuse(checks[0], engine, precision)

    bundle = write_bundle(net, imgsz, (engine,), out, precision=precision, force=force, check=check)
    return bundle, checks[0]


def check_against(
    net: DetectionModel, bundle: Bundle, engine: str, photos: Sequence[Path]
) -> Check:
    """Run the net in torch and the file in its engine on the same photos."""
    detector, lenient = (Detector(bundle, engine, confidence=c) for c in (CONFIDENCE, LOW))
    largest = 0.0
    expected: list[Detections] = []
    found: list[Detections] = []
    for photo in photos:
        blob, placement = detector.preprocess(read_image(photo))
        answers = _in_torch(net, blob), detector.infer(blob)
        for a, b in zip(*answers, strict=True):
            largest = float(np.maximum(largest, np.abs(a - b).max()))  # NaN stays NaN
        expected.append(detector.postprocess(answers[0], placement))
        found.append(lenient.postprocess(answers[1], placement))
    hits, total = matched(expected, found, detector.confidence, IOU)
    return Check(len(photos), largest, total, hits)


def _tolerance(engine: str, precision: str) -> tuple[float, float]:
    if engine == "ncnn" and precision == "fp32":
        import ncnn

        if ncnn.cpu_support_arm_asimdhp():  # it computes in float16 there
            return _TOLERANCES["fp16"]
    return _TOLERANCES[precision]


def _in_torch(net: DetectionModel, blob: Blob) -> list[Any]:
    from edgeyolo.export.graph import answers

    return answers(net, blob)


def _refuse(check: Check, engine: str, precision: str) -> None:
    difference, part = _tolerance(engine, precision)
    # Written so that NaN does not pass.
    agrees = check.largest_difference <= difference and check.matched >= part * check.detections
    if not agrees:
        raise EdgeyoloError(
            f"The {precision} export for {engine} does not agree with the checkpoint: outputs "
            f"differ by up to {check.largest_difference:.3g}, {check.matched} of "
            f"{check.detections} detections are found again.",
            "Nothing was written; choose another --engine, and report this with the checkpoint.",
        )
