"""Weights rounded to int8 so that the layer's output, not each weight, is kept.

Rounding goes column by column, and what one weight is off is made up for by those not yet rounded,
as the second moments of the layer's inputs say (GPTQ, Frantar et al. 2022, arXiv:2210.17323). The
inputs are the rounded ones that the int8 layer will see, and the bias is the last column, which is
not rounded: this corrects it for the mean error of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgeyolo.quantize.layers import Convolution

Float = npt.NDArray[np.float32]
Moments = npt.NDArray[np.float64]

LEVELS = 127  # of a weight on each side of zero
_DAMPING = 0.01  # of the mean second moment: keeps rare inputs from being trusted too much
_BLOCK = 64  # columns whose corrections are applied together
_MOST_COLUMNS = 5200  # beyond, the moments are too large: weights are rounded to the nearest
_MOST_BYTES = 2**30  # of the moments that are held at a time
_MOST = 128  # steps of two weights together: 128 * 255 still fits int16
_PER_IMAGE = (128, 512)  # fewest and most output positions looked at in one image


def input_columns(layer: Convolution, values: Float, generator: np.random.Generator) -> Float:
    """(positions, columns + 1) what the kernel meets at some positions, and a 1 for the bias.

    ``values`` is the layer's input (channels, height, width).
    """
    size, stride, pad = layer.kernel.shape[-1], layer.stride, layer.padding
    channels, height, width = values.shape
    rows, across = ((side + 2 * pad - size) // stride + 1 for side in (height, width))
    fewest, most = _PER_IMAGE
    count = min(rows * across, max(fewest, min(most, layer.columns // 4)))
    chosen = generator.choice(rows * across, count, replace=False)
    top, left = chosen // across * stride, chosen % across * stride
    padded = np.pad(values, ((0, 0), (pad, pad), (pad, pad)))
    result = np.ones((count, layer.columns + 1), np.float32)
    windows = result[:, :-1].reshape(count, channels, size, size)
    for dy in range(size):
        for dx in range(size):
            windows[:, :, dy, dx] = padded[:, top + dy, left + dx].T
    result[:, :-1] = windows.reshape(count, -1)
    return result


def moments_of(layer: Convolution, columns: Float) -> Float:
    """(columns + 1, columns + 1) sum of outer products; of a very wide layer the sum alone."""
    wide = layer.columns > _MOST_COLUMNS
    result: Float = columns.sum(axis=0) if wide else columns.T @ columns
    return result


def groups(layers: Sequence[Convolution]) -> list[list[Convolution]]:
    """Layers in their order, as many at a time as their moments fit into memory together."""
    result: list[list[Convolution]] = [[]]
    used = 0
    for layer in layers:
        size = 4 * (layer.columns + 1) ** (1 if layer.columns > _MOST_COLUMNS else 2)
        if used + size > _MOST_BYTES and result[-1]:
            result.append([])
            used = 0
        result[-1].append(layer)
        used += size
    return result


def weight_scales(kernel: Float) -> Float:
    """(outputs,) steps per unit; a channel of zeros, as in a pruned net, gets 1."""
    largest = np.abs(kernel.reshape(len(kernel), -1)).max(axis=1)
    return np.where(largest > 0, LEVELS / np.maximum(largest, 1e-30), 1.0).astype(np.float32)


def unsaturated_scales(kernel: Float) -> Float:
    """(outputs,) int8 steps per unit of weight, such that pairs of products stay in int16.

    x86 cores without VNNI add uint8 x int8 products in pairs, and clip the sums to int16. The pairs
    are neighboring inputs at one place of the kernel, as ONNX Runtime and oneDNN lay them out.
    Halving all weights, which is the usual remedy, gives away more than is needed. Rounding may add
    a step to a pair, which then loses 0.4 % where both inputs are at the top of their range.
    """
    if kernel.shape[1] % 2:  # who neighbors whom is then each engine's own affair
        return weight_scales(kernel) * np.float32(_MOST / 2 / LEVELS)
    pairs = kernel.transpose(0, 2, 3, 1).reshape(len(kernel), -1, 2)
    sums = np.maximum(np.clip(pairs, 0, None).sum(2), np.clip(-pairs, 0, None).sum(2)).max(axis=1)
    scales: Float = np.minimum(weight_scales(kernel), _MOST / np.maximum(sums, 1e-30))
    return scales.astype(np.float32)


def round_weights(
    layer: Convolution, scales: Float, moments: Moments | None
) -> tuple[Float, Float]:
    """Kernel on the int8 grid of ``scales`` (outputs,), and the bias that goes with it.

    ``moments`` is what :func:`moments_of` says of all :func:`input_columns`; without it, or with
    the sum alone, weights are rounded to the nearest.
    """
    steps = scales.astype(np.float64)
    kernel = layer.kernel.reshape(len(layer.kernel), -1).astype(np.float64)
    if moments is None or moments.ndim == 1:
        nearest = _nearest(kernel, steps[:, None])
        mean = np.zeros(kernel.shape[1]) if moments is None else moments[:-1] / moments[-1]
        bias = layer.bias + (kernel - nearest) @ mean
        return nearest.reshape(layer.kernel.shape).astype(np.float32), bias.astype(np.float32)
    columns = kernel.shape[1]
    power = np.diag(moments)[:columns]
    damped = moments + np.eye(columns + 1) * (_DAMPING * power.mean() or 1.0)
    order = np.append(np.argsort(-power, kind="stable"), columns)  # the strongest inputs first
    spread = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    rest = np.column_stack([kernel, layer.bias])[:, order]
    rounded = np.empty_like(kernel)
    for start in range(0, columns, _BLOCK):
        end = min(start + _BLOCK, columns)
        errors = np.zeros((len(kernel), end - start))
        for column in range(start, end):
            rounded[:, column] = _nearest(rest[:, column], steps)
            errors[:, column - start] = (rest[:, column] - rounded[:, column]) / spread[
                column, column
            ]
            rest[:, column:end] -= np.outer(errors[:, column - start], spread[column, column:end])
        rest[:, end:] -= errors @ spread[start:end, end:]
    kernel[:, order[:-1]] = rounded
    return kernel.reshape(layer.kernel.shape).astype(np.float32), rest[:, -1].astype(np.float32)


def _nearest(values: Moments, scales: Moments) -> Moments:
    result: Moments = np.clip(np.round(values * scales), -LEVELS, LEVELS) / scales
    return result
