"""One ONNX file from image to boxes, for people who do not use our runtime.

The bundle's graph, whatever its precision, between a preprocessing and a decoding graph in float:
the letterbox of :mod:`edgeyolo.device.letterbox`, the decoding of :mod:`edgeyolo.device.decode` and
NonMaxSuppression.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper, numpy_helper, parser

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detector import CONFIDENCE, IOU, MAX_DETECTIONS

Input = Literal["image", "letterboxed"]
INPUTS: tuple[Input, ...] = ("image", "letterboxed")
_HEADER = '<ir_version: 8, opset_import: ["" : 17]>'

_LETTERBOXED = """
before (uint8[{height}, {width}, 3] image)
    => (float[1, 3, {height}, {width}] images, float scale, float[4] offset, float[4] limit)
<float one = {{1}}, int64[1] axis = {{0}}, float full = {{255}},
 float[4] nothing = {{0, 0, 0, 0}}, float[4] size = {{{width}, {height}, {width}, {height}}}>
{{
    pixels = Cast <to: int = 1> (image)
    planes = Transpose <perm = [2, 0, 1]> (pixels)
    parts = Div (planes, full)
    images = Unsqueeze (parts, axis)
    scale = Identity (one)
    offset = Identity (nothing)
    limit = Identity (size)
}}"""

# In double, so that sides are rounded as in Python.
_IMAGE = """
before (uint8[source_height, source_width, 3] image)
    => (float[1, 3, {height}, {width}] images, float scale, float[4] offset, float[4] limit)
<int64[1] axis = {{0}}, float full = {{255}}, float gray = {{114}}, double one = {{1}},
 int64[2] target = {{{height}, {width}}}, double half = {{2}}, double tenth = {{0.1}},
 int64[2] batch = {{1, 3}}, int64[2] zeros = {{0, 0}}, int64[1] first = {{0}},
 int64[1] second = {{2}}, int64[4] turned = {{1, 0, 1, 0}}>
{{
    shape = Shape (image)
    sides = Slice (shape, first, second)
    source = Cast <to: int = 11> (sides)
    goal = Cast <to: int = 11> (target)
    ratios = Div (goal, source)
    factor = ReduceMin <keepdims = 0> (ratios)
    scaled = Mul (source, factor)
    rounded = Round (scaled)
    inner = Max (rounded, one)
    free = Sub (goal, inner)
    halved = Div (free, half)
    shifted = Sub (halved, tenth)
    start = Round (shifted)
    end = Sub (free, start)
    start_int = Cast <to: int = 7> (start)
    end_int = Cast <to: int = 7> (end)
    inner_int = Cast <to: int = 7> (inner)
    sizes = Concat <axis = 0> (batch, inner_int)
    pads = Concat <axis = 0> (zeros, start_int, zeros, end_int)
    pixels = Cast <to: int = 1> (image)
    planes = Transpose <perm = [2, 0, 1]> (pixels)
    batched = Unsqueeze (planes, axis)
    resized = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel">
        (batched, , , sizes)
    whole = Round (resized)
    padded = Pad (whole, pads, gray)
    images_any = Div (padded, full)
    input_shape = Concat <axis = 0> (batch, target)
    images = Reshape (images_any, input_shape)
    scale = Cast <to: int = 1> (factor)
    start_float = Cast <to: int = 1> (start)
    offset = Gather <axis = 0> (start_float, turned)
    sides_float = Cast <to: int = 1> (sides)
    limit = Gather <axis = 0> (sides_float, turned)
}}"""

_LEVEL = """
    bins_{i} = Reshape (box_{i}, box_shape)
    {expectation}
    logits_{i} = Reshape (class_{i}, class_shape)"""
_EXPECTATION = """parts_{i} = Softmax <axis = 2> (bins_{i})
    steps_{i} = Mul (parts_{i}, steps)
    sides_{i} = ReduceSum <keepdims = 0> (steps_{i}, bin_axis)"""
_PLAIN = "sides_{i} = Squeeze (bins_{i}, bin_axis)"  # one bin: the distance itself

_AFTER = """
after ({inputs}, float scale_, float[4] offset_, float[4] limit_)
    => (float[detections, 4] boxes, float[detections] scores, int64[detections] classes)
