"""Work: what a network asks of a machine, layer by layer; what every latency is predicted from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edgeyolo.slim.architecture import Row, layers
from edgeyolo.slim.cost import Place, convolutions, places, repeats
from edgeyolo.slim.spec import SlimSpec

Kind = Literal["conv3", "conv", "conv1", "depthwise", "move"]
KINDS: tuple[Kind, ...] = ("conv3", "conv", "conv1", "depthwise", "move")


@dataclass(frozen=True, slots=True)
class Work:
    """One layer; counts are of elements, whatever the precision.

    ``conv3`` is a 3×3 convolution with stride 1, for which engines have Winograd's algorithm
    (Lavin and Gray 2016, arXiv:1509.09308), ``conv`` any other with a kernel above 1, ``conv1`` a
    matrix product, ``move`` all that computes next to nothing: activations, sums, concatenations.
    """

    kind: Kind
    macs: int  # multiply-adds
    moved: int  # elements read and written, weights apart
    weights: int = 0
    row: int = 1  # output pixels that lie beside each other in memory


def work_of(spec: SlimSpec, classes: int, imgsz: int) -> list[Work]:
    """The layers of a net as it is exported: BatchNorm folded, raw heads."""
    return [*_convs(spec, classes, imgsz), *_moves(spec, imgsz)]


def _convs(spec: SlimSpec, classes: int, imgsz: int) -> Iterator[Work]:
    is_fused = spec.activation == "relu"  # by all engines into the convolution before it
    for conv in convolutions(spec, classes):
        if not conv.trained:  # DFL's sum, which is not exported
            continue
        for stride in conv.strides:
            side = imgsz // stride
            cells = side * side
            kind: Kind = "conv1" if conv.kernel == 1 else "conv3" if conv.step == 1 else "conv"
            moved = cells * (conv.inputs * conv.step**2 + conv.outputs)
            yield Work(kind, cells * conv.weights, moved, conv.weights, side)
            if conv.batchnorm and not is_fused:
                yield Work("move", 0, 2 * cells * conv.outputs)


def _moves(spec: SlimSpec, imgsz: int) -> Iterator[Work]:
    for layer, place in zip(layers(spec), places(spec), strict=True):
        moved = _moved(layer.row, place, spec)
        if moved:
            yield Work("move", 0, moved * (imgsz // place.stride) ** 2)


def _moved(row: Row, place: Place, spec: SlimSpec) -> int:
    """Elements for each cell of the output that a row reads and writes besides convolving."""
    kind, outputs = row[2], place.outputs
    if kind == "nn.Upsample":
        return outputs + outputs // 4
    if kind == "Concat":
        return 2 * outputs
    if kind == "SPPF":
        hidden = place.inputs[0] // 2
        return 3 * 2 * hidden + 2 * 4 * hidden  # three poolings, one concatenation
    if kind == "C2f":
        blocks = repeats(row[1], spec)
        hidden = outputs // 2
        sums = 3 * hidden * blocks if len(row[3]) > 1 else 0
        return 2 * 2 * hidden + 2 * (2 + blocks) * hidden + sums
    return 0
