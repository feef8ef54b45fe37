"""What became of every tensor when a smaller net inherited from a larger one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgeyolo.slim.origin import Origin

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel


_LAST_OF_BOXES = r"model\.\d+\.cv2\.\d+\.2\.\w+"  # a row for each bin of each side
_LAST_OF_CLASSES = r"model\.\d+\.cv3\.\d+\.2\.\w+"  # a row for each class


@dataclass(frozen=True, slots=True)
class TensorFate:
    """Where the values of one tensor of the new net come from.

    ``fate`` is "inherited" (whole), "sliced" (from a larger tensor), "re-binned" (other bins of the
    same distances), "extended" (some of it, with fresh values beside) or "new", which has no
    source. Of a backbone that learned to classify meanwhile, tensors are "pretrained", and the
    others of the net "kept". What was ``fitted`` afterwards holds other values than those that it
    came with.
    """

    name: str
    shape: tuple[int, ...]
    source: str | None
    source_shape: tuple[int, ...] | None
    fate: str
    fitted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def account(net: DetectionModel, source: DetectionModel, origin: Origin) -> list[TensorFate]:
    """The fate of every tensor of a net, judged by its shape and by the classes that it shares."""
    originals = {name: tuple(value.shape) for name, value in source.state_dict().items()}
    return [_fate(name, tuple(v.shape), originals, origin) for name, v in net.state_dict().items()]


def _fate(
    name: str, shape: tuple[int, ...], originals: dict[str, tuple[int, ...]], origin: Origin
) -> TensorFate:
    old_name = origin.of(name)
    old = originals[old_name]
    if re.fullmatch(_LAST_OF_CLASSES, name):
        known = len(origin.shared_classes()[0])
        if not known:
            return TensorFate(name, shape, None, None, "new")
        if known < len(origin.names):
            return TensorFate(name, shape, old_name, old, "extended")
    if re.fullmatch(_LAST_OF_BOXES, name) and origin.spec.reg_max != origin.source.reg_max:
        return TensorFate(name, shape, old_name, old, "re-binned")
    if any(new > before for new, before in zip(shape, old, strict=True)):
        return TensorFate(name, shape, old_name, old, "extended")
    return TensorFate(name, shape, old_name, old, "inherited" if shape == old else "sliced")


def summary(fates: Sequence[TensorFate]) -> dict[str, int]:
    """Tensors of each fate, and how many of them all were fitted."""
    counts = dict(Counter(fate.fate for fate in fates))
    fitted = sum(fate.fitted for fate in fates)
    return {**counts, "fitted": fitted} if fitted else counts


def table(fates: Sequence[TensorFate]) -> str:
    """One line per tensor."""
    rows = [("tensor", "shape", "fate", "from", "shape there")]
    for f in fates:
        fate = f"{f.fate}, fitted" if f.fitted else f.fate
        rows.append((f.name, _shape(f.shape), fate, f.source or "", _shape(f.source_shape)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def _shape(shape: tuple[int, ...] | None) -> str:
    return "" if shape is None else "x".join(map(str, shape)) or "scalar"
