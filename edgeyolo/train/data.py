"""The checked data set as ultralytics' trainer wants it, read without writing anything.

Its own reader puts a cache file beside the user's labels and rewrites JPEG files that it takes
for damaged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ultralytics.data.dataset import YOLODataset

from edgeyolo.dataset.check import Sample


class SampleDataset(YOLODataset):  # type: ignore[misc]
    """YOLODataset over samples that are already checked; ``colors`` augments those, too."""

    def __init__(self, samples: list[Sample], *, colors: bool = True, **kwargs: Any) -> None:
        self._samples, self._colors = samples, colors
        super().__init__(img_path="", task="detect", **kwargs)

    def get_img_files(self, img_path: str) -> list[str]:
        """Image paths in order; the path given is not looked at."""
        return [str(sample.image) for sample in self._samples]

    def build_transforms(self, hyp: Any) -> Any:
        """What is done to an image; called again when mosaics end."""
        if not self._colors:
            hyp.hsv_h = hyp.hsv_s = hyp.hsv_v = 0.0
        return super().build_transforms(hyp)

    def get_labels(self) -> list[dict[str, Any]]:
        """Labels in ultralytics' own form."""
        return [
            {
                "im_file": str(sample.image),
                "shape": (sample.height, sample.width),
                "cls": np.ascontiguousarray(sample.boxes[:, :1]),
                "bboxes": np.ascontiguousarray(sample.boxes[:, 1:]),
                "segments": [],
                "keypoints": None,
                "normalized": True,
                "bbox_format": "xywh",
            }
            for sample in self._samples
        ]
