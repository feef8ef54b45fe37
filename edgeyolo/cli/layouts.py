"""What ``edgeyolo export`` writes for others than our runtime: one ONNX file, or stock files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.options import data_choice, size_for
from edgeyolo.errors import UsageError

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel


@dataclass(frozen=True)
class Asked:
    """What the user asks of an export."""

    model: Path
    engine: str | None
    precision: str
    out: Path
    data: str | None
    imgsz: int | None
    force: bool
    as_json: bool

    @property
    def side(self) -> int:
        """Of the input, or one that is right as long as the net is not opened."""
        from edgeyolo.slim.spec import GRID

        return GRID if self.imgsz is None else self.imgsz

    @cached_property
    def net(self) -> tuple[DetectionModel, int]:
        """The checkpoint, opened once, and the side of its input."""
        from edgeyolo.slim.checkpoint import imgsz_of, open_checkpoint

        net = open_checkpoint(self.model)
        return net, imgsz_of(net) if self.imgsz is None else self.imgsz

    @cached_property
    def photos(self) -> tuple[Path, ...]:
        """To check on: some of the user's, or those that every workshop has."""
        from edgeyolo.export.photos import sample_photos

        return data_choice(self.data).open().images("val")[:4] if self.data else sample_photos()


def standalone_file(asked: Asked, source: str, layout: str) -> None:
    """Write one file; the bundle it is made of may be int8."""
    from edgeyolo.export.standalone import INPUTS
    from edgeyolo.flow.standalone import export_standalone

    if asked.precision != "fp32" or layout != "edgeyolo":
        raise UsageError(
            "--standalone writes the precision that CHECKPOINT has, and goes with no --precision "
            "or --format.",
            "For int8, give it a bundle that edgeyolo quantize --engine onnxruntime wrote.",
        )
    out = asked.out
    if out.suffix != ".onnx":
        raise UsageError(f"{out} is not an ONNX file.", "Name it, as --out net.onnx.")
    if out.exists() and not asked.force:
        raise UsageError(f"{out} exists already.", "Choose another --out, or add --force.")
    kind = next(i for i in INPUTS if i == source)
    size = size_for(asked.model, asked.imgsz)
    written, check = export_standalone(asked.model, kind, out, size, asked.photos)
    facts = {entry.key: entry.value for entry in written.metadata_props}
    answer = {"model": str(out), "size_bytes": out.stat().st_size, **facts, "check": check}
    text = (
        f"{out}: {answer['precision']}, {answer['size_bytes'] / 1e6:.2f} MB; {answer['input']} -> "
        f"boxes, scores, classes; {check['matched']} of {check['detections']} detections as our "
        "runtime gives them"
    )
    click.echo(json.dumps(answer) if asked.as_json else text)
    say_if_untested([check])


def stock_layout(asked: Asked) -> None:
    """Hand over to ultralytics' own exporters."""
    from edgeyolo.device.engine import ENGINES
    from edgeyolo.export.stock import PRECISIONS, check_free
    from edgeyolo.flow.stock import export_stock
    from edgeyolo.plan.plan import parse_engines
    from edgeyolo.slim.spec import check_imgsz

    engines = parse_engines(asked.engine, ENGINES)
    if asked.precision not in PRECISIONS:
        raise UsageError(
            f"The layout of ultralytics is not written in {asked.precision!r}.",
            f"Choose one of {', '.join(PRECISIONS)}.",
        )
    check_imgsz(asked.side)
    net, size = asked.net
    check_free(net, engines, asked.out, force=asked.force)
    half = asked.precision == "fp16"
    written = {
        name: export_stock(net, size, name, asked.out, asked.photos, half=half) for name in engines
    }
    if asked.as_json:
        click.echo(json.dumps({name: str(place) for name, (place, _) in written.items()}))
    else:
        for place, check in written.values():
            click.echo(
                f"{place}; {check['matched']} of {check['detections']} detections as the "
                "checkpoint gives them"
            )
    say_if_untested([check for _, check in written.values()])


def say_if_untested(checks: list[dict[str, Any]]) -> None:
    """Say on stderr when the photos of a check show nothing."""
    if not all(check["detections"] for check in checks):
        click.echo(
            "The photos show nothing that this net detects, so the file was not put to the test; "
            "name your own with --data.",
            err=True,
        )
