"""Detector: image in, detections out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.decode import decode
from edgeyolo.device.detections import Detections
from edgeyolo.device.engine import Float, first_line, load_engine
from edgeyolo.device.letterbox import Blob, Letterbox, Placement
from edgeyolo.device.nms import non_max_suppression
from edgeyolo.errors import BundleError, DataError, EdgeyoloError, UsageError
from edgeyolo.images import Image, as_image

Roi = tuple[int, int, int, int]  # x, y, width, height

CONFIDENCE = 0.25
IOU = 0.7
MAX_DETECTIONS = 300


class Detector:
    """A bundle loaded into one engine, for one thread: memory is used again for each image.

    Args:
        bundle: an opened bundle or the path of one.
        engine: an engine's name; the bundle's default if left out.
        confidence: lowest score reported, 0..1.
        iou: boxes of one class that overlap more than this are one object.
        max_detections: at most so many per image.
        multi_label: report every class of an anchor, as the COCO protocol wants.
        classes: names of the only ones to report.
        roi: x, y, width and height of the part of each image to look at, in pixels.
        threads: for the engine; all available cores if left out.

    Raises:
        UsageError: when a number is out of range, or a class is not the bundle's.
        BundleError: when the bundle is damaged or not made for that engine.
        MissingDependencyError: when the engine is not installed.
    """

    def __init__(
        self,
        bundle: Bundle | Path | str,
        engine: str | None = None,
        *,
        confidence: float = CONFIDENCE,
        iou: float = IOU,
        max_detections: int = MAX_DETECTIONS,
        multi_label: bool = False,
        classes: Sequence[str] | None = None,
        roi: Roi | None = None,
        threads: int | None = None,
    ) -> None:
        _check(confidence, iou, roi, threads)
        self.bundle = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
        self._wanted = _wanted(self.bundle, classes)
        self.roi = roi
        self.engine_name = self.bundle.with_default(engine)
        self.confidence = confidence
        self.iou = iou
        self.max_detections = max_detections
        self.multi_label = multi_label
        self._letterbox = Letterbox(self.bundle.height, self.bundle.width)
        self._engine = load_engine(self.bundle, self.engine_name, threads)

    def __call__(self, image: Image) -> Detections:
        """Detect objects in one (H, W, 3) BGR uint8 image; gray, BGRA and 16 bits are converted.

        Raises:
            DataError: when it is no image.
        """
        blob, placement = self.preprocess(as_image(image))
        return self.postprocess(self.infer(blob), placement)

    def preprocess(self, image: Image) -> tuple[Blob, Placement]:
        """Image → the net's input, valid until the next image.

        Raises:
            DataError: when the image has nothing where ``roi`` lies.
        """
        if self.roi is None:
            return self._letterbox(image)
        x, y, width, height = self.roi
        part = image[y : y + height, x : x + width]
        if not part.size:
            raise DataError(
                f"An image of {image.shape[1]}x{image.shape[0]} has nothing at {x},{y}.",
                "Choose another --roi.",
            )
        blob, placement = self._letterbox(part)
        return blob, replace(placement, origin=(x, y))

    def infer(self, blob: Blob) -> list[Float]:
        """The engine alone; its answer is valid until the next one.

        Raises:
            EdgeyoloError: when the engine gives up.
        """
        try:
            return self._engine.infer(blob)
        except (RuntimeError, MemoryError) as error:  # each engine's file keeps to these two
            raise EdgeyoloError(
                f"{self.engine_name} failed on an image: {first_line(error)}",
                "Close other programs, export the bundle again, or choose another --engine.",
            ) from error

    def rehearse(self) -> None:
        """Go once all the way on a gray image, to see that the net is what the bundle says.

        Raises:
            BundleError: when it is another one.
            EdgeyoloError: when the engine gives up.
        """
        bundle = self.bundle
        blob, _ = self._letterbox(np.full((bundle.height, bundle.width, 3), 128, np.uint8))
        try:
            outputs = self.infer(blob)
            # Every anchor: on gray there may be none above the threshold.
            decode(outputs, bundle.strides, bundle.reg_max, confidence=0.0)
            classes = {logits.shape[-3] for logits in outputs[1::2]}
        except (ValueError, IndexError) as error:
            raise self._unlike(first_line(error)) from error
        if classes != {len(bundle.names)}:
            raise self._unlike(f"it has {max(classes)} classes")

    def postprocess(self, outputs: list[Float], placement: Placement) -> Detections:
        """Raw head outputs → detections in pixels of the source image."""
        bundle = self.bundle
        xyxy, score, class_id, stride = decode(
            outputs, bundle.strides, bundle.reg_max, self.confidence, multi_label=self.multi_label
        )
        if self._wanted is not None:
            of_these = self._wanted[class_id]
            xyxy, score = xyxy[of_these], score[of_these]
            class_id, stride = class_id[of_these], stride[of_these]
        keep = non_max_suppression(xyxy, score, class_id, self.iou, self.max_detections)
        boxes = placement.to_source(xyxy[keep])
        return Detections(boxes, score[keep], class_id[keep], stride=stride[keep])

    def _unlike(self, reason: str) -> BundleError:
        return BundleError(
            f"The {self.engine_name} net of {self.bundle.root} is not what its manifest says: "
            f"{reason}.",
            "Export the bundle again.",
        )


def _check(confidence: float, iou: float, roi: Roi | None, threads: int | None) -> None:
    for name, value in (("confidence", confidence), ("iou", iou)):
        if not 0 <= value <= 1:  # also refuses NaN
            raise UsageError(f"A {name} of {value:g} is not possible.", "Use a value from 0 to 1.")
    if roi is not None and (min(roi[:2]) < 0 or min(roi[2:]) < 1):
        raise UsageError(
            f"A part at {roi[0]},{roi[1]} of {roi[2]}x{roi[3]} pixels is not possible.",
            "Use x,y,width,height, such as 0,100,640,380.",
        )
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads are not possible.", "Use 1 or more.")


def _wanted(bundle: Bundle, classes: Sequence[str] | None) -> npt.NDArray[np.bool_] | None:
    """(classes,) whether each is reported; ``None`` when all are."""
    if classes is None:
        return None
    for name in classes:
        if name not in bundle.names:
            near = get_close_matches(name, bundle.names, 1) or bundle.names
            raise UsageError(
                f"The bundle knows no class {name!r}.", f"It knows {near[0]!r}, for one."
            )
    return np.array([name in classes for name in bundle.names])
