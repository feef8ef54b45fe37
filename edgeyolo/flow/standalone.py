"""From a checkpoint or a bundle to one ONNX file that finds what our runtime finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import CONFIDENCE, Detector
from edgeyolo.device.letterbox import letterbox
from edgeyolo.errors import EdgeyoloError
from edgeyolo.files import write_bytes
from edgeyolo.flow.export import IOU, LOW, bundle_of
from edgeyolo.images import Image, read_image
from edgeyolo.measure.matching import matched

if TYPE_CHECKING:
    import onnx
    from onnxruntime import InferenceSession

    from edgeyolo.export.standalone import Input

# The part of the detections that both must have. In int8 a pixel that differs by a hundredth of a
# step can be rounded the other way.
_PART = 0.9
_CLEARLY = CONFIDENCE + 0.05


def export_standalone(
    model: Path, source: Input, out: Path, imgsz: int | None, photos: Sequence[Path]
) -> tuple[onnx.ModelProto, dict[str, int]]:
    """Write ``out`` after comparing it with our runtime on photos; return how they agree.

    Raises:
        EdgeyoloError: when plain ONNX Runtime finds something else; nothing is written then.
    """
    from edgeyolo.export.standalone import to_standalone

    with bundle_of(model, "onnxruntime", imgsz) as bundle:
        written: onnx.ModelProto = to_standalone(bundle, source)
        content = written.SerializeToString()
        check = _check(bundle, content, source, photos)
    if check["matched"] < _PART * check["detections"]:
        raise EdgeyoloError(
            f"The standalone file does not agree with the bundle: of {check['detections']} "
            f"detections only {check['matched']} are found by both.",
            "Nothing was written; report this with the model.",
        )
    write_bytes(out, content)
    return written, check


def _check(bundle: Bundle, content: bytes, source: Input, photos: Sequence[Path]) -> dict[str, int]:
    """Count both ways: what each finds, the other must find, with a lower score perhaps."""
    from onnxruntime import InferenceSession

    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    detector = Detector(bundle, "onnxruntime", confidence=LOW)
    images = [read_image(photo) for photo in photos]
    ours = [detector(image) for image in images]
    theirs = [_detect(session, image, bundle, source) for image in images]
    counts = matched(ours, theirs, _CLEARLY, IOU), matched(theirs, ours, CONFIDENCE, IOU)
    hits, total = (sum(column) for column in zip(*counts, strict=True))
    return {"images": len(photos), "detections": total, "matched": hits}


def _detect(session: InferenceSession, image: Image, bundle: Bundle, source: Input) -> Detections:
    """What someone without our runtime would do."""
    pixels: Any = image[:, :, ::-1]
    blob, placement = letterbox(image, bundle.height, bundle.width)
    if source == "letterboxed":
        pixels = np.round(blob[0].transpose(1, 2, 0) * 255).astype(np.uint8)
    boxes, scores, classes = session.run(None, {"image": np.ascontiguousarray(pixels)})
    return Detections(
        placement.to_source(boxes) if source == "letterboxed" else boxes, scores, classes
    )
