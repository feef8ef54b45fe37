"""Partial int8 for ONNX Runtime: a graph with QuantizeLinear and DequantizeLinear pairs (QDQ).

Activations are uint8, weights int8 with a scale for each output channel. The pairs are set by ONNX
Runtime's own quantizer; ranges and rounded weights are ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import Float
from edgeyolo.device.engines.onnxruntime import REFUSALS
from edgeyolo.export.storage import store_kernels_as_float16
from edgeyolo.quantize.layers import (
    Convolution,
    expected_convolutions,
    foreign,
    macs_of,
    module_name,
)
from edgeyolo.quantize.quantizer import Rounded
from edgeyolo.quantize.ranges import Range, Through, hard_swish, joined, relu, silu
from edgeyolo.quantize.rounding import unsaturated_scales

_MOVERS = ("MaxPool", "Resize", "Split", "Concat")
_KINDS = ("Conv", "Sigmoid", "Mul", "Relu", "Add", *_MOVERS)  # what runs in int8
_ACTIVATIONS = {"Sigmoid": silu, "Relu": relu, "HardSwish": hard_swish}


class Quantizer:
    """See :class:`edgeyolo.quantize.quantizer.Quantizer`."""

    levels = 255

    def __init__(self, bundle: Bundle) -> None:
        self._files = dict(bundle.engines["onnxruntime"])  # of the same names
        self._model = onnx.shape_inference.infer_shapes(
            onnx.load(bundle.file("onnxruntime", "model"))
        )
        _own_constants(self._model)
        self._constants = {entry.name: entry for entry in self._model.graph.initializer}
        self._nodes = _match(self._model, bundle)
        expected = {conv.name: conv for conv in expected_convolutions(bundle)}
        self.layers = tuple(
            self._convolution(name, macs_of(conv, bundle)) for name, conv in expected.items()
        )
        others = ", ".join(sorted({n.op_type for n in self._model.graph.node} - set(_KINDS)))
        self.notes = (f"Not in int8 with ONNX Runtime: {others}.",) if others else ()
        self._through = {
            node.input[0]: _ACTIVATIONS[node.op_type]
            for node in self._model.graph.node
            if node.op_type in _ACTIVATIONS
        }
        self._same = _same_steps(self._model)
        # What int8 convolutions answer is rounded, too; the net's own answers must not be: scores
        # that differ would become equal.
        answers = {output.name for output in self._model.graph.output}
        self.always_float = tuple(
            name for name, node in self._nodes.items() if node.output[0] in answers
        )
        self._session = _tapped(self._model, self._tensors())
        self._ranges: Mapping[str, Range] = {}
        self._rounded: Mapping[str, Rounded] = {}

    def _convolution(self, name: str, macs: int) -> Convolution:
        node = self._nodes[name]
        kernel = numpy_helper.to_array(self._constants[node.input[1]])
        bias = (
            numpy_helper.to_array(self._constants[node.input[2]])
            if len(node.input) > 2
            else np.zeros(len(kernel), np.float32)
        )
        attributes = {
            entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute
        }
        stride, pad = attributes.get("strides", [1])[0], attributes.get("pads", [0])[0]
        return Convolution(name, macs, kernel, bias, stride, pad)

    def _tensors(self) -> list[str]:
        """Every activation of the graph, the input among them."""
        outputs = [name for node in self._model.graph.node for name in node.output]
        return [self._model.graph.input[0].name, *outputs]

    def taps(self, blob: Float) -> Iterator[tuple[str, Float]]:
        """Every activation."""
        names = [output.name for output in self._session.get_outputs()]
        image = self._model.graph.input[0].name
        try:
            found = self._session.run(None, {image: blob})
        except REFUSALS as error:
            raise RuntimeError(str(error)) from error
        yield image, blob[0]
        for name, values in zip(names, found, strict=True):
            yield name, values[0]

    def input_of(self, layer: str) -> str:
        """The tensor that a convolution reads."""
        return str(self._nodes[layer].input[0])

    def through(self, tap: str) -> Through | None:
        """The activation that a convolution's output goes through."""
        return self._through.get(tap)

    def same_range(self, tap: str) -> str:
        """One of the tensors that a tap is joined with."""
        return self._same.get(tap, tap)

    def scales(self, layer: Convolution) -> Float:
        """As fine as pairs of weights allow; see :func:`unsaturated_scales`."""
        return unsaturated_scales(layer.kernel)

    def prepare(self, ranges: Mapping[str, Range], rounded: Mapping[str, Rounded]) -> None:
        """Keep them."""
        self._ranges, self._rounded = ranges, rounded

    def write(self, floats: Collection[str], folder: Path) -> dict[str, str]:
        """Write ``model.onnx``."""
        onnx.save(self.to_onnx(floats), folder / self._files["model"])
        return self._files

    def to_onnx(self, floats: Collection[str]) -> onnx.ModelProto:
        """The QDQ graph, some convolutions and the SiLU after them in float."""
        model = deepcopy(self._model)
        chosen = {node.name for name, node in self._nodes.items() if name not in floats}
        constants = {entry.name: entry for entry in model.graph.initializer}
        overrides: dict[str, Any] = {}
        for name, node in self._nodes.items():
            if name in floats:
                continue
            rounded = self._rounded[name]
            for place, values in ((1, rounded.kernel), (2, rounded.bias)):
                constant = constants[node.input[place]]
                constant.CopyFrom(numpy_helper.from_array(values, constant.name))
            scales = self.scales(next(la for la in self.layers if la.name == name))
            overrides[node.input[1]] = [
                {
                    "quant_type": QuantType.QInt8,
                    "axis": 0,
                    "scale": np.float32(1 / s),
                    "zero_point": np.int8(0),
                }
                for s in scales
            ]
        nodes = self._quantized_nodes(chosen)
        result = self._in_int8(model, nodes, overrides) if nodes else model
        store_kernels_as_float16(result, {self._nodes[name].input[1] for name in floats})
        onnx.checker.check_model(result, full_check=True)
        return result

    def _in_int8(
        self, model: onnx.ModelProto, nodes: list[str], overrides: dict[str, Any]
    ) -> onnx.ModelProto:
        """Have ONNX Runtime set the pairs; it takes an empty list for all nodes."""
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, self._tensor_data()),
            nodes_to_quantize=nodes,
            nodes_to_exclude=[],
            op_types_to_quantize=list(_KINDS),
            extra_options={"TensorQuantOverrides": overrides},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()  # the checker asks for it
        result: onnx.ModelProto = quantizer.model.model
        return result

    def _tensor_data(self) -> dict[str, Any]:
        return {
            name: TensorData(lowest=np.float32(r.low), highest=np.float32(r.high))
            for name, r in self._ranges.items()
        }

    def _quantized_nodes(self, convolutions: set[str]) -> list[str]:
        """Nodes in int8: the convolutions, and what comes after them up to a float one."""
        result, int8 = [], set()
        for node in self._model.graph.node:
            if node.op_type == "Conv":
                after = node.name in convolutions
            else:
                after = any(name in int8 for name in node.input)
            if after:
                int8.update(node.output)
            if after and node.op_type in _KINDS:
                result.append(node.name)
        return result


