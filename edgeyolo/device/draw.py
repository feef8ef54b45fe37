"""Boxes and labels drawn into an image."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2

from edgeyolo.device.detections import Detections
from edgeyolo.images import Image

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_GRAY = (150, 150, 150)
_GOLDEN = 0.618034  # steps of the golden ratio round the color circle keep neighbors apart


def draw(image: Image, detections: Detections, names: Sequence[str]) -> Image:
    """Copy of (H, W, 3) BGR with a box, the class and the score of each detection.

    Each class has its color; after a tracker each object, and what has no id yet is gray.
    """
    canvas = image.copy()
    thickness = max(1, round(min(image.shape[:2]) / 240))
    for index, box in enumerate(detections.xyxy.tolist()):
        left, top, right, bottom = map(round, box)
        color = _color(detections, index)
        cv2.rectangle(canvas, (left, top), (right, bottom), color, thickness)
        _label(canvas, _text(detections, index, names), left, top, color, thickness)
    return canvas


def _text(detections: Detections, index: int, names: Sequence[str]) -> str:
    ids = detections.track_id
    number = "" if ids is None or ids[index] < 0 else f"#{ids[index]} "
    return f"{number}{names[detections.class_id[index]]} {detections.score[index]:.2f}"


def _label(
    canvas: Image, text: str, left: int, top: int, color: tuple[int, int, int], thickness: int
) -> None:
    scale = 0.35 + 0.15 * thickness
    (width, height), descent = cv2.getTextSize(text, _FONT, scale, max(1, thickness - 1))
    base = top - descent if top > height + 2 * descent else top + height + descent
    left = max(0, min(left, canvas.shape[1] - width))
    corner = (left, base - height - descent)
    cv2.rectangle(canvas, corner, (left + width, base + descent), color, cv2.FILLED)
    ink = (0, 0, 0) if sum(color) > 380 else (255, 255, 255)
    cv2.putText(canvas, text, (left, base), _FONT, scale, ink, max(1, thickness - 1), cv2.LINE_AA)


def _color(detections: Detections, index: int) -> tuple[int, int, int]:
    ids = detections.class_id if detections.track_id is None else detections.track_id
    if ids[index] < 0:
        return _GRAY
    red, green, blue = colorsys.hsv_to_rgb((int(ids[index]) * _GOLDEN) % 1, 0.85, 0.95)
    return round(255 * blue), round(255 * green), round(255 * red)
