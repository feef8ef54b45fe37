"""What a net costs, from its specification alone: parameters, FLOPs, file size. No torch.

Counts follow ultralytics, so that the figures can be compared with everything published: the
net before BatchNorm is folded, 2 FLOPs per multiply-add, 4 multiply-adds per BatchNorm element
(``thop``), activations free, the fixed DFL convolution included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from edgeyolo.slim.architecture import Row, backbone_length, inputs_of, layers
from edgeyolo.slim.spec import MIN_CHANNELS, SlimSpec

PARTS = ("backbone", "neck", "head")
DFL = "DFL"  # fixed, shared by all heads
_BYTES_PER_WEIGHT = 4  # float32
_BATCHNORM_MACS = 4  # per output element, thop's count for an affine norm


@dataclass(frozen=True, slots=True)
class ConvCost:
    """One convolution: channels, kernel size, and where its output lies."""

    part: str
    inputs: int
    outputs: int
    kernel: int
    strides: tuple[int, ...]  # input pixels per cell; several for one shared between levels
    batchnorm: bool = True
    step: int = 1  # its own stride
    per_cell: int = 1  # times that it runs in each cell
    trained: bool = True
    name: str = ""  # of the module in ultralytics' net, as "model.2.m.0.cv1"

    @property
    def weights(self) -> int:
        """Elements of the kernel."""
        return self.inputs * self.outputs * self.kernel**2

    @property
    def parameters(self) -> int:
        """Kernel plus BatchNorm scale and shift, or plus the bias of a bare convolution."""
        extra = self.outputs * (2 if self.batchnorm else 1)
        return self.weights + (extra if self.trained else 0)

    @property
    def fused_parameters(self) -> int:
        """Kernel and bias once BatchNorm is folded, as exported."""
        return self.weights + self.outputs if self.trained else 0

    def macs(self, pixels: int) -> int:
        """Multiply-adds for an input of so many pixels, whose sides are multiples of 32."""
        cells = sum(pixels // stride**2 for stride in self.strides)
        norm = _BATCHNORM_MACS * self.outputs if self.batchnorm else 0
        return cells * self.per_cell * (self.weights + norm)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row of the net stands: channels of what it reads, and what it gives."""

    inputs: list[int]
    outputs: int
    stride: int  # input pixels per cell of the output


@dataclass(frozen=True, slots=True)
class Cost:
    """Totals of a net or of one part of it, at one input size."""

    parameters: int
    gflops: float
    file_size_bytes: int  # float32 weights after folding, as the exported file holds them

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "parameters": self.parameters,
            "gflops": round(self.gflops, 4),
            "file_size_bytes": self.file_size_bytes,
        }


def cost(spec: SlimSpec, classes: int, imgsz: int, part: str | None = None) -> Cost:
    """Cost of the whole net, or of its ``backbone``, ``neck`` or ``head``, at ``imgsz²`` pixels."""
    return _total((c for c in convolutions(spec, classes) if part in (None, c.part)), imgsz)


def parts_of(spec: SlimSpec, classes: int, imgsz: int) -> dict[str, dict[str, Any]]:
    """Cost of the backbone, the neck, each head by its level, and the DFL, where there is one.

    What is left out of an exported file, which ends before the DFL, counts as well: together the
    parts are the whole net.
    """
    parts: dict[str, list[ConvCost]] = {part: [] for part in (*PARTS[:2], *spec.heads)}
    for conv in convolutions(spec, classes):
        parts.setdefault(_fine_part(conv, spec), []).append(conv)
    return {part: _total(convs, imgsz).to_dict() for part, convs in parts.items()}


def _fine_part(conv: ConvCost, spec: SlimSpec) -> str:
    if conv.part != "head":
        return conv.part
    return spec.heads[spec.strides.index(conv.strides[0])] if conv.trained else DFL


def _total(convs: Iterable[ConvCost], imgsz: int) -> Cost:
    table = list(convs)
    return Cost(
        parameters=sum(conv.parameters for conv in table),
        gflops=2e-9 * sum(conv.macs(imgsz * imgsz) for conv in table),
        file_size_bytes=_BYTES_PER_WEIGHT * sum(conv.fused_parameters for conv in table),
    )


