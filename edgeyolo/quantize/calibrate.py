"""What the calibration images say of a net: the range of each tensor, and weights rounded for them.

Two passes over the images, which are read one at a time: the ranges must be known before the second
moments of the rounded inputs can be gathered. What a pass found is kept on disk, so an interrupted
calibration goes on where it was, and a repeated one is over at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeyolo.device.engine import Float, first_line
from edgeyolo.device.letterbox import letterbox
from edgeyolo.errors import EdgeyoloError
from edgeyolo.images import read_image
from edgeyolo.progress import Progress
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.layers import Convolution
from edgeyolo.quantize.quantizer import Quantizer, Rounded
from edgeyolo.quantize.ranges import Range, choose_range
from edgeyolo.quantize.rounding import groups, input_columns, moments_of, round_weights
from edgeyolo.quantize.salience import positions
from edgeyolo.quantize.statistics import TensorStatistics

_SAVE_EVERY = 8  # images
_FOR_MOMENTS = 32  # images; more change nothing that could be measured


Seen = Callable[[Float], Float]


@dataclass(frozen=True, slots=True)
class CalibrationImages:
    """Training images and the size that they are letterboxed to."""

    paths: tuple[Path, ...]
    height: int
    width: int

    def __len__(self) -> int:
        return len(self.paths)

    def blob(self, index: int) -> Float:
        """(1, 3, height, width) one image as the net's input."""
        return letterbox(read_image(self.paths[index]), self.height, self.width)[0]

    def blobs(self) -> Iterator[Float]:
        """All, one at a time."""
        return (self.blob(index) for index in range(len(self)))


def calibrate(
    quantizer: Quantizer,
    images: CalibrationImages,
    seen: Seen,
    method: str,
    cache: Cache,
    progress: Progress,
) -> tuple[dict[str, Range], dict[str, Rounded]]:
    """Range of each tap and rounded weights of each convolution; the same for the same images.

    ``seen`` says of an image's blob where the net sees something, as :func:`salience` does.
    """
    statistics = _statistics(quantizer, images, seen, cache, progress)
    shared: dict[str, TensorStatistics] = {}
    for name, tensor in statistics.items():
        shared.setdefault(quantizer.same_range(name), TensorStatistics()).merge(tensor)
    chosen = {
        name: choose_range(tensor, method, quantizer.levels, quantizer.through(name))
        for name, tensor in shared.items()
    }
    ranges = {name: chosen[quantizer.same_range(name)] for name in statistics}
    stored = cache.load(f"weights-{method}")
    if stored is None:
        stored = _round_all(quantizer, images, ranges, progress)
        cache.save(f"weights-{method}", stored)
    rounded = {
        layer.name: Rounded(stored[f"{layer.name}/kernel"], stored[f"{layer.name}/bias"])
        for layer in quantizer.layers
    }
    return ranges, rounded


class _Counted:
    """Positions of one image that count, the same for all tensors of a size."""

    def __init__(self, seen: Float, seed: int) -> None:
        self._seen, self._generator = seen, np.random.default_rng(seed)
        self._chosen: dict[tuple[int, int], Any] = {}

    def positions(self, values: Float) -> Any:
        height, width = values.shape[-2:]
        if (height, width) not in self._chosen:
            found = positions(self._seen, height, width, self._generator)
            self._chosen[height, width] = found
        return self._chosen[height, width]


def _statistics(
    quantizer: Quantizer,
    images: CalibrationImages,
    seen: Seen,
    cache: Cache,
    progress: Progress,
) -> dict[str, TensorStatistics]:
    stored = cache.load("statistics") or {"done": np.array(0)}
    done = int(stored.pop("done"))
    tensors: dict[str, TensorStatistics] = {}
    for name in {key.rpartition("/")[0] for key in stored}:
        tensors[name] = TensorStatistics.from_arrays(
            stored[f"{name}/limits"], stored[f"{name}/counts"]
        )
    for index in range(done, len(images)):
        progress.step(index, len(images), "looking at tensors")
        blob = images.blob(index)
        counted = _Counted(seen(blob), index)
        for name, values in _taps(quantizer, blob):
            statistics = tensors.setdefault(name, TensorStatistics())
            try:
                statistics.add(values, counted.positions(values))
            except ValueError as error:
                raise EdgeyoloError(
                    f"The net computes {error} of {images.paths[index]}, so it has no range.",
                    "Train the net again, or leave the image out.",
                ) from error
        if (index + 1) % _SAVE_EVERY == 0 or index + 1 == len(images):
            arrays: dict[str, Any] = {"done": np.array(index + 1)}
            for name, tensor in tensors.items():
                arrays |= {f"{name}/{key}": value for key, value in tensor.to_arrays().items()}
            cache.save("statistics", arrays)
    return tensors


def _taps(quantizer: Quantizer, blob: Float) -> Iterator[tuple[str, Float]]:
    try:
        yield from quantizer.taps(blob)
    except (RuntimeError, MemoryError) as error:
        raise EdgeyoloError(
            f"The engine failed on an image: {first_line(error)}",
            "Close other programs; what was found so far is kept.",
        ) from error


def _round_all(
    quantizer: Quantizer, images: CalibrationImages, ranges: dict[str, Range], progress: Progress
) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for group in groups(quantizer.layers):
        moments = _moments(quantizer, group, images, ranges, progress)
        for index, layer in enumerate(group):
            progress.step(index, len(group), "rounding weights")
            exact = moments.pop(layer.name).astype(np.float64)
            kernel, bias = round_weights(layer, quantizer.scales(layer), exact)
            arrays |= {f"{layer.name}/kernel": kernel, f"{layer.name}/bias": bias}
    return arrays


def _moments(
    quantizer: Quantizer,
    layers: Sequence[Convolution],
    images: CalibrationImages,
    ranges: dict[str, Range],
    progress: Progress,
) -> dict[str, Any]:
    """Of the inputs of some layers, as int8 sees them."""
    wanted: dict[str, list[Convolution]] = {}
    for layer in layers:
        wanted.setdefault(quantizer.input_of(layer.name), []).append(layer)
    moments: dict[str, Any] = {}
    generator = np.random.default_rng(0)
    count = min(len(images), _FOR_MOMENTS)
    for index in range(count):
        progress.step(index, count, "looking at the inputs of layers")
        for name, values in _taps(quantizer, images.blob(index)):
            for layer in wanted.get(name, []):
                seen = ranges[name].round(values).astype(np.float32)
                found = moments_of(layer, input_columns(layer, seen, generator))
                moments[layer.name] = moments.get(layer.name, 0) + found
    return moments
