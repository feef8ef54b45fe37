"""Work of a network that is given as an NCNN param file, in its text form.

Format and meaning of the numbers: ncnn's wiki, "param and model file structure" and "operation
param weight table". Shapes are worked out from the input's, so files without shape hints will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgeyolo.errors import DataError
from edgeyolo.measure.work import Kind, Work

Shape = tuple[int, ...]  # (w,), (w, h) or (w, h, c), as ncnn has them
Parameter = float | list[float]

_MAGIC = "7767517"
_ARRAY = -23300  # keys of arrays begin there, and go down
_HINT = -23330
_SAME = (-233, -234)  # padding so that each stride gives one output
_FREE = frozenset({"Split", "Input", "MemoryData", "Reshape", "Flatten", "Dropout", "Noop"})
_HINT_OF_USE = "Name the .param file of an NCNN model, in its text form."


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of the file."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: dict[int, Parameter] = field(default_factory=dict)

    def whole(self, key: int, default: int = 0) -> int:
        """A number that is not a list."""
        value = self.parameters.get(key, default)
        if isinstance(value, list):
            raise ValueError(f"parameter {key} of {self.name} is a list")
        return int(value)

    def numbers(self, key: int) -> list[int]:
        """A list; empty where there is none. Its key in the file is -23300 minus this one."""
        value = self.parameters.get(_ARRAY - key, [])
        return [int(entry) for entry in value] if isinstance(value, list) else [int(value)]

    def pair(self, across: int, down: int, default: int) -> tuple[int, int]:
        """Two numbers, of which the second is the first where it is left out."""
        first = self.whole(across, default)
        return first, self.whole(down, first)


def work_of_param(path: Path, width: int, height: int) -> list[Work]:
    """Layers of the network in ``path`` for an input of so many pixels.

    Raises:
        DataError: when it is no such file, or has a layer that is not known.
    """
    layers = read_param(path)
    return list(_work(layers, shapes(layers, (width, height), path)))


def read_param(path: Path) -> list[Layer]:
    """The lines of a file.

    Raises:
        DataError: when it cannot be read or is no param file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{path} cannot be read: {reason}.", _HINT_OF_USE) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text.", _HINT_OF_USE) from error
    if len(lines) < 3 or lines[0].strip() != _MAGIC:
        raise DataError(f"{path} is no NCNN param file.", _HINT_OF_USE)
    layers = []
    for number, line in enumerate(lines[2:], start=3):
        if line.strip():
            try:
                layers.append(_layer(line.split()))
            except (ValueError, IndexError) as error:
                raise DataError(f"{path}:{number} is no layer of NCNN.", _HINT_OF_USE) from error
    return layers


def _layer(words: list[str]) -> Layer:
    kind, name, count_in, count_out = words[0], words[1], int(words[2]), int(words[3])
    blobs, rest = words[4 : 4 + count_in + count_out], words[4 + count_in + count_out :]
    if len(blobs) != count_in + count_out:
        raise ValueError("a blob is missing")
    parameters: dict[int, Parameter] = {}
    for word in rest:
        key, _, value = word.partition("=")
        # pnnx adds notes such as "#x=(1,3,640,640)f32" and names of Python's attributes.
        if not key.lstrip("-").isdigit():
            continue
        values = [float(part) for part in value.split(",")]
        is_array = int(key) <= _ARRAY or len(values) > 1
        parameters[int(key)] = (
            (values[1:] if int(key) <= _ARRAY else values) if is_array else (values[0])
        )
    return Layer(kind, name, tuple(blobs[:count_in]), tuple(blobs[count_in:]), parameters)


def shapes(layers: list[Layer], size: tuple[int, int], path: Path) -> dict[str, Shape]:
    """Shape of every blob; ``size`` is the input's width and height.

    Raises:
        DataError: for a layer that is not known, or does not fit what it reads.
    """
    found: dict[str, Shape] = {}
    for layer in layers:
        try:
            outputs = _outputs(layer, [found[name] for name in layer.inputs], size)
        except (LookupError, ValueError, ZeroDivisionError) as error:
            raise DataError(
                f"{path}: the layer {layer.name!r} ({layer.kind}) is not known, or does not fit an "
                f"input of {size[0]}x{size[1]}.",
                "Name the size that the network was made for with --input.",
            ) from error
        if any(side < 1 for shape in outputs for side in shape):
            raise DataError(
                f"{path}: nothing is left of an input of {size[0]}x{size[1]} at {layer.name!r}.",
                "Name a larger size with --input.",
            )
        found |= dict(zip(layer.outputs, outputs, strict=True))
    return found


def _outputs(layer: Layer, inputs: list[Shape], size: tuple[int, int]) -> list[Shape]:
    if layer.kind == "Input":
        return [(*size, layer.whole(2, 3))]
    if layer.kind == "Split":
        return [inputs[0]] * len(layer.outputs)
    if layer.kind == "Slice":
        return list(_slices(layer, inputs[0]))
    if layer.kind in _SHAPES:
        return [_SHAPES[layer.kind](layer, inputs)]
    if layer.kind in _LIKE_INPUT:
        return [inputs[0]] * len(layer.outputs)
    hint = layer.parameters.get(_HINT)
    if isinstance(hint, list) and len(hint) == 4 * len(layer.outputs):
        sides = [int(value) for value in hint]
        return [tuple(sides[i + 1 : i + 1 + sides[i]]) for i in range(0, len(sides), 4)]
    raise LookupError(layer.kind)


