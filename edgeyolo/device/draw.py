"""Boxes and labels drawn into an image."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2

from edgeyolo.device.detections import Detections
from edgeyolo.images import Image

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_GOLDEN = 0.618034  # steps of the golden ratio round the color circle keep neighbors apart


def draw(image: Image, detections: Detections, names: Sequence[str]) -> Image:
    """Copy of (H, W, 3) BGR with a box, the class and the score of each detection."""
    canvas = image.copy()
    thickness = max(1, round(min(image.shape[:2]) / 240))
    for box, score, class_id in zip(
        detections.xyxy, detections.score, detections.class_id, strict=True
    ):
        left, top, right, bottom = (round(float(value)) for value in box)
        color = _color(int(class_id))
        cv2.rectangle(canvas, (left, top), (right, bottom), color, thickness)
        _label(canvas, f"{names[class_id]} {score:.2f}", left, top, color, thickness)
    return canvas


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


def _color(class_id: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb((class_id * _GOLDEN) % 1, 0.85, 0.95)
    return round(255 * blue), round(255 * green), round(255 * red)
