"""Published latencies: a table of them, and the work of the networks in it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from fit_costs import Measured

from edgeyolo.measure.costs import Vector, terms
from edgeyolo.measure.ncnn_param import work_of_param
from edgeyolo.measure.work import Kind, Work, work_of
from edgeyolo.slim.spec import SlimSpec

# Boards of the table → our profiles.
BOARDS = {
    "rpi-zero2w": "raspberry-pi-zero-2w",
    "rpi3b+": "raspberry-pi-3b-plus",
    "rpi4": "raspberry-pi-4",
    "rpi5": "raspberry-pi-5",
    "jetson-nano": "jetson-nano",
    "jetson-orin-nano": "jetson-orin-nano",
    "jetson-orin-nano-super": "jetson-orin-nano-super",
    "jetson-orin-nx16": "jetson-orin-nx-16gb",
}
_COCO_CLASSES = 80
_YOLOBENCH = re.compile(r"depth=([\d.]+) width=([\d.]+) max_ch=(\d+)")
_STOCK = {
    "yolov8n": SlimSpec(width=0.25, depth=0.33, max_channels=1024),
    "yolov8s": SlimSpec(width=0.5, depth=0.33, max_channels=1024),
    "yolov8m": SlimSpec(width=0.75, depth=0.67, max_channels=768),
    "yolov8l": SlimSpec(width=1.0, depth=1.0, max_channels=512),
    "yolov8x": SlimSpec(width=1.25, depth=1.0, max_channels=512),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One published latency."""

    board: str
    engine: str
    model: str
    width: int
    height: int
    precision: str
    milliseconds: float
    threads: int | None
    mhz: float | None
    source: str
    published: str
    note: str


def read_table(path: Path) -> list[Row]:
    """Rows of boards that we have a profile of, without those that are marked as suspect."""
    with path.open(newline="", encoding="utf-8") as file:
        given = [row for row in csv.DictReader(file) if row["device"] in BOARDS and row["imgsz"]]
    rows = [_row(values) for values in given]
    return [row for row in rows if "SUSPECT" not in row.note]


def _row(values: dict[str, str]) -> Row:
    # One run that met something else on the board says little; its fastest loop does.
    unstable = "UNSTABLE" in values["note"] and values["latency_min_ms"]
    width, height = map(int, values["imgsz"].split("x"))
    return Row(
        board=BOARDS[values["device"]],
        engine=values["engine"],
        model=values["model"],
        width=width,
        height=height,
        precision="int8" if values["precision"] == "int8" else "float",
        milliseconds=float(values["latency_min_ms" if unstable else "latency_ms"]),
        threads=int(values["threads"]) if values["threads"] else None,
        mhz=float(values["freq_mhz"]) if values["freq_mhz"] else None,
        source=values["source"],
        published=values["published"],
        note=values["note"],
    )


class Networks:
    """Works out what the networks of the table ask of a machine."""

    def __init__(self, params: Path) -> None:
        self._params = params
        self._known: dict[tuple[str, int, int], list[Work] | None] = {}

    def work(self, row: Row) -> list[Work] | None:
        """``None`` for a network whose layers are not known."""
        key = (row.model, row.width, row.height)
        if key not in self._known:
            self._known[key] = self._work(row)
        return self._known[key]

    def _work(self, row: Row) -> list[Work] | None:
        param = self._params / f"{row.model}.param"
        if param.is_file():
            return work_of_param(param, row.width, row.height)
        if row.width != row.height:
            return None
        found = _YOLOBENCH.search(row.note) if row.model.startswith("yolobench:yolo8") else None
        if found:
            depth, width, most = found.groups()
            spec = SlimSpec(width=float(width), depth=float(depth), max_channels=int(most))
            return work_of(spec, _COCO_CLASSES, row.width)
        if row.model in _STOCK:
            return work_of(_STOCK[row.model], _COCO_CLASSES, row.width)
        if re.fullmatch(r"yolo(11|26)[nsmlx]", row.model):
            return _work_of_torch(row.model, row.width)
        return None


@cache
def _work_of_torch(name: str, imgsz: int) -> list[Work]:
    """Layers of another net of ultralytics', from a run with random weights."""
    import torch
    from ultralytics.nn.modules import Concat
    from ultralytics.nn.tasks import DetectionModel

    net = DetectionModel(f"{name}.yaml", verbose=False).eval().fuse(verbose=False)
    found: list[Work] = []

    def convolution(module: torch.nn.Conv2d, given: tuple[torch.Tensor], out: torch.Tensor) -> None:
        kernel, stride = module.kernel_size[0], module.stride[0]
        kind: Kind = "conv1" if kernel == 1 else "conv"
        if kernel == 3 and stride == 1:
            kind = "conv3"
        if module.groups == module.out_channels > 1:
            kind = "depthwise"
        weights = module.weight.numel()
        macs = weights * out.shape[2] * out.shape[3]
        found.append(Work(kind, macs, given[0].numel() + out.numel(), weights, out.shape[3]))

    def move(_: object, given: tuple[object, ...], out: torch.Tensor) -> None:
        found.append(Work("move", 0, 2 * out.numel()))

    watched: dict[type, Callable[..., None]] = {
        torch.nn.Conv2d: convolution,
        torch.nn.SiLU: move,
        torch.nn.Upsample: move,
        torch.nn.MaxPool2d: move,
        Concat: move,
    }
    with ExitStack() as stack, torch.inference_mode():
        for module in net.modules():
            if type(module) in watched:
                # Removed again, as all nets share one SiLU.
                stack.enter_context(module.register_forward_hook(watched[type(module)]))
        net(torch.zeros(1, 3, imgsz, imgsz))
    return found


def measured(rows: Iterator[Row] | list[Row], networks: Networks, cache_bytes: int) -> Measured:
    """Those rows whose network is known, as a fit takes them."""
    known = [(row, work) for row in rows if (work := networks.work(row)) is not None]
    counts: list[Vector] = [terms(work, cache_bytes) for _, work in known]
    return Measured(
        counts=np.array(counts),
        milliseconds=np.array([row.milliseconds for row, _ in known]),
        threads=np.array([row.threads for row, _ in known]),
        groups=np.array([row.model for row, _ in known]),
    )
