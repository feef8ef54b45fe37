"""NCNN's files are read as they are documented and written back byte for byte."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from edgeyolo.errors import BundleError
from edgeyolo.quantize import ncnn_format as form

PARAM = """7767517
4 4
Input                    in0                      0 1 in0
Convolution              conv_0                   1 1 in0 1 0=2 1=1 11=1 5=1 6=6
Swish                    silu_1                   1 1 1 2
Convolution              conv_1                   1 1 2 out0 0=1 1=1 11=1 5=0 6=2
"""
KERNELS = (np.arange(6, dtype="<f4"), np.array([0.5, -1.5], "<f4"))
BIAS = np.array([1.0, 2.0], "<f4")
TAG = struct.pack("<I", 0)
BIN = TAG + KERNELS[0].tobytes() + BIAS.tobytes() + TAG + KERNELS[1].tobytes()


def test_reading_and_writing_again_gives_the_same_bytes() -> None:
    graph = form.read_graph(PARAM)
    weights = form.read_weights(graph, BIN)
    assert form.write_graph(graph) == PARAM
    assert form.write_weights(graph, weights) == BIN
    np.testing.assert_array_equal(weights[1].kernel, KERNELS[0])
    np.testing.assert_array_equal(weights[1].bias, BIAS)
    assert weights[3].bias is None


def test_float16_is_tagged_and_padded() -> None:
    graph = form.read_graph(PARAM)
    halves = {1: form.Weights(np.arange(5, dtype=np.float32), BIAS, half=True)}
    content = form.write_weights(graph, halves)
    tag, *_ = struct.unpack_from("<I", content)
    assert tag == 0x01306B47
    assert content[4:16] == np.arange(5, dtype="<f2").tobytes() + bytes(2)
    assert content[16:] == BIAS.tobytes()


def test_int8_holds_weights_bias_and_scales_in_order() -> None:
    scales = form.Scales(np.array([10.0, 2.0], np.float32), 0.25)
    stored = form.Weights(KERNELS[0] / 10, BIAS, scales=scales)
    content = form.write_weights(form.read_graph(PARAM), {1: stored})
    assert struct.unpack_from("<I", content)[0] == 0x000D4B38
    assert list(content[4:10]) == [0, 1, 2, 1, 1, 1]  # 0.6, 0.8 and 1.0 are rounded half away
    assert content[10:12] == bytes(2)
    assert content[12:20] == BIAS.tobytes()
    assert struct.unpack_from("<3f", content, 20) == (10, 2, 0.25)


@pytest.mark.parametrize("value", [-0.5, 0.5, 1.5, 2.5, -2.5, 126.5, 1e9, -1e9])
def test_halves_are_rounded_away_from_zero(value: float) -> None:
    rounded = int(form.round_half_away(np.array([value], np.float32))[0])
    away = int(np.sign(value) * np.floor(abs(value) + 0.5)) if abs(value) < 127 else None
    assert rounded == (away if away is not None else int(np.sign(value)) * 127)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("", BIN),
        ("something else\n1 1\n", BIN),
        (PARAM.replace("4 4", "5 4"), BIN),
        (PARAM.replace("1 1 in0", "x 1 in0"), BIN),
        (PARAM.replace("6=6", "6=six"), BIN),
        (PARAM, BIN[:-1]),
        (PARAM, BIN[:8]),
        (PARAM, BIN + bytes(4)),
        (PARAM, b""),
        (PARAM, b"\x01" + BIN[1:]),
        (PARAM.replace("6=6", "6=6 8=2"), BIN),
    ],
)
def test_damaged_files_are_refused(text: str, content: bytes) -> None:
    with pytest.raises(BundleError):
        form.read_weights(form.read_graph(text), content)


def test_a_layer_that_is_not_known_is_named() -> None:
    strange = PARAM.replace("Swish  ", "Strange")
    graph = form.read_graph(strange)
    assert form.unknown_kinds(graph) == ["Strange"]
    assert len(form.read_weights(graph, BIN)) == 2
    with pytest.raises(BundleError, match="Strange"):
        form.read_weights(graph, BIN + bytes(8))
