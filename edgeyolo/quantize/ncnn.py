"""Partial int8 for NCNN, without its C++ tools.

Each int8 convolution has one scale for its input and one for each output channel, and answers in
float, so every layer can be int8 or not on its own. Weights of float layers are stored as float16.

NCNN's int8 is symmetric around zero, but SiLU gives next to nothing below zero: half the steps
would be lost. A tensor is therefore reflected at the middle of its range (one addition per value)
before a convolution with negated weights: W x + b = -W (m - x) + (b + m sum(W)), and what is
padded is m instead of zero. Reflected rather than shifted, because m is then a positive int8, which
is the only kind that NCNN pads with rightly on x86.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import ncnn
import numpy as np

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import Float
from edgeyolo.errors import BundleError
from edgeyolo.quantize import ncnn_format as form
from edgeyolo.quantize.layers import Convolution, expected_convolutions, foreign, macs_of
from edgeyolo.quantize.quantizer import Rounded
from edgeyolo.quantize.ranges import Range
from edgeyolo.quantize.rounding import weight_scales

_REVERSED_SUBTRACTION, _WITH_SCALAR = 7, 1  # of BinaryOp


class Quantizer:
    """See :class:`edgeyolo.quantize.quantizer.Quantizer`."""

    levels = 254  # -127..127
    always_float = ()  # what int8 convolutions answer is float

    def __init__(self, bundle: Bundle) -> None:
        self._files = dict(bundle.engines["ncnn"])  # of the same names
        self._graph = form.read_graph(bundle.file("ncnn", "param").read_text(encoding="utf-8"))
        self._weights = form.read_weights(self._graph, bundle.file("ncnn", "bin").read_bytes())
        self._position = _match(self._graph, bundle)
        self._net = _load(bundle)
        self._ranges: Mapping[str, Range] = {}
        self._rounded: Mapping[str, Rounded] = {}
        expected = {conv.name: conv for conv in expected_convolutions(bundle)}
        self.layers = tuple(
            self._convolution(name, macs_of(expected[name], bundle)) for name in self._position
        )
        unknown = ", ".join(form.unknown_kinds(self._graph))
        self.notes = (f"Left in float, not known here: {unknown}.",) if unknown else ()

    def _convolution(self, name: str, macs: int) -> Convolution:
        layer, weights = self._graph[self._position[name]], self._weights[self._position[name]]
        outputs, size = layer.number(form.OUTPUTS), layer.number(form.KERNEL_W)
        bias = np.zeros(outputs, np.float32) if weights.bias is None else weights.bias
        return Convolution(
            name,
            macs,
            weights.kernel.reshape(outputs, -1, size, size),
            bias,
            layer.number(form.STRIDE, 1),
            layer.number(form.PAD),
        )

    def taps(self, blob: Float) -> Iterator[tuple[str, Float]]:
        """Input of each convolution."""
        image = np.ascontiguousarray(blob[0])
        extractor = self._net.create_extractor()
        extractor.input("in0", ncnn.Mat(image))
        for name, position in self._position.items():
            code, mat = extractor.extract(self._graph[position].inputs[0])
            if code != 0:
                raise BundleError(f"ncnn could not compute the input of {name} (code {code}).")
            yield name, np.array(mat, np.float32)

    def input_of(self, layer: str) -> str:
        """Taps are named after the convolution that they feed."""
        return layer

    def through(self, tap: str) -> None:
        """Convolutions read the tensor itself."""

    def same_range(self, tap: str) -> str:
        """Every tap has its own."""
        return tap

    def scales(self, layer: Convolution) -> Float:
        """The largest weight becomes 127."""
        return weight_scales(layer.kernel)

    def prepare(self, ranges: Mapping[str, Range], rounded: Mapping[str, Rounded]) -> None:
        """Keep them."""
        self._ranges, self._rounded = ranges, rounded

    def write(self, floats: Collection[str], folder: Path) -> dict[str, str]:
        """Write ``model.ncnn.param`` and ``.bin``."""
        names = {position: name for name, position in self._position.items()}
        graph: list[form.Layer] = []
        weights: dict[int, form.Weights] = {}
        for position, layer in enumerate(self._graph):
            name = names.get(position)
            if name is not None and name not in floats:
                layers, stored = self._int8(name, layer)
                graph += layers
                weights[len(graph) - 1] = stored
                continue
            graph.append(layer)
            if position in self._weights:
                weights[len(graph) - 1] = replace(self._weights[position], half=True)
        (folder / self._files["param"]).write_text(form.write_graph(graph), encoding="utf-8")
        (folder / self._files["bin"]).write_bytes(form.write_weights(graph, weights))
        return self._files

    def _int8(self, name: str, layer: form.Layer) -> tuple[list[form.Layer], form.Weights]:
        """The layers that stand for a convolution in int8, the convolution last."""
        rounded, given = self._rounded[name], self._ranges[name]
        original = self._weights[self._position[name]].kernel
        scales = weight_scales(original.reshape(len(rounded.bias), -1))
        middle = given.levels // 2 - given.zero_point  # in steps
        if middle <= 0 or layer.inputs[0] == "in0":  # the image is not ours to overwrite
            input_scale = (given.levels // 2) / (max(-given.low, given.high) or 1.0)
            stored = form.Scales(scales, input_scale)
            return [_as_int8(layer)], form.Weights(
                rounded.kernel.reshape(-1), rounded.bias, scales=stored
            )
        reflected = f"{layer.inputs[0]}_reflected"
        offset = middle * given.step
        reflection = form.Layer(
            "BinaryOp",
            f"reflect_{layer.name}",
            layer.inputs,
            (reflected,),
            {0: str(_REVERSED_SUBTRACTION), 1: str(_WITH_SCALAR), 2: f"{offset:.8e}"},
        )
        convolution = _as_int8(replace(layer, inputs=(reflected,)))
        if layer.number(form.PAD):
            padded = {**convolution.parameters, form.PAD_VALUE: f"{middle:.1f}"}
            convolution = replace(convolution, parameters=padded)
        bias = rounded.bias + np.float32(offset) * rounded.kernel.sum(axis=(1, 2, 3))
        stored = form.Scales(scales, 1 / given.step)
        return [reflection, convolution], form.Weights(
            -rounded.kernel.reshape(-1), bias.astype(np.float32), scales=stored
        )


def _match(graph: list[form.Layer], bundle: Bundle) -> dict[str, int]:
    """Name of each convolution → its position in the graph."""
    found = [i for i, layer in enumerate(graph) if layer.kind == "Convolution"]
    keys = (form.OUTPUTS, form.WEIGHTS, form.KERNEL_W)
    expected = expected_convolutions(bundle)
    if [tuple(graph[i].number(key) for key in keys) for i in found] != [
        (conv.outputs, conv.weights, conv.kernel) for conv in expected
    ]:
        raise foreign(bundle, "NCNN")
    return {conv.name: position for conv, position in zip(expected, found, strict=True)}


def _load(bundle: Bundle) -> ncnn.Net:
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    # Statistics are of the exact net, also where the core could compute in less.
    net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_fp16_packed = False
    for load, role in ((net.load_param, "param"), (net.load_model, "bin")):
        if load(str(bundle.file("ncnn", role))) != 0:
            raise BundleError(f"ncnn refuses the {role} file of {bundle.root}.")
    return net


def _as_int8(layer: form.Layer) -> form.Layer:
    layer = layer.having({form.INT8_TERM: form.INT8})
    if layer.number(form.KERNEL_W) == 3 and layer.number(form.STRIDE, 1) == 1:
        # Winograd F(4,3) computes in int16, which overflows with weights beyond 31: it is turned
        # off for the layer, rather than the weights made four times coarser.
        layer = layer.having({form.MASK: layer.number(form.MASK) | form.NO_WINOGRAD})
    return layer
