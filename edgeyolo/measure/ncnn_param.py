"""Work of a network that is given as an NCNN param file, in its text form.

Format and meaning of the numbers: ncnn's wiki, "param and model file structure" and "operation
param weight table". Shapes are worked out from the input's, so files without shape hints will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from edgeyolo.errors import BundleError, DataError
from edgeyolo.measure.work import Kind, Work
from edgeyolo.quantize.ncnn_format import Layer, read_graph

Shape = tuple[int, ...]  # (w,), (w, h) or (w, h, c), as ncnn has them

_ARRAY = -23300  # keys of arrays begin there, and go down
_HINT = 30  # an array: dimensions and sides of each output, as ncnn's own tools note them
_SAME = (-233, -234)  # padding so that each stride gives one output
_LEFT = -233  # the rest, of a slice or of a shape
_FREE = frozenset({"Split", "Input", "MemoryData", "Reshape", "Flatten", "Dropout", "Noop"})
_HINT_OF_USE = "Name the .param file of an NCNN model, in its text form."


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
        return read_graph(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{path} cannot be read: {reason}.", _HINT_OF_USE) from error
    except (UnicodeDecodeError, BundleError) as error:
        raise DataError(f"{path} is no graph in NCNN's text form.", _HINT_OF_USE) from error


def _numbers(layer: Layer, key: int) -> list[int]:
    """An array; empty where there is none. In the file it is a count and the values."""
    text = layer.parameters.get(_ARRAY - key, "")
    return [int(float(value)) for value in text.split(",")[1:]]


def _pair(layer: Layer, across: int, down: int, default: int) -> tuple[int, int]:
    """Two numbers, of which the second is the first where it is left out."""
    first = layer.number(across, default)
    return first, layer.number(down, first)


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
        return [(*size, layer.number(2, 3))]
    if layer.kind == "Split":
        return [inputs[0]] * len(layer.outputs)
    if layer.kind == "Slice":
        return list(_slices(layer, inputs[0]))
    if layer.kind in _SHAPES:
        return [_SHAPES[layer.kind](layer, inputs)]
    if layer.kind in _LIKE_INPUT:
        return [inputs[0]] * len(layer.outputs)
    sides = _numbers(layer, _HINT)
    if len(sides) == 4 * len(layer.outputs):
        return [tuple(sides[i + 1 : i + 1 + sides[i]]) for i in range(0, len(sides), 4)]
    raise LookupError(layer.kind)


def _convolved(layer: Layer, inputs: list[Shape]) -> Shape:
    width, height, _ = inputs[0]
    kernels, strides = _pair(layer, 1, 11, 0), _pair(layer, 3, 13, 1)
    dilations = _pair(layer, 2, 12, 1)
    pairs = zip(kernels, dilations, strict=True)
    extents = [dilation * (kernel - 1) + 1 for kernel, dilation in pairs]
    left = layer.number(4)
    if left in _SAME:
        sides = (math.ceil(width / strides[0]), math.ceil(height / strides[1]))
    else:
        top = layer.number(14, left)
        padded = (width + left + layer.number(15, left), height + top + layer.number(16, top))
        sides = (
            (padded[0] - extents[0]) // strides[0] + 1,
            (padded[1] - extents[1]) // strides[1] + 1,
        )
    return (*sides, layer.number(0))


def _deconvolved(layer: Layer, inputs: list[Shape]) -> Shape:
    kernels, strides, dilations = (
        _pair(layer, 1, 11, 0),
        _pair(layer, 3, 13, 1),
        _pair(layer, 2, 12, 1),
    )
    left = max(0, layer.number(4))
    top = max(0, layer.number(14, left))
    pads = (left + max(0, layer.number(15, left)), top + max(0, layer.number(16, top)))
    more = _pair(layer, 18, 19, 0)
    sides = [
        (inputs[0][i] - 1) * strides[i] + dilations[i] * (kernels[i] - 1) + 1 + more[i] - pads[i]
        for i in (0, 1)
    ]
    return (sides[0], sides[1], layer.number(0))


def _pooled(layer: Layer, inputs: list[Shape]) -> Shape:
    width, height, channels = inputs[0]
    if layer.number(4):  # global
        return (channels,)
    if layer.number(7):  # adaptive
        across, down = _pair(layer, 8, 18, 0)
        return (
            width if across == _SAME[0] else across,
            height if down == _SAME[0] else down,
            channels,
        )
    kernels, strides = _pair(layer, 1, 11, 0), _pair(layer, 2, 12, 1)
    left = layer.number(3)
    top = layer.number(13, left)
    padded = (width + left + layer.number(14, left), height + top + layer.number(15, top))
    mode = layer.number(5)
    if mode in (2, 3):  # same
        return (math.ceil(width / strides[0]), math.ceil(height / strides[1]), channels)
    divide: Callable[[float], int] = math.floor if mode == 1 else math.ceil
    sides = [divide((padded[i] - kernels[i]) / strides[i]) + 1 for i in (0, 1)]
    return (sides[0], sides[1], channels)


def _axis(shape: Shape, axis: int) -> int:
    """Place in our tuple of an axis that ncnn counts from the outermost."""
    return len(shape) - 1 - (axis + len(shape) if axis < 0 else axis)


def _joined(layer: Layer, inputs: list[Shape]) -> Shape:
    place = _axis(inputs[0], layer.number(0))
    sides = list(inputs[0])
    sides[place] = sum(shape[place] for shape in inputs)
    return tuple(sides)


def _slices(layer: Layer, shape: Shape) -> Iterator[Shape]:
    place = _axis(shape, layer.number(1))
    left, asked = shape[place], _numbers(layer, 0) or [_LEFT] * len(layer.outputs)
    for index, count in enumerate(asked):
        size = left // (len(asked) - index) if count == _LEFT else count
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
    scale_h, scale_w = (float(layer.parameters.get(key, 1)) for key in (1, 2))
    across, down = layer.number(4), layer.number(3)
    return (across or int(width * scale_w), down or int(height * scale_h), channels)


def _reshaped(layer: Layer, inputs: list[Shape]) -> Shape:
    asked = [layer.number(key, _LEFT) for key in (0, 1, 2)]
    sides = [side for side in asked if side != _LEFT]
    sides = [inputs[0][i] if side == 0 else side for i, side in enumerate(sides)]
    known = math.prod(side for side in sides if side != -1)
    return tuple(math.prod(inputs[0]) // known if side == -1 else side for side in sides)


def _permuted(layer: Layer, inputs: list[Shape]) -> Shape:
    shape, order = inputs[0], layer.number(0)
    if len(shape) == 2:
        return shape[::-1] if order else shape
    orders = ("012", "102", "021", "201", "120", "210")  # (w h c), (h w c), (w c h), …
    return tuple(shape[int(place)] for place in orders[order])


def _reduced(layer: Layer, inputs: list[Shape]) -> Shape:
    shape, axes = inputs[0], _numbers(layer, 3)
    if layer.number(1, 1) and not axes:
        return (1,)
    places = {_axis(shape, axis) for axis in axes}
    if layer.number(4):
        return tuple(1 if place in places else side for place, side in enumerate(shape))
    return tuple(side for place, side in enumerate(shape) if place not in places) or (1,)


def _padded(layer: Layer, inputs: list[Shape]) -> Shape:
    width, height, *rest = inputs[0]
    return (
        width + layer.number(2) + layer.number(3),
        height + layer.number(0) + layer.number(1),
        *rest,
    )


def _priors(layer: Layer, inputs: list[Shape]) -> Shape:
    smallest, largest, ratios = _numbers(layer, 0), _numbers(layer, 1), _numbers(layer, 2)
    flipped = 2 if layer.number(7, 1) else 1
    count = len(smallest) * (1 + flipped * len(ratios)) + len(largest)
    return (4 * inputs[0][0] * inputs[0][1] * count, 2)


def _given(layer: Layer, inputs: list[Shape]) -> Shape:
    return tuple(side for side in (layer.number(key) for key in (0, 1, 2)) if side)


_SHAPES: dict[str, Callable[[Layer, list[Shape]], Shape]] = {
    "Convolution": _convolved,
    "ConvolutionDepthWise": _convolved,
    "Deconvolution": _deconvolved,
    "DeconvolutionDepthWise": _deconvolved,
    "Pooling": _pooled,
    "InnerProduct": lambda layer, inputs: (
        (layer.number(0), *inputs[0][1:]) if len(inputs[0]) == 2 else (layer.number(0),)
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
            yield Work("conv1", layer.number(2) * rows, moved, layer.number(2), rows)
        else:
            yield Work("move", 0, moved)


def _convolution(layer: Layer, moved: int, inputs: Shape, outputs: Shape) -> Work:
    weights, groups = layer.number(6), layer.number(7, 1)
    computed = inputs if layer.kind.startswith("Deconvolution") else outputs
    width, height, _ = computed
    return Work(_kind(layer, groups), weights * width * height, moved, weights, width)


def _kind(layer: Layer, groups: int) -> Kind:
    kernels, strides = _pair(layer, 1, 11, 0), _pair(layer, 3, 13, 1)
    if groups == layer.number(0) > 1:
        return "depthwise"
    if kernels == (1, 1):
        return "conv1"
    is_plain = _pair(layer, 2, 12, 1) == (1, 1) and not layer.kind.startswith("Deconvolution")
    return "conv3" if kernels == (3, 3) and strides == (1, 1) and is_plain else "conv"