<int64[4] box_shape = {{1, 4, {reg_max}, -1}}, int64[3] class_shape = {{1, {classes}, -1}},
 int64[1] bin_axis = {{2}}, int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] two = {{2}},
 int64[1] three = {{3}}, int64[1] four = {{4}}, int64[1] most = {{{most}}}, int64[1] all = {{-1}},
 float nothing = {{0}}>
{{{levels}
    sides = Concat <axis = 2> ({sides})
    logits = Concat <axis = 2> ({logits})
    left_top = Slice (sides, zero, two, one)
    right_bottom = Slice (sides, two, four, one)
    first_corner = Sub (anchors, left_top)
    second_corner = Add (anchors, right_bottom)
    corners = Concat <axis = 1> (first_corner, second_corner)
    in_pixels = Mul (corners, strides)
    candidates = Transpose <perm = [0, 2, 1]> (in_pixels)
    probability = Sigmoid (logits)
    best = ReduceMax <axes = [1], keepdims = 1> (probability)
    is_best = GreaterOrEqual (probability, best)
    single = Where (is_best, probability, nothing)
    kept = NonMaxSuppression (candidates, single, most, iou, confidence)
    score_table = Squeeze (single, zero)
    box_table = Squeeze (candidates, zero)
    class_and_anchor = Slice (kept, one, three, one)
    kept_scores = GatherND (score_table, class_and_anchor)
    class_column = Slice (kept, one, two, one)
    anchor_column = Slice (kept, two, three, one)
    kept_classes = Reshape (class_column, all)
    kept_anchors = Reshape (anchor_column, all)
    how_many = Shape (kept_scores)
    no_more = Min (how_many, most)
    scores, order = TopK <axis = 0> (kept_scores, no_more)
    classes = Gather <axis = 0> (kept_classes, order)
    ordered_anchors = Gather <axis = 0> (kept_anchors, order)
    letterboxed = Gather <axis = 0> (box_table, ordered_anchors)
    moved = Sub (letterboxed, offset_)
    sized = Div (moved, scale_)
    from_zero = Max (sized, nothing)
    boxes = Min (from_zero, limit_)
}}"""


def to_standalone(
    bundle: Bundle, source: Input, confidence: float = CONFIDENCE, iou: float = IOU
) -> onnx.ModelProto:
    """The model: ``image`` (height, width, 3) uint8 RGB → ``boxes``, ``scores``, ``classes``.

    With ``source`` "image" it may have any size, and boxes are xyxy in its pixels; "letterboxed"
    must have the net's own size. Detections are at most 300, best first.

    Raises:
        BundleError: when the bundle holds nothing for ONNX Runtime.
    """
    core = onnx.load(bundle.file("onnxruntime", "model"))
    text = (_IMAGE if source == "image" else _LETTERBOXED).format(
        height=bundle.height, width=bundle.width
    )
    before = onnx.compose.add_prefix(
        parser.parse_model(f"{_HEADER}{text}"),
        "before/",
        rename_inputs=False,
        rename_outputs=False,
    )
    after = _after(bundle, confidence, iou)
    core.ir_version = after.ir_version
    net = onnx.compose.add_prefix(core, "net/")
    joined = onnx.compose.merge_models(before, net, [("images", net.graph.input[0].name)])
    links = [
        (output.name, entry.name)
        for output, entry in zip(net.graph.output, after.graph.input, strict=False)
    ]
    links += [(name, f"{name}_") for name in ("scale", "offset", "limit")]
    joined = onnx.compose.merge_models(joined, after, links)
    _describe(joined, bundle, source)
    onnx.checker.check_model(joined, full_check=True)
    return joined


def _after(bundle: Bundle, confidence: float, iou: float) -> onnx.ModelProto:
    """Raw heads → detections in pixels of the source."""
    grids = [(bundle.height // stride, bundle.width // stride) for stride in bundle.strides]
    channels = (4 * bundle.reg_max, len(bundle.names))
    expectation = _EXPECTATION if bundle.reg_max > 1 else _PLAIN
    levels = range(len(grids))
    text = _AFTER.format(
        inputs=", ".join(
            f"float[1, {count}, {height}, {width}] {kind}_{i}"
            for i, (height, width) in enumerate(grids)
            for kind, count in zip(("box", "class"), channels, strict=True)
        ),
        reg_max=bundle.reg_max,
        classes=len(bundle.names),
        most=MAX_DETECTIONS,
        levels="".join(_LEVEL.format(i=i, expectation=expectation.format(i=i)) for i in levels),
        sides=", ".join(f"sides_{i}" for i in levels),
        logits=", ".join(f"logits_{i}" for i in levels),
    )
    model = parser.parse_model(f"{_HEADER}{text}")
    constants = {
        "anchors": np.concatenate([_centers(*grid) for grid in grids], axis=1)[None],
        "strides": np.concatenate(
            [
                np.full((1, 1, height * width), stride)
                for stride, (height, width) in zip(bundle.strides, grids, strict=True)
            ],
            axis=2,
        ),
        "confidence": np.array(confidence),
        "iou": np.array(iou),
    }
    if bundle.reg_max > 1:
        constants["steps"] = np.arange(bundle.reg_max).reshape(1, 1, -1, 1)
    for name, values in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
    return model


def _centers(height: int, width: int) -> np.ndarray[Any, Any]:
    """(2, cells) x and y of the cells' centers, in cells."""
    y, x = np.divmod(np.arange(height * width), width)
    return np.stack([x, y]) + 0.5


def _describe(model: onnx.ModelProto, bundle: Bundle, source: Input) -> None:
    facts: dict[str, Any] = {
        "names": json.dumps(dict(enumerate(bundle.names))),
        "imgsz": json.dumps([bundle.height, bundle.width]),
        "stride": str(max(bundle.strides)),
        "license": bundle.license,
        "precision": bundle.precision,
        "input": f"{source}, uint8 RGB (height, width, 3)",
        "task": "detect",
    }
    helper.set_model_props(model, facts)
    model.producer_name = "edgeyolo"
