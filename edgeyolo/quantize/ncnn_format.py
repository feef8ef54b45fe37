"""NCNN's two files: the graph as text (``.param``) and its weights (``.bin``), read and written.

Sources: ncnn's documents on the param and model file and on its operators, and the loaders of its
layers. Weights follow each other in the order of the layers, without an index, so a reader must
know the size of each. Reading a float32 export and writing it again gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.errors import BundleError

Float = npt.NDArray[np.float32]

_MAGIC = "7767517"
_FLOAT32, _FLOAT16, _INT8 = 0, 0x01306B47, 0x000D4B38  # tags in front of weights
WEIGHTED = ("Convolution", "ConvolutionDepthWise", "InnerProduct")
# Parameters of these layers by number.
OUTPUTS, KERNEL_W, STRIDE, PAD, BIAS, WEIGHTS, INT8_TERM = 0, 1, 3, 4, 5, 6, 8
PAD_VALUE, MASK = 18, 31
INT8 = 2  # of the term: one scale for each output
BIAS_OF_INNER_PRODUCT, WEIGHTS_OF_INNER_PRODUCT = 1, 2
NO_WINOGRAD = 64  # bit 6 of the feature mask


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of the ``.param`` file; parameters keep the spelling they were read with."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: dict[int, str] = field(default_factory=dict)

    def number(self, key: int, default: int = 0) -> int:
        """A whole-number parameter."""
        return int(float(self.parameters.get(key, default)))

    def having(self, parameters: dict[int, int]) -> Layer:
        """Copy with some parameters set."""
        spelled = {key: str(value) for key, value in parameters.items()}
        return replace(self, parameters={**self.parameters, **spelled})


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """What turns values into int8: ``q = round(value * scale)``, clipped to -127..127."""

    weights: Float  # (outputs,)
    input: float


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Of one layer, in file order; ``kernel`` is flat: outputs, inputs, height, width."""

    kernel: Float
    bias: Float | None = None
    half: bool = False  # stored as float16
    scales: Scales | None = None  # stored as int8

    def stored_kernel(self) -> npt.NDArray[np.int8] | npt.NDArray[np.float16] | Float:
        """The kernel as the file has it."""
        if self.scales is not None:
            per_output = self.kernel.reshape(len(self.scales.weights), -1)
            return round_half_away(per_output * self.scales.weights[:, None]).reshape(-1)
        return self.kernel.astype(np.float16) if self.half else self.kernel


def round_half_away(values: Float) -> npt.NDArray[np.int8]:
    """To int8 as ncnn rounds: halves away from zero, clipped to -127..127."""
    rounded = np.trunc(values + np.copysign(np.float32(0.5), values))
    return np.clip(rounded, -127, 127).astype(np.int8)


