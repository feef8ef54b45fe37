"""What NCNN makes of our int8 files: the integer arithmetic that they say, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeyolo.quantize import ncnn_format as form

ncnn = pytest.importorskip("ncnn")

HEIGHT, WIDTH, INPUTS, HIDDEN, OUTPUTS = 9, 11, 8, 16, 8


def _conv(name: str, source: str, target: str, outputs: int, inputs: int) -> form.Layer:
    keys = {0: outputs, 1: 3, 11: 3, 4: 1, 5: 1, form.WEIGHTS: outputs * inputs * 9}
    return form.Layer("Convolution", name, (source,), (target,)).having(keys)


def _run(
    graph: list[form.Layer], weights: dict[int, form.Weights], image: np.ndarray
) -> np.ndarray:
    content = form.write_weights(graph, weights)
    net = ncnn.Net()
    assert net.load_param_mem(form.write_graph(graph)) == 0
    net.load_model_mem(content)
    extractor = net.create_extractor()
    extractor.input("in0", ncnn.Mat(np.ascontiguousarray(image)).clone())
    code, mat = extractor.extract("out0")
    assert code == 0
    return np.array(mat)


def _in_numpy(image: np.ndarray, weights: form.Weights, pad: int = 0) -> np.ndarray:
    """A 3x3 convolution in integers: quantize, pad, accumulate, scale, add the bias."""
    assert weights.scales is not None
    assert weights.bias is not None
    outputs = len(weights.bias)
    steps = form.round_half_away(image * np.float32(weights.scales.input)).astype(np.int64)
    steps = np.pad(steps, ((0, 0), (1, 1), (1, 1)), constant_values=pad)
    kernel = weights.stored_kernel().astype(np.int64).reshape(outputs, len(image), 3, 3)
    total = np.zeros((outputs, *image.shape[1:]), np.int64)
    for dy in range(3):
        for dx in range(3):
            window = steps[:, dy : dy + image.shape[1], dx : dx + image.shape[2]]
            total += np.einsum("oi,ihw->ohw", kernel[:, :, dy, dx], window)
    scale = weights.scales.weights[:, None, None] * np.float32(weights.scales.input)
    return (total / scale + weights.bias[:, None, None]).astype(np.float32)


def _weights(outputs: int, inputs: int, input_scale: float, seed: int) -> form.Weights:
    random = np.random.default_rng(seed)
    kernel = random.normal(0, 0.2, outputs * inputs * 9).astype(np.float32)
    largest = np.abs(kernel.reshape(outputs, -1)).max(axis=1)
    bias = random.normal(0, 1, outputs).astype(np.float32)
    return form.Weights(kernel, bias, scales=form.Scales(127 / largest, input_scale))


def test_two_layers_compute_what_numpy_does() -> None:
    image = np.random.default_rng(0).normal(0, 1, (INPUTS, HEIGHT, WIDTH)).astype(np.float32)
    int8 = {form.INT8_TERM: form.INT8, form.MASK: form.NO_WINOGRAD}
    graph = [
        form.Layer("Input", "in0", (), ("in0",)),
        _conv("first", "in0", "1", HIDDEN, INPUTS).having(int8),
        form.Layer("ReLU", "relu", ("1",), ("2",)),
        _conv("second", "2", "out0", OUTPUTS, HIDDEN).having(int8),
    ]
    first, second = _weights(HIDDEN, INPUTS, 30.0, 1), _weights(OUTPUTS, HIDDEN, 20.0, 2)
    found = _run(graph, {1: first, 3: second}, image)
    expected = _in_numpy(np.maximum(_in_numpy(image, first), 0), second)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert np.abs(found).max() > 1


def test_weights_up_to_127_are_exact_without_winograd() -> None:
    """The extreme case that overflows int16 in Winograd F(4,3) (see ``_as_int8``)."""
    image = np.full((64, 16, 16), 127, np.float32)
    kernel = np.full((64, 64, 3, 3), 127, np.float32).reshape(-1)
    one = form.Scales(np.ones(64, np.float32), 1.0)
    weights = form.Weights(kernel, np.zeros(64, np.float32), scales=one)
    int8 = {form.INT8_TERM: form.INT8, form.MASK: form.NO_WINOGRAD}
    graph = [
        form.Layer("Input", "in0", (), ("in0",)),
        _conv("only", "in0", "out0", 64, 64).having(int8),
    ]
    found = _run(graph, {1: weights}, image)
    np.testing.assert_array_equal(found, _in_numpy(image, weights))


def test_a_reflected_input_is_padded_with_the_middle(tmp_path: Path) -> None:
    """W x + b by way of m - x: what lies outside the image must still count as zero."""
    image = np.random.default_rng(3).uniform(-0.27, 6, (INPUTS, HEIGHT, WIDTH)).astype(np.float32)
    step, middle = 6.27 / 254, 116
    offset = np.float32(middle * step)
    weights = _weights(OUTPUTS, INPUTS, 1 / step, 4)
    graph = [
        form.Layer("Input", "in0", (), ("in0",)),
        form.Layer("Split", "split", ("in0",), ("1", "unused")),
        form.Layer(
            "BinaryOp", "reflect", ("1",), ("2",), {0: "7", 1: "1", 2: f"{float(offset):.8e}"}
        ),
        _conv("only", "2", "out0", OUTPUTS, INPUTS).having(
            {form.INT8_TERM: form.INT8, form.MASK: form.NO_WINOGRAD}
        ),
    ]
    graph[-1].parameters[form.PAD_VALUE] = f"{middle:.1f}"
    found = _run(graph, {3: weights}, image)
    np.testing.assert_allclose(found, _in_numpy(offset - image, weights, pad=middle), atol=2e-4)