def _convolved(layer: Layer, inputs: list[Shape]) -> Shape:
    width, height, _ = inputs[0]
    kernels, strides = layer.pair(1, 11, 0), layer.pair(3, 13, 1)
    dilations = layer.pair(2, 12, 1)
    pairs = zip(kernels, dilations, strict=True)
    extents = [dilation * (kernel - 1) + 1 for kernel, dilation in pairs]
    left = layer.whole(4)
    if left in _SAME:
        sides = (math.ceil(width / strides[0]), math.ceil(height / strides[1]))
    else:
        top = layer.whole(14, left)
        padded = (width + left + layer.whole(15, left), height + top + layer.whole(16, top))
        sides = (
            (padded[0] - extents[0]) // strides[0] + 1,
            (padded[1] - extents[1]) // strides[1] + 1,
        )
    return (*sides, layer.whole(0))


def _deconvolved(layer: Layer, inputs: list[Shape]) -> Shape:
    kernels, strides, dilations = layer.pair(1, 11, 0), layer.pair(3, 13, 1), layer.pair(2, 12, 1)
    left = max(0, layer.whole(4))
    top = max(0, layer.whole(14, left))
    pads = (left + max(0, layer.whole(15, left)), top + max(0, layer.whole(16, top)))
    more = layer.pair(18, 19, 0)
    sides = [
        (inputs[0][i] - 1) * strides[i] + dilations[i] * (kernels[i] - 1) + 1 + more[i] - pads[i]
        for i in (0, 1)
    ]
    return (sides[0], sides[1], layer.whole(0))


def _pooled(layer: Layer, inputs: list[Shape]) -> Shape:
    width, height, channels = inputs[0]
    if layer.whole(4):  # global
        return (channels,)
    if layer.whole(7):  # adaptive
        across, down = layer.pair(8, 18, 0)
        return (
            width if across == _SAME[0] else across,
            height if down == _SAME[0] else down,
            channels,
        )
    kernels, strides = layer.pair(1, 11, 0), layer.pair(2, 12, 1)
    left = layer.whole(3)
    top = layer.whole(13, left)
    padded = (width + left + layer.whole(14, left), height + top + layer.whole(15, top))
    mode = layer.whole(5)
    if mode in (2, 3):  # same
        return (math.ceil(width / strides[0]), math.ceil(height / strides[1]), channels)
    divide: Callable[[float], int] = math.floor if mode == 1 else math.ceil
    sides = [divide((padded[i] - kernels[i]) / strides[i]) + 1 for i in (0, 1)]
    return (sides[0], sides[1], channels)


def _axis(shape: Shape, axis: int) -> int:
    """Place in our tuple of an axis that ncnn counts from the outermost."""
    return len(shape) - 1 - (axis + len(shape) if axis < 0 else axis)


def _joined(layer: Layer, inputs: list[Shape]) -> Shape:
    place = _axis(inputs[0], layer.whole(0))
    sides = list(inputs[0])
    sides[place] = sum(shape[place] for shape in inputs)
    return tuple(sides)


def _slices(layer: Layer, shape: Shape) -> Iterator[Shape]:
    place = _axis(shape, layer.whole(1))
    left, asked = shape[place], layer.numbers(0) or [-233] * len(layer.outputs)
    for index, count in enumerate(asked):
        size = left // (len(asked) - index) if count == _SAME[0] else count
        left -= size
        yield (*shape[:place], size, *shape[place + 1 :])


def _broadcast(layer: Layer, inputs: list[Shape]) -> Shape:
    most = max(inputs, key=len)
    same = [shape for shape in inputs if len(shape) == len(most)]
    return tuple(max(shape[i] for shape in same) for i in range(len(most)))


def _resized(layer: Layer, inputs: list[Shape]) -> Shape:
    width, height, channels = inputs[0] if len(inputs[0]) == 3 else (1, 1, inputs[0][0])
    if len(inputs) > 1:
        return (*inputs[1][:2], channels)
    scale_h, scale_w = (layer.parameters.get(key, 1.0) for key in (1, 2))
    assert isinstance(scale_h, float)
    assert isinstance(scale_w, float)
    across, down = layer.whole(4), layer.whole(3)
    return (across or int(width * scale_w), down or int(height * scale_h), channels)


