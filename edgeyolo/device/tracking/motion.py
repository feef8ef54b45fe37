"""Where boxes will be: a Kalman filter of constant speed, for all tracks at once.

The state of one track is (5, 4) float64. Its columns are center x, center y, width and height; its
rows the estimate in pixels, its speed in pixels per second, and their variances: of the estimate,
of both together, of the speed. Noise in one column says nothing of another, so the 8x8 filter of
SORT (Bewley et al. 2016, arXiv:1602.00763) falls apart into four of 2x2, which need no matrix to be
inverted. As there, noise grows with the size of the object.

Time is real time. A step of two seconds is the same as two steps of one: frames may be dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

State = npt.NDArray[np.float64]  # (N, 5, 4)
Boxes = npt.NDArray[np.floating[Any]]  # (N, 4) xyxy

# Standard deviations in sizes of the object (the root of its area); of x, y, width, height.
_MEASURED = np.array([0.05, 0.05, 0.07, 0.07])  # of a detected box
_SPEED = np.array([2.0, 2.0, 0.2, 0.2])  # per second, of what has just been found
_WANDERS = np.array([0.1, 0.1, 0.1, 0.1])  # in a second, beside its speed
_SPEEDS_UP = np.array([2.0, 2.0, 0.2, 0.2])  # change of speed in a second
_LEAST = 1.0  # pixels of a side


def begin(boxes: Boxes) -> State:
    """(N, 5, 4) of boxes (N, 4) seen for the first time; they seem to stand still."""
    measured = _measured(boxes)
    variance = _variance(measured)
    nothing = np.zeros_like(measured)
    return np.stack(
        [measured, nothing, variance * _MEASURED**2, nothing, variance * _SPEED**2], axis=1
    )


def predict(state: State, seconds: float) -> State:
    """The same tracks so much later, unseen."""
    place, speed, spread, both, drift = np.moveaxis(state, 1, 0)
    variance = _variance(place)
    changes, wanders = variance * _SPEEDS_UP**2, variance * _WANDERS**2
    t = seconds
    return np.stack(
        [
            place + t * speed,
            speed,
            spread + t * (2 * both + t * drift) + t * wanders + t**3 / 3 * changes,
            both + t * drift + t**2 / 2 * changes,
            drift + t * changes,
        ],
        axis=1,
    )


def correct(state: State, boxes: Boxes) -> State:
    """The same tracks after each was seen as one of the boxes (N, 4)."""
    place, speed, spread, both, drift = np.moveaxis(state, 1, 0)
    measured = _measured(boxes)
    surprise = measured - place
    total = spread + _variance(measured) * _MEASURED**2
    gain, speed_gain = spread / total, both / total
    return np.stack(
        [
            place + gain * surprise,
            speed + speed_gain * surprise,
            spread * (1 - gain),
            both * (1 - gain),
            drift - speed_gain * both,
        ],
        axis=1,
    )


def corners(state: State) -> npt.NDArray[np.float64]:
    """(N, 4) xyxy of where the tracks are thought to be."""
    center, half = state[:, 0, :2], np.maximum(state[:, 0, 2:], _LEAST) / 2
    return np.concatenate([center - half, center + half], axis=1)


def _measured(boxes: Boxes) -> npt.NDArray[np.float64]:
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    return np.concatenate([(low + high) / 2, np.maximum(high - low, _LEAST)], axis=1)


def _variance(place: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, 1) of one size of the object."""
    sides = np.maximum(place[:, 2:], _LEAST)
    result: npt.NDArray[np.float64] = sides[:, :1] * sides[:, 1:]
    return result
