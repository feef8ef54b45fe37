"""Images with a class each, as ultralytics' classification trainer wants them.

Its own reader puts a cache file beside the user's images and rewrites JPEG files that it takes for
damaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
from PIL import Image
from torch.utils.data import Dataset
from ultralytics.data.augment import classify_augmentations, classify_transforms

from edgeyolo.dataset.image_folder import Picture
from edgeyolo.images import read_image


class Pictures(Dataset[dict[str, Any]]):
    """Images of a split: resized and, for training, augmented as ``settings`` say."""

    def __init__(self, pictures: Sequence[Picture], settings: Any, *, augment: bool) -> None:
        self.samples = pictures
        self.torch_transforms = (
            classify_augmentations(
                size=settings.imgsz,
                scale=(1 - settings.scale, 1.0),
                hflip=settings.fliplr,
                vflip=settings.flipud,
                erasing=settings.erasing,
                auto_augment=settings.auto_augment,
                hsv_h=settings.hsv_h,
                hsv_s=settings.hsv_s,
                hsv_v=settings.hsv_v,
            )
            if augment
            else classify_transforms(size=settings.imgsz)
        )

    def __len__(self) -> int:
        """Number of images."""
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """``img``: (3, H, W) float32, RGB, 0..1; ``cls``: the number of its class."""
        path, number = self.samples[index]
        picture = Image.fromarray(cv2.cvtColor(read_image(path), cv2.COLOR_BGR2RGB))
        return {"img": self.torch_transforms(picture), "cls": number}
