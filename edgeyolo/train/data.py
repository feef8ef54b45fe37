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
    """YOLODataset over samples that are already checked."""

    def __init__(self, samples: list[Sample], **kwargs: Any) -> None:
        self._samples = samples
        super().__init__(img_path="", task="detect", **kwargs)

    def get_img_files(self, img_path: str) -> list[str]:
        """Image paths in order; the path given is not looked at."""
        return [str(sample.image) for sample in self._samples]

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
