"""Activation memory of a net, from its specification alone. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgeyolo.slim.architecture import Row, inputs_of, layers
from edgeyolo.slim.cost import places, repeats, tower_widths
from edgeyolo.slim.spec import SlimSpec

_BYTES = 4  # float32


def activation_bytes(spec: SlimSpec, classes: int, imgsz: int) -> int:
    """Peak of the activations that are alive at once for one image, float32, in bytes.

    Rows are run one after the other as PyTorch does, BatchNorm folded and activations in place; a
    tensor goes when the last row that reads it is done. The input image counts; the workspace of
    the convolutions, which differs between engines, does not.
    """
    rows = [layer.row for layer in layers(spec)]
    sources = [inputs_of(index, row) for index, row in enumerate(rows)]
    last_use = {source: index for index, used in enumerate(sources) for source in used}
    meter = _Meter()
    sizes = {-1: meter.take(3 * imgsz * imgsz)}
    for index, (row, place) in enumerate(zip(rows, places(spec), strict=True)):
        cells = (imgsz // place.stride) ** 2
        if row[2] == "Detect":
            _detect(meter, spec, place.inputs, classes, imgsz)
        else:
            _row(meter, row, spec, place.inputs, place.outputs, cells)
        sizes[index] = place.outputs * cells
        for source in {s for s in sources[index] if last_use[s] == index}:
            meter.give(sizes[source])
    return _BYTES * meter.peak


class _Meter:
    """Counts elements that are alive, and the most there ever were."""

    def __init__(self) -> None:
        self.alive = self.peak = 0

    def take(self, count: int) -> int:
        self.alive += count
        self.peak = max(self.peak, self.alive)
        return count

    def give(self, count: int) -> None:
        self.alive -= count

    @contextmanager
    def hold(self, count: int) -> Iterator[None]:
        self.take(count)
        yield
        self.give(count)


def _row(
    meter: _Meter, row: Row, spec: SlimSpec, inputs: list[int], output: int, cells: int
) -> None:
    """Run a row: what it needs inside is gone afterwards, its output stays."""
    if row[2] == "C2f":
        hidden, blocks = output // 2, repeats(row[1], spec)
        parts = (2 + blocks) * hidden * cells
        with meter.hold(2 * hidden * cells):
            for _ in range(blocks):
                with meter.hold(hidden * cells):
                    meter.take(hidden * cells)
            with meter.hold(parts):
                meter.take(output * cells)
        meter.give(blocks * hidden * cells)
    elif row[2] == "SPPF":
        hidden = inputs[0] // 2 * cells
        with meter.hold(4 * hidden), meter.hold(4 * hidden):  # the four parts, and them joined
            meter.take(output * cells)
    else:
        meter.take(output * cells)


def _detect(meter: _Meter, spec: SlimSpec, inputs: list[int], classes: int, imgsz: int) -> None:
    box, tower = tower_widths(spec, inputs, classes)
    for stride in spec.strides:
        cells = (imgsz // stride) ** 2
        for width, last in ((box, 4 * spec.reg_max), (tower, classes)):
            with meter.hold(width * cells):
                meter.take(width * cells)
            meter.take(last * cells)
            meter.give(width * cells)
