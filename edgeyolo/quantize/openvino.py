"""Partial int8 for OpenVINO: NNCF sets the FakeQuantize operations, ranges and weights are ours.

NNCF's own bias correction is off: the rounding of the weights has done it. Its overflow fix is off
too, since the weights are scaled so that pairs of products stay in int16.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13
from openvino._offline_transformations import apply_moc_transformations

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import Float
from edgeyolo.export.openvino import scaled
from edgeyolo.quantize.layers import (
    Convolution,
    expected_convolutions,
    foreign,
    macs_of,
    module_name,
)
from edgeyolo.quantize.quantizer import Rounded
from edgeyolo.quantize.ranges import Range, joined
from edgeyolo.quantize.rounding import unsaturated_scales

_MOVERS = ("Concat", "Split", "VariadicSplit", "MaxPool", "Interpolate")


class Quantizer:
    """See :class:`edgeyolo.quantize.quantizer.Quantizer`."""

    levels = 255
    always_float = ()  # what int8 convolutions answer is float
    notes = ("On Arm, OpenVINO computes int8 nets in float: smaller there, not faster.",)

    def __init__(self, bundle: Bundle) -> None:
        self._files = dict(bundle.engines["openvino"])  # of the same names
        self._model = openvino.Core().read_model(str(bundle.file("openvino", "model")))
        # Folds what keeps NNCF from seeing a convolution, its bias and SiLU as one.
        apply_moc_transformations(self._model, cf=True)
        nodes = _convolutions(self._model, bundle)
        for node in nodes.values():
            _ensure_bias(node)
        expected = expected_convolutions(bundle)
        self.layers = tuple(
            _convolution(conv.name, nodes[conv.name], macs_of(conv, bundle)) for conv in expected
        )
        self._bundle = bundle
        self._input = {conv.name: _key(nodes[conv.name].input_value(0)) for conv in expected}
        self._same = _same_steps(self._model)
        self._int8 = _with_pairs(self._model)
        pairs = [_key(pair.input_value(0)) for pair in _pairs(self._int8)]
        self._taps = list(dict.fromkeys([*self._input.values(), *pairs]))
        self._tapped = _tapped(self._model, self._taps)
        self._ranges: Mapping[str, Range] = {}
        self._rounded: Mapping[str, Rounded] = {}

    def taps(self, blob: Float) -> Iterator[tuple[str, Float]]:
        """Inputs of convolutions, and what else NNCF rounds."""
        results = self._tapped([blob])
        for position, (node, port) in enumerate(self._taps):
            yield _name(node, port), np.asarray(results[position], np.float32)[0]

    def input_of(self, layer: str) -> str:
        """The tensor that a convolution reads."""
        return _name(*self._input[layer])

    def through(self, tap: str) -> None:
        """SiLU is fused into the convolution before; the tensor comes after it."""

    def same_range(self, tap: str) -> str:
        """One of the tensors that a tap is joined with."""
        return self._same.get(tap, tap)

    def scales(self, layer: Convolution) -> Float:
        """As fine as pairs of weights allow."""
        return unsaturated_scales(layer.kernel)

    def prepare(self, ranges: Mapping[str, Range], rounded: Mapping[str, Rounded]) -> None:
        """Keep them."""
        self._ranges, self._rounded = ranges, rounded

    def write(self, floats: Collection[str], folder: Path) -> dict[str, str]:
        """Write ``model.xml`` and ``model.bin``."""
        model = self._int8.clone()
        nodes = _convolutions(model, self._bundle)
        for layer in self.layers:
            node = nodes[layer.name]
            if layer.name in floats:
                _to_float(node, layer)
            else:
                _set_weights(node, self._rounded[layer.name], self.scales(layer))
        for pair in _pairs(model):
            _set_range(pair, self._ranges[_name(*_key(pair.input_value(0)))])
        _remove_unused(model, [nodes[la.name] for la in self.layers if la.name not in floats])
        _rename(model)
        openvino.save_model(model, folder / self._files["model"], compress_to_fp16=False)
        return self._files


def _with_pairs(model: Any) -> Any:
    """A copy in which NNCF has set FakeQuantize operations; what it puts into them is replaced."""
    # It imports torch, which warns that there is no CUDA, and draws bars on stdout.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    os.environ["NNCF_CI"] = "1"  # no telemetry
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

    nncf.set_log_level(logging.ERROR)
    blob = np.random.default_rng(0).random(tuple(model.input(0).shape), np.float32)
    with redirect_stdout(io.StringIO()):
        return nncf.quantize(
            model,
            nncf.Dataset([blob]),
            preset=nncf.QuantizationPreset.MIXED,  # SiLU's output is not symmetric
            subset_size=1,
            advanced_parameters=AdvancedQuantizationParameters(
                overflow_fix=OverflowFix.DISABLE, disable_bias_correction=True
            ),
        )


def _pairs(model: Any) -> list[Any]:
    """The FakeQuantize operations on activations: weights are constants by now."""
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "FakeQuantize"]


def _key(output: Any) -> tuple[str, int]:
    """Where a tensor comes from: a node's name, which a copy keeps, and a port."""
    return output.get_node().get_friendly_name(), output.get_index()


def _name(node: str, port: int) -> str:
    return f"{node}:{port}"


