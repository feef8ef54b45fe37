"""Weights rounded for the layer's output; pairs of products that stay in int16."""

from __future__ import annotations

import numpy as np
import pytest

from edgeyolo.quantize import rounding
from edgeyolo.quantize.layers import Convolution
from edgeyolo.quantize.rounding import (
    groups,
    input_columns,
    moments_of,
    round_weights,
    unsaturated_scales,
    weight_scales,
)

torch = pytest.importorskip("torch")


def _layer(outputs: int, inputs: int, size: int, stride: int = 1, seed: int = 0) -> Convolution:
    random = np.random.default_rng(seed)
    kernel = random.normal(0, 0.1, (outputs, inputs, size, size)).astype(np.float32)
    bias = random.normal(0, 1, outputs).astype(np.float32)
    return Convolution("conv", 1, kernel, bias, stride, size // 2)


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (3, 2)])
def test_columns_are_what_the_kernel_meets(size: int, stride: int) -> None:
    """Each row, times the kernel, is one of the convolution's outputs (by torch)."""
    layer = _layer(5, 4, size, stride)
    image = np.random.default_rng(1).normal(0, 1, (4, 8, 12)).astype(np.float32)
    columns = input_columns(layer, image, np.random.default_rng(0))
    assert (columns[:, -1] == 1).all()
    mine = columns @ np.column_stack([layer.kernel.reshape(5, -1), layer.bias]).T
    theirs = torch.nn.functional.conv2d(
        torch.from_numpy(image)[None],
        torch.from_numpy(layer.kernel),
        torch.from_numpy(layer.bias),
        stride=stride,
        padding=size // 2,
    )[0].reshape(5, -1)
    assert len(columns) == theirs.shape[1]  # so few positions are all looked at
    order = [np.lexsort(rows.T.round(3)) for rows in (mine, theirs.T.numpy())]
    np.testing.assert_allclose(mine[order[0]], theirs.T.numpy()[order[1]], atol=1e-4)


def _columns(layer: Convolution, count: int = 4000) -> np.ndarray:
    """Correlated inputs with a mean, as behind SiLU."""
    random = np.random.default_rng(3)
    mixing = random.normal(0, 1, (layer.columns, layer.columns)) / layer.columns**0.5
    values = np.maximum(random.normal(0.5, 1, (count, layer.columns)) @ mixing, -0.2)
    return np.column_stack([values, np.ones(count)])


@pytest.mark.parametrize("size", [1, 3])  # within one block of columns, and over several
def test_outputs_are_closer_than_by_rounding_to_the_nearest(size: int) -> None:
    layer = _layer(16, 32, size)
    columns, scales = _columns(layer), weight_scales(layer.kernel)
    exact = columns @ np.column_stack([layer.kernel.reshape(16, -1), layer.bias]).T
    errors = []
    for moments in (None, columns.T @ columns):
        kernel, bias = round_weights(layer, scales, moments)
        steps = kernel.reshape(16, -1) * scales[:, None]
        assert np.abs(steps - steps.round()).max() < 1e-4
        assert np.abs(steps).max() < 127.01
        rounded = columns @ np.column_stack([kernel.reshape(16, -1), bias]).T
        errors.append(np.square(rounded - exact).mean())
    assert errors[1] < errors[0] / 2


def test_a_very_wide_layer_keeps_its_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its moments would be too large: weights are the nearest ones, the bias makes up for them."""
    layer = _layer(16, 32, 1)
    columns = _columns(layer)
    monkeypatch.setattr(rounding, "_MOST_COLUMNS", 31)
    moments = moments_of(layer, columns)
    assert moments.shape == (33,)
    scales = weight_scales(layer.kernel) / 8
    exact = columns @ np.column_stack([layer.kernel.reshape(16, -1), layer.bias]).T
    kernels, biases = zip(*(round_weights(layer, scales, m) for m in (None, moments)), strict=True)
    assert (kernels[0] == kernels[1]).all()
    shifts = [
        np.abs((columns @ np.column_stack([kernel.reshape(16, -1), bias]).T - exact).mean(0)).max()
        for kernel, bias in zip(kernels, biases, strict=True)
    ]
    assert shifts[1] < 1e-4 < shifts[0] / 10


def test_layers_are_taken_in_groups_that_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [_layer(1, inputs, 1) for inputs in (3, 3, 9, 3)]
    assert groups(layers) == [layers]
    monkeypatch.setattr(rounding, "_MOST_BYTES", 4 * 2 * 4**2)
    assert groups(layers) == [layers[:2], layers[2:3], layers[3:]]


def test_a_channel_of_zeros_stays_one() -> None:
    layer = _layer(4, 8, 1)
    layer.kernel[2] = 0
    columns = _columns(layer)
    scales = weight_scales(layer.kernel)
    assert np.isfinite(scales).all()
    for moments in (None, columns.T @ columns):
        kernel, bias = round_weights(layer, scales, moments)
        assert not kernel[2].any()
        assert bias[2] == pytest.approx(layer.bias[2])


def test_inputs_that_are_never_there_do_no_harm() -> None:
    layer = _layer(4, 8, 1)
    columns = _columns(layer)
    columns[:, :3] = 0
    kernel, bias = round_weights(layer, weight_scales(layer.kernel), columns.T @ columns)
    assert np.isfinite(kernel).all()
    assert np.isfinite(bias).all()
    assert np.abs(kernel - layer.kernel).max() <= 1.1 * np.abs(layer.kernel).max()


@pytest.mark.parametrize("inputs", [3, 8])
def test_pairs_of_products_fit_int16(inputs: int) -> None:
    layer = _layer(32, inputs, 3)
    columns, scales = _columns(layer), unsaturated_scales(layer.kernel)
    kernel, _ = round_weights(layer, scales, columns.T @ columns)
    steps = np.round(kernel * scales[:, None, None, None])
    line = steps.transpose(0, 2, 3, 1).reshape(32, -1)
    for start in (0, 1) if inputs % 2 else (0,):
        pairs = line[:, start : start + (line.shape[1] - start) // 2 * 2].reshape(32, -1, 2)
        # 128 steps fit; one more may come from rounding.
        assert np.clip(pairs, 0, None).sum(2).max() <= 129
        assert np.clip(pairs, None, 0).sum(2).min() >= -129
    assert (np.abs(steps).max(axis=(1, 2, 3)) >= 60).all()