def convolutions(spec: SlimSpec, classes: int) -> list[ConvCost]:
    """Layer table: every convolution of the net, in the order in which they run."""
    table: list[ConvCost] = []
    split = backbone_length(spec)
    for index, (layer, place) in enumerate(zip(layers(spec), places(spec), strict=True)):
        part = "head" if layer.row[2] == "Detect" else PARTS[index >= split]
        table += _row_convs(layer.row, spec, part, place, classes, f"model.{index}")
    return table


def places(spec: SlimSpec) -> list[Place]:
    """Channels and stride of every row of the net."""
    found: list[Place] = []
    for index, layer in enumerate(layers(spec)):
        sources = inputs_of(index, layer.row)
        inputs = [found[source].outputs if source >= 0 else 3 for source in sources]
        stride = found[sources[0]].stride if sources[0] >= 0 else 1
        found.append(Place(inputs, *_row_output(layer.row, spec, inputs, stride)))
    return found


def scaled(channels: int, spec: SlimSpec) -> int:
    """Channels of a row after the cap and the width, rounded up to a multiple of 8."""
    return math.ceil(min(channels, spec.max_channels) * spec.width / MIN_CHANNELS) * MIN_CHANNELS


def repeats(count: int, spec: SlimSpec) -> int:
    """Bottlenecks of a C2f row after the depth."""
    return max(round(count * spec.depth), 1) if count > 1 else count


def _row_output(row: Row, spec: SlimSpec, inputs: list[int], stride: int) -> tuple[int, int]:
    """Channels and stride of a row's output; ``stride`` is that of its first input."""
    kind = row[2]
    if kind == "Conv":
        return scaled(row[3][0], spec), stride * row[3][2]
    if kind == "nn.Upsample":
        return inputs[0], stride // 2
    if kind == "Concat":
        return sum(inputs), stride
    if kind == "Detect":
        return 0, stride
    return scaled(row[3][0], spec), stride


def _row_convs(
    row: Row, spec: SlimSpec, part: str, place: Place, classes: int, name: str
) -> Iterator[ConvCost]:
    kind, inputs, output, stride = row[2], place.inputs, place.outputs, place.stride
    if kind == "Conv":
        yield ConvCost(part, inputs[0], output, row[3][1], (stride,), step=row[3][2], name=name)
    elif kind == "SPPF":
        hidden = inputs[0] // 2
        yield ConvCost(part, inputs[0], hidden, 1, (stride,), name=f"{name}.cv1")
        yield ConvCost(part, 4 * hidden, output, 1, (stride,), name=f"{name}.cv2")
    elif kind == "C2f":
        yield from _c2f(part, inputs[0], output, repeats(row[1], spec), stride, name)
    elif kind == "Detect":
        yield from _detect(spec, inputs, classes, name)


def _c2f(
    part: str, inputs: int, output: int, blocks: int, stride: int, name: str
) -> Iterator[ConvCost]:
    hidden = output // 2
    yield ConvCost(part, inputs, 2 * hidden, 1, (stride,), name=f"{name}.cv1")
    for block in range(blocks):
        for place in ("cv1", "cv2"):
            yield ConvCost(part, hidden, hidden, 3, (stride,), name=f"{name}.m.{block}.{place}")
    yield ConvCost(part, (2 + blocks) * hidden, output, 1, (stride,), name=f"{name}.cv2")


def tower_widths(spec: SlimSpec, inputs: list[int], classes: int) -> tuple[int, int]:
    """Channels of the box and the class towers, which follow the first level's."""
    return max(16, inputs[0] // 4, 4 * spec.reg_max), max(inputs[0], min(classes, 100))


def _detect(spec: SlimSpec, inputs: list[int], classes: int, row: str) -> Iterator[ConvCost]:
    box, tower = tower_widths(spec, inputs, classes)
    for level, (channels, stride) in enumerate(zip(inputs, spec.strides, strict=True)):
        for width, last, branch in ((box, 4 * spec.reg_max, "cv2"), (tower, classes, "cv3")):
            name = f"{row}.{branch}.{level}"
            yield ConvCost("head", channels, width, 3, (stride,), name=f"{name}.0")
            yield ConvCost("head", width, width, 3, (stride,), name=f"{name}.1")
            yield ConvCost("head", width, last, 1, (stride,), batchnorm=False, name=f"{name}.2")
    if spec.reg_max > 1:  # the fixed sum over the bins, once for each side of a box
        yield ConvCost(
            *("head", spec.reg_max, 1, 1, spec.strides, False),
            per_cell=4,
            trained=False,
            name=f"{row}.dfl",
        )