def _same_steps(model: Any) -> dict[str, str]:
    """Tensor → the tensor whose range it shares, because one is joined to or taken from the other.

    NNCF has them share one, too, so that joining copies bytes.
    """
    movers = [node for node in model.get_ordered_ops() if node.get_type_name() in _MOVERS]
    groups = []
    for node in movers:
        # Further inputs of other movers are sizes, not tensors.
        inputs = node.input_values() if node.get_type_name() == "Concat" else [node.input_value(0)]
        groups.append([_name(*_key(output)) for output in (*inputs, *node.outputs())])
    return joined(groups)


def _set_range(pair: Any, chosen: Range) -> None:
    low = -chosen.zero_point * chosen.step
    ends = (low, low + chosen.levels * chosen.step)
    for place, end in enumerate((*ends, *ends), start=1):
        constant = opset13.constant(np.float32(end))
        pair.input(place).replace_source_output(constant.output(0))


def _convolutions(model: Any, bundle: Bundle) -> dict[str, Any]:
    """Name of each convolution → its node."""
    expected = expected_convolutions(bundle)
    head = int(expected[-1].name.split(".")[1])
    found = {
        module_name(node.get_friendly_name(), head): node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Convolution"
    }
    for conv in expected:
        shape = [conv.outputs, conv.inputs, conv.kernel, conv.kernel]
        if conv.name not in found or list(found[conv.name].input_value(1).get_shape()) != shape:
            raise foreign(bundle, "OpenVINO")
    return found


def _convolution(name: str, node: Any, macs: int) -> Convolution:
    attributes = node.get_attributes()
    return Convolution(
        name,
        macs,
        node.input_value(1).get_node().data.astype(np.float32),
        _bias(node).input_value(1).get_node().data.astype(np.float32).reshape(-1),
        int(attributes["strides"][0]),
        int(attributes["pads_begin"][0]),
    )


def _bias(convolution: Any) -> Any:
    """The addition after a convolution."""
    return next(iter(convolution.output(0).get_target_inputs())).get_node()


def _rename(model: Any) -> None:
    """Names that do not tell how many models this process has built before."""
    for index, node in enumerate(model.get_ordered_ops()):
        if re.fullmatch(r"\w+_\d+", node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}_{index}")


def _ensure_bias(convolution: Any) -> None:
    """Where all biases are zero, the addition was folded away."""
    output = convolution.output(0)
    readers = list(output.get_target_inputs())
    outputs = int(output.get_partial_shape()[1].get_length())
    if len(readers) == 1 and _adds_constant(readers[0].get_node(), outputs):
        return
    zeros = opset13.constant(np.zeros((1, outputs, 1, 1), np.float32))
    added = opset13.add(output, zeros)
    for reader in readers:
        reader.replace_source_output(added.output(0))


def _adds_constant(node: Any, outputs: int) -> bool:
    if node.get_type_name() != "Add":
        return False
    constant = node.input_value(1).get_node()
    return bool(constant.get_type_name() == "Constant" and constant.data.size == outputs)


def _tapped(model: Any, keys: Sequence[tuple[str, int]]) -> Any:
    """A compiled copy that answers with some tensors."""
    clone = model.clone()
    nodes = {node.get_friendly_name(): node for node in clone.get_ops()}
    results = [opset13.result(nodes[name].output(port)) for name, port in keys]
    tapped = openvino.Model(results, clone.get_parameters(), "tapped")
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return openvino.Core().compile_model(tapped, "CPU", settings)


def _set_bias(convolution: Any, bias: Float) -> None:
    constant = opset13.constant(bias.reshape(1, -1, 1, 1).astype(np.float32))
    _bias(convolution).input(1).replace_source_output(constant.output(0))


def _set_weights(convolution: Any, rounded: Rounded, scales: Float) -> None:
    """Weights as int8 constants and their scales, the form that NNCF writes."""
    shape = (-1, 1, 1, 1)
    stored = np.round(rounded.kernel * scales.reshape(shape)).astype(np.int8)
    steps = (1 / scales).astype(np.float32).reshape(shape)
    convolution.input(1).replace_source_output(scaled(stored, steps))
    _set_bias(convolution, rounded.bias)


def _remove_unused(model: Any, int8: Collection[Any]) -> None:
    """Take out what rounds a tensor that no int8 convolution reads, however indirectly."""
    int8_names = {node.get_friendly_name() for node in int8}
    needed: set[str] = set()
    for node in reversed(model.get_ordered_ops()):
        readers = [i.get_node() for output in node.outputs() for i in output.get_target_inputs()]
        if any(
            reader.get_friendly_name() in int8_names
            if reader.get_type_name() == "Convolution"
            else reader.get_friendly_name() in needed
            for reader in readers
        ):
            needed.add(node.get_friendly_name())
        elif node.get_type_name() == "FakeQuantize":
            for target in node.output(0).get_target_inputs():
                target.replace_source_output(node.input_value(0))


def _to_float(convolution: Any, layer: Convolution) -> None:
    """Original weights, stored as float16, and the input as it was before it was rounded."""
    half = opset13.constant(layer.kernel.astype(np.float16))
    convolution.input(1).replace_source_output(opset13.convert(half, "f32").output(0))
    _set_bias(convolution, layer.bias)
    source = convolution.input_value(0)
    if source.get_node().get_type_name() == "FakeQuantize":
        convolution.input(0).replace_source_output(source.get_node().input_value(0))