def read_graph(text: str) -> list[Layer]:
    """Layers of a ``.param`` file.

    Raises:
        BundleError: when it is not one.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    try:
        if lines[0] != [_MAGIC]:
            raise ValueError
        layers = [_read_layer(words) for words in lines[2:]]
        if len(layers) != int(lines[1][0]):
            raise ValueError
    except (IndexError, ValueError):
        raise BundleError("The .param file is not a graph in NCNN's text form.", _AGAIN) from None
    return layers


def _read_layer(words: list[str]) -> Layer:
    kind, name, inputs, outputs = words[0], words[1], int(words[2]), int(words[3])
    blobs, rest = words[4 : 4 + inputs + outputs], words[4 + inputs + outputs :]
    if len(blobs) != inputs + outputs:
        raise ValueError
    pairs = (word.split("=", 1) for word in rest)
    parameters = {int(key): value for key, value in pairs}
    for value in parameters.values():
        float(value.partition(",")[0])  # arrays are a count and values
    return Layer(kind, name, tuple(blobs[:inputs]), tuple(blobs[inputs:]), parameters)


def write_graph(layers: Sequence[Layer]) -> str:
    """The ``.param`` file of a graph."""
    blobs = sum(len(layer.outputs) for layer in layers)
    lines = [_MAGIC, f"{len(layers)} {blobs}"]
    for layer in layers:
        head = f"{layer.kind:<24} {layer.name:<24} {len(layer.inputs)} {len(layer.outputs)}"
        parameters = [f"{key}={value}" for key, value in layer.parameters.items()]
        lines.append(" ".join([head, *layer.inputs, *layer.outputs, *parameters]))
    return "\n".join(lines) + "\n"


def read_weights(layers: Sequence[Layer], content: bytes) -> dict[int, Weights]:
    """Position of a layer → its weights, from a ``.bin`` in float32 or float16.

    Raises:
        BundleError: when the file ends early or goes on: a layer that is not known has weights.
    """
    stream, result = _Stream(content), {}
    for position, layer in enumerate(layers):
        if layer.kind in WEIGHTED:
            if layer.number(INT8_TERM):
                raise BundleError("The NCNN files are int8 already.", "Give the fp32 bundle.")
            result[position] = _read_weights(layer, stream)
    if stream.failed or stream.left:
        unknown = ", ".join(unknown_kinds(layers))
        named = f": it has layers that are not known here ({unknown})" if unknown else ""
        raise BundleError(f"The .bin file does not fit the .param file{named}.", _AGAIN)
    return result


def unknown_kinds(layers: Sequence[Layer]) -> list[str]:
    """Kinds of layers that nothing is known of here."""
    return sorted({layer.kind for layer in layers} - _WEIGHTLESS - set(WEIGHTED))


def _read_weights(layer: Layer, stream: _Stream) -> Weights:
    inner = layer.kind == "InnerProduct"
    size = layer.number(WEIGHTS_OF_INNER_PRODUCT if inner else WEIGHTS)
    tag = int(stream.take(1, np.dtype("<u4"))[0])
    if tag not in (_FLOAT32, _FLOAT16):
        stream.failed = True
        tag = _FLOAT32
    kernel = stream.take(size, np.dtype("<f4" if tag == _FLOAT32 else "<f2"))
    has_bias = layer.number(BIAS_OF_INNER_PRODUCT if inner else BIAS)
    bias = stream.take(layer.number(OUTPUTS), np.dtype("<f4")) if has_bias else None
    return Weights(kernel.astype(np.float32), bias, half=tag == _FLOAT16)


def write_weights(layers: Sequence[Layer], weights: dict[int, Weights]) -> bytes:
    """The ``.bin`` file."""
    parts = []
    for position in range(len(layers)):
        if position in weights:
            parts += _weight_parts(weights[position])
    return b"".join(parts)


def _weight_parts(weights: Weights) -> list[bytes]:
    kernel = weights.stored_kernel()
    tag = {"float32": _FLOAT32, "float16": _FLOAT16, "int8": _INT8}[kernel.dtype.name]
    body = kernel.tobytes()
    parts = [np.uint32(tag).tobytes(), body, bytes(-len(body) % 4)]
    if weights.bias is not None:
        parts.append(weights.bias.astype("<f4").tobytes())
    if weights.scales is not None:
        parts.append(weights.scales.weights.astype("<f4").tobytes())
        parts.append(np.float32(weights.scales.input).tobytes())
    return parts


class _Stream:
    """Bytes read from the front; ``failed`` once there were too few."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at, self.failed = content, 0, False

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, count: int, kind: np.dtype[Any]) -> npt.NDArray[Any]:
        size = count * kind.itemsize
        if size > self.left:
            self.failed, self._at = True, len(self._content)
            return np.zeros(count, kind)
        start = self._at
        self._at = min(len(self._content), start + size + -size % 4)
        return np.frombuffer(self._content, kind, count, start)


_AGAIN = "Export the bundle again."
# Kinds known to have no weights; others are taken on trust, and the length of the file tells.
_WEIGHTLESS = frozenset(
    {
        *("Input", "Split", "Slice", "Concat", "BinaryOp", "UnaryOp", "Swish", "ReLU", "Pooling"),
        *("HardSwish", "HardSigmoid", "Sigmoid", "Softmax", "Interp", "Reshape", "Permute"),
        *("Crop", "Padding", "Flatten", "Eltwise", "Noop"),
    }
)
