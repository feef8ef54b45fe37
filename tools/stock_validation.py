"""mAP50-95 of a checkpoint by ultralytics' own validator, for figures that others took with it.

It reads through our labels: its own reader writes cache files beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeyolo.dataset.check import Sample
from edgeyolo.workshop import open_workshop


def stock_map(
    checkpoint: Path,
    data: Path,
    samples: Sequence[Sample],
    imgsz: int,
    *,
    batch: int = 16,
    rect: bool = True,
) -> float:
    """mAP50-95 on the samples; ``rect`` batches, the default there, have little padding.

    ``data`` is the data.yaml that the class names come from.
    """
    open_workshop()
    from ultralytics import YOLO
    from ultralytics.data import build_dataloader
    from ultralytics.models.yolo.detect import DetectionValidator

    from edgeyolo.train.data import SampleDataset

    class Validator(DetectionValidator):  # type: ignore[misc]
        def get_dataloader(self, dataset_path: str, batch_size: int) -> Any:
            dataset = SampleDataset(
                list(samples),
                imgsz=imgsz,
                batch_size=batch_size,
                augment=False,
                hyp=self.args,
                rect=rect,
                stride=32,
                pad=0.5,
                data=self.data,
            )
            return build_dataloader(dataset, batch_size, 0, shuffle=False, rank=-1)

    metrics = YOLO(checkpoint).val(
        validator=Validator,
        data=str(data),
        imgsz=imgsz,
        batch=batch,
        rect=rect,
        plots=False,
        verbose=False,
        device="cpu",
        workers=0,
    )
    return float(metrics.box.map)