def _reshaped(layer: Layer, inputs: list[Shape]) -> Shape:
    asked = [layer.whole(key, _SAME[0]) for key in (0, 1, 2)]
    sides = [side for side in asked if side != _SAME[0]]
    sides = [inputs[0][i] if side == 0 else side for i, side in enumerate(sides)]
    known = math.prod(side for side in sides if side != -1)
    return tuple(math.prod(inputs[0]) // known if side == -1 else side for side in sides)


def _permuted(layer: Layer, inputs: list[Shape]) -> Shape:
    shape, order = inputs[0], layer.whole(0)
    if len(shape) == 2:
        return shape[::-1] if order else shape
    orders = ("012", "102", "021", "201", "120", "210")  # (w h c), (h w c), (w c h), …
    return tuple(shape[int(place)] for place in orders[order])


def _reduced(layer: Layer, inputs: list[Shape]) -> Shape:
    shape, axes = inputs[0], layer.numbers(3)
    if layer.whole(1, 1) and not axes:
        return (1,)
    places = {_axis(shape, axis) for axis in axes}
    if layer.whole(4):
        return tuple(1 if place in places else side for place, side in enumerate(shape))
    return tuple(side for place, side in enumerate(shape) if place not in places) or (1,)


def _padded(layer: Layer, inputs: list[Shape]) -> Shape:
    width, height, *rest = inputs[0]
    return (
        width + layer.whole(2) + layer.whole(3),
        height + layer.whole(0) + layer.whole(1),
        *rest,
    )


def _priors(layer: Layer, inputs: list[Shape]) -> Shape:
    smallest, largest, ratios = layer.numbers(0), layer.numbers(1), layer.numbers(2)
    flipped = 2 if layer.whole(7, 1) else 1
    count = len(smallest) * (1 + flipped * len(ratios)) + len(largest)
    return (4 * inputs[0][0] * inputs[0][1] * count, 2)


def _given(layer: Layer, inputs: list[Shape]) -> Shape:
    return tuple(side for side in (layer.whole(key) for key in (0, 1, 2)) if side)


_SHAPES: dict[str, Callable[[Layer, list[Shape]], Shape]] = {
    "Convolution": _convolved,
    "ConvolutionDepthWise": _convolved,
    "Deconvolution": _deconvolved,
    "DeconvolutionDepthWise": _deconvolved,
    "Pooling": _pooled,
    "InnerProduct": lambda layer, inputs: (
        (layer.whole(0), *inputs[0][1:]) if len(inputs[0]) == 2 else (layer.whole(0),)
    ),
    "Concat": _joined,
    "BinaryOp": _broadcast,
    "Interp": _resized,
    "Reshape": _reshaped,
    "Permute": _permuted,
    "Flatten": lambda layer, inputs: (math.prod(inputs[0]),),
    "Reduction": _reduced,
    "Padding": _padded,
    "MemoryData": _given,
    "PriorBox": _priors,
    "DetectionOutput": lambda layer, inputs: (6, 1),
    "Yolov3DetectionOutput": lambda layer, inputs: (6, 1),
}
_LIKE_INPUT = {  # the output has the shape of the first input
    "AbsVal",
    "BNLL",
    "BatchNorm",
    "Bias",
    "CELU",
    "Cast",
    "Clip",
    "Dropout",
    "ELU",
    "Eltwise",
    "Erf",
    "Exp",
    "GELU",
    "GLU",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "InstanceNorm",
    "LRN",
    "LayerNorm",
    "Log",
    "MVN",
    "Mish",
    "Noop",
    "Normalize",
    "PReLU",
    "Packing",
    "Power",
    "Quantize",
    "RMSNorm",
    "ReLU",
    "Requantize",
    "Dequantize",
    "SELU",
    "Scale",
    "Shrink",
    "ShuffleChannel",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Swish",
    "TanH",
    "Threshold",
    "UnaryOp",
}


def _work(layers: list[Layer], found: dict[str, Shape]) -> Iterator[Work]:
    for layer in layers:
        inputs = [math.prod(found[name]) for name in layer.inputs]
        outputs = [found[name] for name in layer.outputs]
        moved = sum(inputs) + sum(map(math.prod, outputs))
        if layer.kind in _FREE:
            continue
        if layer.kind.startswith(("Convolution", "Deconvolution")):
            yield _convolution(layer, moved, found[layer.inputs[0]], outputs[0])
        elif layer.kind == "InnerProduct":
            rows = math.prod(outputs[0][1:])
            yield Work("conv1", layer.whole(2) * rows, moved, layer.whole(2), rows)
        else:
            yield Work("move", 0, moved)


def _convolution(layer: Layer, moved: int, inputs: Shape, outputs: Shape) -> Work:
    weights, groups = layer.whole(6), layer.whole(7, 1)
    computed = inputs if layer.kind.startswith("Deconvolution") else outputs
    width, height, _ = computed
    return Work(_kind(layer, groups), weights * width * height, moved, weights, width)


def _kind(layer: Layer, groups: int) -> Kind:
    kernels, strides = layer.pair(1, 11, 0), layer.pair(3, 13, 1)
    if groups == layer.whole(0) > 1:
        return "depthwise"
    if kernels == (1, 1):
        return "conv1"
    is_plain = layer.pair(2, 12, 1) == (1, 1) and not layer.kind.startswith("Deconvolution")
    return "conv3" if kernels == (3, 3) and strides == (1, 1) and is_plain else "conv"