def _own_constants(model: onnx.ModelProto) -> None:
    """Give each convolution constants of its own: the tracer joins those that are equal."""
    constants = {entry.name: entry for entry in model.graph.initializer}
    taken: set[str] = set()
    for node in model.graph.node:
        for place in range(1, len(node.input)) if node.op_type == "Conv" else ():
            name = node.input[place]
            if name in taken and name in constants:
                copy = deepcopy(constants[name])
                copy.name = node.input[place] = f"{name}_{len(taken)}"
                model.graph.initializer.append(copy)
            taken.add(node.input[place])


def _same_steps(model: onnx.ModelProto) -> dict[str, str]:
    """Tensor → the tensor whose range it shares, because one is joined to or taken from the other.

    A Concat of tensors in one range copies bytes; otherwise it rounds all of them once more.
    """
    groups = []
    for node in model.graph.node:
        if node.op_type in _MOVERS:
            # Further inputs of other movers are sizes, not tensors.
            inputs = node.input if node.op_type == "Concat" else node.input[:1]
            groups.append([*inputs, *node.output])
    return joined(groups)


def _match(model: onnx.ModelProto, bundle: Bundle) -> dict[str, Any]:
    """Name of each convolution → its node, by the path that the tracer gave it."""
    expected = expected_convolutions(bundle)
    head = int(expected[-1].name.split(".")[1])
    found = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            found[module_name(node.name, head)] = node
    for conv in expected:
        shape = _shape(model, found[conv.name]) if conv.name in found else None
        if shape != (conv.outputs, conv.inputs, conv.kernel, conv.kernel):
            raise foreign(bundle, "ONNX")
    return found


def _shape(model: onnx.ModelProto, node: Any) -> tuple[int, ...] | None:
    """Of a convolution's kernel, if that is a constant."""
    kernels = (c for c in model.graph.initializer if c.name == node.input[1])
    return next((tuple(kernel.dims) for kernel in kernels), None)


def _tapped(model: onnx.ModelProto, tensors: list[str]) -> onnxruntime.InferenceSession:
    """A session that answers with every activation."""
    tapped = deepcopy(model)
    given = {entry.name for entry in tapped.graph.output}
    shapes = {entry.name: entry for entry in tapped.graph.value_info}
    for name in tensors[1:]:
        if name not in given and name in shapes:
            tapped.graph.output.append(shapes[name])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        tapped.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
