"""From a checkpoint to the files that stock ultralytics opens, checked against it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyolo.device.detector import CONFIDENCE
from edgeyolo.errors import EdgeyoloError
from edgeyolo.flow.export import IOU, LOW
from edgeyolo.measure.matching import matched

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

_PART = {False: 1.0, True: 0.95}  # of the detections that must be found again; in half precision


def export_stock(
    net: DetectionModel,
    imgsz: int,
    engine: str,
    out: Path,
    photos: Sequence[Path],
    *,
    half: bool = False,
) -> tuple[Path, dict[str, int]]:
    """Write one file or folder into ``out``; return where it is, and how ultralytics sees it.

    Raises:
        EdgeyoloError: when it does not find what it finds with the checkpoint.
    """
    from edgeyolo.export.stock import detect_by_ultralytics, keep, stock_file

    with stock_file(net, imgsz, engine, half=half) as (checkpoint, written):
        expected = detect_by_ultralytics(checkpoint, photos, imgsz, CONFIDENCE)
        found = detect_by_ultralytics(written, photos, imgsz, LOW)
        hits, total = matched(expected, found, CONFIDENCE, IOU)
        if hits < _PART[half] * total:
            raise EdgeyoloError(
                f"What ultralytics wrote for {engine} does not agree with the checkpoint: {hits} "
                f"of {total} detections are found again.",
                "Nothing was written; choose another --engine.",
            )
        place = keep(written, out)
    return place, {"images": len(photos), "detections": total, "matched": hits}
