"""Perspective: where a sprite is placed, and the layer that a pinhole camera makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgeyolo.dataset.demo_world.arrays import Image, Points
from edgeyolo.dataset.demo_world.layers import Layer

FOCAL = 2.2  # camera distance in half-widths of a sign: how strong perspective gets
SMALLEST_SPRITE_PX = 8


@dataclass(frozen=True)
class Placement:
    """Where a sprite goes: middle and side in pixels, angles in degrees."""

    x: float
    y: float
    side: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0


def shrink(sprite: Image, side: float) -> Image:
    """A sprite [px, px, 4] at the resolution that ``warp`` needs for a side in pixels.

    Averaging keeps tiny signs unaliased.
    """
    px = int(np.clip(round(_oversampling(side) * side), SMALLEST_SPRITE_PX, sprite.shape[0]))
    return np.asarray(cv2.resize(sprite, (px, px), interpolation=cv2.INTER_AREA), np.uint8)


def _oversampling(side: float) -> int:
    """How many times finer than the image a sprite is drawn; large ones are smooth anyway."""
    return 3 if side < 24 else 2 if side < 90 else 1


def warp(sprite: Image, place: Placement) -> Layer:
    """Put a sprite [px, px, 4], shrunk for ``place.side``, in perspective: finer, then averaged."""
    corners = _corners(place)
    left, top = np.floor(corners.min(axis=0)).astype(int) - 1
    width, height = np.ceil(corners.max(axis=0)).astype(int) + 1 - (left, top)
    side, fine = sprite.shape[0], _oversampling(place.side)
    source = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32) - 0.5
    target = ((corners - (left, top)) * fine - 0.5).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    patch = cv2.warpPerspective(sprite, matrix, (int(fine * width), int(fine * height)))
    patch = cv2.resize(patch, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    alpha = np.asarray(patch[..., 3], np.float32) / np.float32(255)
    return Layer(np.asarray(patch[..., :3], np.uint8), alpha, int(left), int(top))


def _corners(place: Placement) -> Points:
    """Image position [4, 2] of a sprite's corners, seen through a pinhole camera."""
    roll, yaw, pitch = np.deg2rad([place.roll, place.yaw, place.pitch])
    flat = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float64)
    turn_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    turn_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    turn_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    turned = flat @ np.array(turn_z).T @ np.array(turn_y).T @ np.array(turn_x).T
    seen = turned[:, :2] * (FOCAL / (FOCAL + turned[:, 2:]))
    return np.asarray(seen * place.side / 2 + [place.x, place.y], np.float64)
